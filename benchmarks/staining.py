"""Does the Taleqani set measure cells, or staining? One command, one table.

    python benchmarks/staining.py DATA --weights FILE [--each 80] [--blocks 8] [--cache FOLDER]

The same ResNet50 features and the same two heads (RBF SVM and logistic regression, settings fixed, nothing
tuned) on six versions of the same images, four classes:

* whole image;
* cells erased: laid out anew from pieces of its own background (`leukfeat.evaluation.erase_cells`);
* cells only: all but stained cells painted in one grey;
* grey: the lightness alone;
* colour-matched: mean and spread of each Lab channel set to the same values in every image;
* cells erased and colour-matched: the texture of the background alone.

Each by random folds, and by blocks of file numbers: neighbouring files are likely to be fields of one slide, so
block k holds the k-th part of each class's numbers, and a block is held out whole. Images that have a copy are
dropped first. Chance is a balanced accuracy of 0.25. No subjects are known: intervals by random folds take
images as independent and are too narrow, those by blocks stand on the blocks.

Said before it was run, what result would mean what:

* The set measures staining (or whatever else differs between the slides of the classes) if, with the cells
  erased and by blocks, the lower end of the interval of the balanced accuracy is above 0.50, twice chance: then
  more than what is left to explain is told where no cell is.
* Colour is what tells it if matching colours, or grey, costs 0.10 of balanced accuracy or more by blocks.
* Random folds flatter if they give 0.10 more than blocks on whole images.
* The set measures cells if cells alone are within 0.05 of whole images by blocks, and erased ones are below 0.35.
"""

import argparse

import cv2
import numpy as np

import leukfeat as lf
from leukfeat.evaluation import audit, erase_cells
from leukfeat.evaluation.audit.erasing import stained_mask
from leukfeat.imaging import read_image

GREY = 190


def chosen(cells, each, blocks):
    """Take images evenly along the file numbers of each class, and say in which block each stands."""
    rows, block = [], []
    for label in np.unique(cells.y):
        mine = np.flatnonzero(cells.y == label)
        mine = mine[np.argsort([cells.images[i] for i in mine])]
        places = np.unique(np.linspace(0, len(mine) - 1, each or len(mine)).astype(int))
        rows += mine[places].tolist()
        block += (places * blocks // len(mine)).tolist()
    return cells[rows], np.array([f"block {b}" for b in block], object)


def colour_matched(image, mean=(200.0, 140.0, 125.0), spread=(30.0, 8.0, 8.0)):
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(np.float32)
    own = lab.reshape(-1, 3)
    lab = (lab - own.mean(0)) / np.maximum(own.std(0), 1.0) * np.float32(spread) + np.float32(mean)
    return cv2.cvtColor(np.clip(lab, 0, 255).round().astype(np.uint8), cv2.COLOR_LAB2RGB)


def cells_only(image):
    return np.where(stained_mask(image)[..., None], image, np.uint8(GREY))


def grey(image):
    return np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default=None)
    parser.add_argument("--each", type=int, default=80, help="images a class; 0: all")
    parser.add_argument("--blocks", type=int, default=8)
    given = parser.parse_args()
    every = lf.load_taleqani(given.data)
    some, block = chosen(every, given.each, given.blocks)
    frame = some.frame
    frame["block"] = block
    frame["image"] = [read_image(path) for path in frame["image"]]
    some = lf.CellDataset(frame, class_names=every.class_names, name="taleqani")
    looked = audit(some, clues=False)
    cells = looked.without_copies(some)
    erased = erase_cells(cells).images
    versions = {
        "whole image": cells.images,
        "cells erased": erased,
        "cells only": [cells_only(image) for image in cells.images],
        "grey": [grey(image) for image in cells.images],
        "colour-matched": [colour_matched(image) for image in cells.images],
        "erased, colour-matched": [colour_matched(image) for image in erased],
    }
    print(
        f"{len(cells)} images ({len(some) - len(cells)} dropped as copies), {given.blocks} blocks; "
        f"classes {', '.join(cells.class_names)}; balanced accuracy (95 % interval)\n"
    )
    print(
        "| images | head | random folds | blocks of file numbers |\n|---|---|--:|--:|", flush=True
    )
    heads = ["svm", "logistic_regression"]
    for name, images in versions.items():
        frame = cells.frame
        frame["image"] = images
        changed = lf.CellDataset(frame, class_names=cells.class_names, name=f"taleqani, {name}")
        features = lf.extract_features(
            changed, weights=given.weights, cache=given.cache, progress=False
        )
        columns = {}
        for split, settings in (
            ("random", {"n_splits": given.blocks}),
            ("leave_one_out", {"by": "block"}),
        ):
            columns[split] = lf.cross_validate_heads(
                features, heads, split=split, tune=False, **settings
            )
        shown = [*heads, "colour only"]
        for head in shown:
            row = [str(columns[split][head]["balanced_accuracy"]) for split in columns]
            print(f"| {name} | {head} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
