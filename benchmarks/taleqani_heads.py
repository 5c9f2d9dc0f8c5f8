"""Three heads on the Taleqani smears, five random folds, beside the colour-only head.

    python benchmarks/taleqani_heads.py DATA --weights FILE [--cache FOLDER]

The set has no subjects, so these numbers say nothing about new patients: the table exists to hold
the library to figures known from elsewhere.
"""

import argparse

import leukfeat as lf

HEADS = ["svm", "logistic_regression", "random_forest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default="taleqani-features")
    given = parser.parse_args()
    print("| task | head | accuracy | balanced accuracy |\n|---|---|---|---|")
    for task, binary in (("Benign against the rest", True), ("four classes", False)):
        cells = lf.load_taleqani(given.data, binary=binary)
        features = lf.extract_features(cells, weights=given.weights, cache=given.cache)
        result = lf.cross_validate_heads(features, HEADS, split="random", n_splits=5)
        for name, one in result.all.items():
            print(
                f"| {task} | {name} | {one['accuracy']} | {one['balanced_accuracy']} |", flush=True
            )


if __name__ == "__main__":
    main()
