"""Time of measuring images standardised as a batch in every fold: anew, shared, and from the cache.

    python benchmarks/standardised.py --cells 1200 --jobs 2

The folds are those of the recipe `random-forest` with `--as-published`: three at random, three by
subject, three standardised by all cells. "anew" measures every cell in every fold in one process;
"shared" measures a cell once for each standardisation (moments in whole grey levels); "again" is a
second run from the cache. Cells are procedural, or with `--data FOLDER` one's own. One run each.
"""

import argparse
import tempfile
import time

import numpy as np

import leukfeat as lf
from leukfeat.cnn import read_cells
from leukfeat.recipes import load_recipe
from leukfeat.recipes.standardised_rows import StandardisedRows
from leukfeat.recipes.standardising import channel_moments, measure_standardised
from leukfeat.splitting import make_splits


def jobs_of_a_run(images, n_splits):
    """Yield moments and rows of each side, in the order of a run."""
    of_all = channel_moments(images)
    for split in ("random", "group", "all"):
        kind = "random" if split == "all" else split
        for one in make_splits(images, split=kind, n_splits=n_splits, random_state=0):
            moments = of_all if split == "all" else channel_moments(images[one.train])
            yield moments, one.train
            yield moments, one.test


def timed(what, plan, measure):
    start = time.perf_counter()
    for moments, rows in plan:
        measure(moments, rows)
    wall = time.perf_counter() - start
    n = sum(len(rows) for _, rows in plan)
    print(f"| {what} | {n} | {wall:.1f} | {n / wall:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1200)
    parser.add_argument("--data")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    if given.data:
        cells = lf.load_cells(given.data)
        chosen = np.random.default_rng(0).permutation(len(cells))[: given.cells]
        cells = cells[np.sort(chosen)]
    else:
        cells = lf.make_cells(48, given.cells, size=224, random_state=0)
    recipe = load_recipe("random-forest")
    step = recipe.features.handcrafted
    images = read_cells(cells, input_size=(step.standardised_size,) * 2, progress=False)
    plan = list(jobs_of_a_run(images, recipe.split.n_splits))
    distinct = {np.concatenate(moments.whole()).tobytes() for moments, _ in plan}
    print(f"{len(images)} cells, {len(plan) // 2} folds, {len(distinct)} standardisations")
    print("| way | rows asked for | seconds | rows a second |\n|---|---|---|---|")
    timed("anew, one process", plan, lambda m, r: measure_standardised(images[r], m, step))
    timed("shared, one process", plan, StandardisedRows(images, step).take)
    with tempfile.TemporaryDirectory() as cache:
        for what in ("shared, cached", "again"):
            rows = StandardisedRows(images, step, cache=cache, n_jobs=given.jobs)
            timed(f"{what}, {given.jobs} processes", plan, rows.take)


if __name__ == "__main__":
    main()
