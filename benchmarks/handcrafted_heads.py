"""Hand-crafted features on the Taleqani smears, beside deep ones, and both together.

    python benchmarks/handcrafted_heads.py DATA --weights FILE [--cache FOLDER] [--each 100] [--jobs 2]

Four classes, `--each` images of every class (0: all), five random folds; SVM and random forest. The set
has no subjects, so these numbers say nothing about new patients. Fields hold several cells: what is
measured is the white cell near the middle (`segmentation="default"`), or the whole field ("none", texture
and colour only).
"""

import argparse

import numpy as np

import leukfeat as lf

HEADS = ["svm", "random_forest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default="taleqani-features")
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=None)
    given = parser.parse_args()
    cells = lf.load_taleqani(given.data)
    if given.each:
        rng = np.random.default_rng(0)
        kept = [
            rng.permutation(np.flatnonzero(cells.y == label))[: given.each]
            for label in np.unique(cells.y)
        ]
        cells = cells[np.sort(np.concatenate(kept))]
    settings = {"cache": given.cache, "n_jobs": given.jobs}
    cell = lf.extract_handcrafted(cells, **settings)
    field = lf.extract_handcrafted(cells, ["texture", "colour"], segmentation="none", **settings)
    deep = lf.extract_features(cells, weights=given.weights, cache=given.cache)
    spaces = {
        "hand-crafted, central cell": cell,
        "hand-crafted, whole field": field,
        "ResNet50": deep,
        "ResNet50 + central cell": lf.join_features(deep, cell),
        "ResNet50 + whole field": lf.join_features(deep, field),
    }
    print(f"{len(cells)} images of {len(cells.class_names)} classes")
    print("| features | columns | head | accuracy | balanced accuracy |\n|---|---|---|---|---|")
    for name, features in spaces.items():
        result = lf.cross_validate_heads(features, HEADS, split="random", n_splits=5)
        for head, one in result.all.items():
            if head in HEADS or features is deep:
                print(
                    f"| {name} | {features.shape[1]} | {head} | {one['accuracy']} | "
                    f"{one['balanced_accuracy']} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
