"""Hand-crafted features beside deep ones, and both together, on the Taleqani smears or on PBC.

    python benchmarks/handcrafted_heads.py ../shared/data/taleqani --weights FILE --each 60
    python benchmarks/handcrafted_heads.py ../shared/data/pbc --weights FILE --each 40

    [--cache FOLDER] [--jobs 2] [--only WORD ...]

`--each` images of every class (0: all), drawn at random, five random folds; SVM and random forest, and
the control head on colour alone. Neither set tells its subjects, so these numbers say nothing about new
patients. Of an image the white cell near the middle is measured (`segmentation="default"`), or the whole
("none", texture and colour only): the Taleqani fields hold several cells, an image of PBC one.
"""

import argparse

import numpy as np

import leukfeat as lf
from leukfeat.imaging import read_image

HEADS = ["svm", "random_forest"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default="handcrafted-heads")
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--only", nargs="+", help="spaces whose name holds one of these words")
    parser.add_argument("--jobs", type=int, default=None)
    given = parser.parse_args()
    cells = lf.load_cells(given.data)
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
        "hand-crafted, whole image": field,
        "ResNet50": deep,
        "ResNet50 + central cell": lf.join_features(deep, cell),
        "ResNet50 + whole image": lf.join_features(deep, field),
    }
    if min(min(read_image(path).shape[:2]) for path in cells.images[:20]) > 224:
        # At the scale of the images, and from the stages that served best there (docs/own_cells).
        near = lf.extract_features(
            cells, weights=given.weights, cache=given.cache, crop=224, layers=["conv3", "conv4"]
        )
        spaces["ResNet50 conv3 + conv4, central 224 px"] = near
        spaces["the same + central cell"] = lf.join_features(near, cell)
    found = cell.X[:, list(cell.feature_names).index("cell_area_px2")] > 0
    print(
        f"{len(cells)} images of {len(cells.class_names)} classes; a cell was found in {found.sum()}"
    )
    print("| features | columns | head | accuracy | balanced accuracy |\n|---|---|---|---|---|")
    for name, features in spaces.items():
        if given.only and not any(word in name for word in given.only):
            continue
        result = lf.cross_validate_heads(features, HEADS, split="random", n_splits=5)
        for head, one in result.all.items():
            # What the images' size and colour alone tell is the same for every row.
            if head in HEADS or features is deep:
                print(
                    f"| {name} | {features.shape[1]} | {head} | {one['accuracy']} | "
                    f"{one['balanced_accuracy']} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
