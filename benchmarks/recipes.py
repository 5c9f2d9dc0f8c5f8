"""Every recipe on the same cells: its main figure by its split, by group and as published, with times.

    python benchmarks/recipes.py --weights FILE                        # procedural cells, with subjects
    python benchmarks/recipes.py --weights FILE --data FOLDER --each 60  # so many cells a class, at random
    python benchmarks/recipes.py cnn attention-cnn ...                 # only these
    python benchmarks/recipes.py --group-only --data FOLDER ...        # not by their split
    python benchmarks/recipes.py resrandsvm --variant 'resnet50 + *' --weights FILE   # a part of the grid

The recipes are run as they are, but for `--splits` folds and at most `--epochs` epochs of a network,
so that a table takes minutes. `--weights` are those of ResNet50; the other networks have seeded random
weights, and `resrandsvm` and `abhishek` are left out on `--data` for that reason. Expression recipes run
on a made matrix. A row is printed as soon as it is there; with `--out` a second run goes on.
"""

import argparse
import time

import numpy as np

import leukfeat as lf
from leukfeat.recipes import list_recipes, load_recipe, recipes_overview, run_recipe


def some_of_each(cells, each):
    """Return `each` cells of every class, drawn at random."""
    rng = np.random.default_rng(0)
    rows = [rng.permutation(np.flatnonzero(cells.y == c))[:each] for c in np.unique(cells.y)]
    return cells[np.sort(np.concatenate(rows))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--data")
    parser.add_argument("--each", type=int, default=60, help="cells a class of --data")
    parser.add_argument("--cells", type=int, default=240, help="procedural cells")
    parser.add_argument("--subjects", type=int, default=24, help="their subjects")
    parser.add_argument("--weights", default="random")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--as-published", action="store_true")
    parser.add_argument("--group-only", action="store_true", help="not by their split")
    parser.add_argument("--variant", help="only variants of this pattern")
    parser.add_argument("--out")
    given = parser.parse_args()
    names = given.names or list_recipes()
    if given.data:
        cells = some_of_each(lf.load_cells(given.data), given.each)
        if not given.names:
            left_out = {"resrandsvm", "abhishek", "ldsvm", "mallick"}
            names = [name for name in names if name not in left_out]
    else:
        cells = lf.make_cells(given.subjects, given.cells, size=224, random_state=0)
    print(f"{cells!r}, {given.splits} folds, at most {given.epochs} epochs", flush=True)
    headed = None
    for name in names:
        recipe = load_recipe(name)
        if given.group_only:
            recipe = recipe.override({"split": {"theirs": "group"}})
        networks = recipe.features.backbones if recipe.features else ()
        weights = {n: given.weights if n == "resnet50" else "random" for n in networks}
        start = time.perf_counter()
        result = run_recipe(
            recipe,
            None if recipe.kind == "matrix" else cells,
            weights=weights or "random",
            output=given.out,
            cache=given.out and f"{given.out}/cache",
            n_splits=given.splits,
            epochs=given.epochs,
            as_published=given.as_published,
            variants=given.variant,
            progress=False,
        )
        took = time.perf_counter() - start
        table = recipes_overview([result])
        if headed != list(table.columns):
            headed = list(table.columns)
            print("\n| " + " | ".join(headed) + " |\n" + "|---" * len(headed) + "|")
        for row in table.to_numpy():
            print("| " + " | ".join(row) + " |", flush=True)
        for reason in result.reasons:
            print(f"<!-- {name}: {reason} -->", flush=True)
        print(f"<!-- {name}: {took:.0f} s in this call -->", flush=True)


if __name__ == "__main__":
    main()
