"""The sentences of the literature on real cells, in networks small enough for minutes.

    python benchmarks/claims.py DATA --weights FILE [--each 40] [--size 64] [--epochs 10] [--n-runs 5]
    python benchmarks/claims.py DATA --claim relu-converges-faster --claim relu-fits-closer

`leukfeat reproduce --claims` trains networks of 200 x 200 pixels; here `--each` cells a class are drawn at
random and brought to `--size`, everything else is the same. With `--out` a run that was stopped goes on,
and claims that need the same networks share them. Sets without subjects are divided by cells.
"""

import argparse

from recipes import some_of_each

import leukfeat as lf
from leukfeat.recipes import try_claims


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--each", type=int, default=40, help="cells a class")
    parser.add_argument("--size", type=int, default=64, help="side of the networks' input")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--n-runs", type=int, default=5)
    parser.add_argument("--claim", action="append")
    parser.add_argument("--masks", help="CSV with the columns image and mask")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--out")
    given = parser.parse_args()
    cells = some_of_each(lf.load_cells(given.data), given.each)
    print(f"{cells!r}, {given.size} x {given.size} px", flush=True)
    found = try_claims(
        cells,
        names=given.claim,
        masks=lf.load_cells(given.masks) if given.masks else None,
        weights=given.weights,
        n_runs=given.n_runs,
        cnn={"epochs": given.epochs, "input_size": (given.size, given.size)},
        output=given.out,
        cache=given.out and f"{given.out}/cache",
        progress=False,
    )
    print(found.to_markdown())


if __name__ == "__main__":
    main()
