"""What heads lose on features of less precision: float32, bfloat16 and 8 bits side by side.

    python benchmarks/precisions.py [--taleqani DATA] [--pbc DATA] --weights FILE [--each 40]

The network in 8 bits is calibrated on cells that are neither trained on nor tested. Neither set has
subjects: folds are random, and the numbers say nothing about new patients.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from extraction import offered

import leukfeat as lf

HEADS = ["svm", "logistic_regression", "random_forest"]


def drawn(cells, each, seed=0):
    """Return `each` cells of every class, and up to as many others to calibrate on."""
    rng = np.random.default_rng(seed)
    some, others = [], []
    for label in range(len(cells.class_names)):
        here = rng.permutation(np.flatnonzero(cells.y == label))
        some += sorted(here[:each])
        others += sorted(here[each : each + max(1, 100 // len(cells.class_names))])
    return cells[np.array(some)], cells[np.array(others)]


def measure(sets, weights, each):
    """Yield ``(cells, number of cells, precision, accuracy of each head)``."""
    for name, whole in sets:
        cells, others = drawn(whole, each)
        with tempfile.TemporaryDirectory() as folder:
            settings = {"weights": weights, "progress": False}
            made = lf.calibrate_int8(others, Path(folder, "a.int8"), **settings)
            for precision in filter(offered, ("float32", "bfloat16", "int8")):
                features = lf.extract_features(
                    cells,
                    precision=precision,
                    calibration=made.path if precision == "int8" else None,
                    engine="openvino",
                    **settings,
                )
                result = lf.cross_validate_heads(features, HEADS, split="random", cv=3)
                yield name, len(cells), precision, [str(result[h]["accuracy"]) for h in HEADS]


def sets_of(taleqani, pbc):
    """Return the name and cells of each set whose folder is given."""
    sets = []
    if taleqani:
        sets.append(("Taleqani", lf.load_taleqani(taleqani, binary=False)))
    if pbc:
        sets.append(("PBC", lf.load_pbc(pbc)))
    return sets


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taleqani")
    parser.add_argument("--pbc")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--each", type=int, default=40)
    given = parser.parse_args()
    print("| cells | precision | " + " | ".join(HEADS) + " |\n|---|---|---|---|---|")
    sets = sets_of(given.taleqani, given.pbc)
    for name, n_cells, precision, accuracies in measure(sets, given.weights, given.each):
        print(f"| {name}, {n_cells} | {precision} | {' | '.join(accuracies)} |", flush=True)


if __name__ == "__main__":
    main()
