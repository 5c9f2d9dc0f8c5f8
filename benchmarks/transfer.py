"""From one set of white cells to another and back: what is left of a result. One command, one table.

    python benchmarks/transfer.py PBC WBC_MASKS --weights FILE [--each 100] [--cache FOLDER]

PBC (Barcelona, 360 x 363 pixels) and the 300 cells of Zheng et al. (120 x 120 pixels) share five classes:
neutrophil, lymphocyte, monocyte, eosinophil, basophil. Of the second set one cell only is a basophil: it is
neither learnt from nor tested on, so that set has four classes, and a head from it is tested on four; one from
PBC knows five. Its labels are unchecked by their authors. A head is fit on one set and tested on the other; beside it stand
five random folds within each set, and the head that knows nine colour percentiles only.

Pixels are brought to about one size of cell: of PBC the central 240 pixels, of the other set the whole image,
both resized to 224. Stain normalisation (Reinhard's) is fitted on training images only and applied to both.
ConvNeXtTiny is not run: with random weights it would say nothing, and trained ones are not part of Keras.
No subjects are known in either set: intervals take cells as independent and are too narrow.

Then, why the SVM does so badly: how far the tested cells lie from the training ones, the kernel (1 for equal cells) of a
cell with its nearest training cell, how far the decision values move from cell to cell, which classes are called, and
the balanced accuracy with wider kernels, and where only the tested classes were learnt. The wider kernels are tried on
the tested cells to find the cause; nothing is chosen by them.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import leukfeat as lf
from leukfeat.classifier.novelty import TrainingReference
from leukfeat.imaging import ReinhardNormalizer, crop_window, read_image

CLASSES = ["neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil"]
HEADS = ["svm", "logistic_regression"]


def resized(image):
    return cv2.resize(image, (224, 224), interpolation=cv2.INTER_AREA)


def pbc(folder, each):
    images, labels = [], []
    for label in CLASSES:
        paths = sorted((Path(folder) / label).glob("*.jpg"))
        for path in paths[: each or None]:
            images.append(resized(crop_window(read_image(str(path)), side=240)))
            labels.append(label)
    return lf.CellDataset.from_arrays(images, labels, class_names=CLASSES, name="PBC")


def wbc_masks(folder):
    images, labels = [], []
    with (Path(folder) / "labels.csv").open() as file:
        for row in csv.DictReader(file):
            path = Path(folder) / f"{int(row['image ID']):03d}.png"
            images.append(resized(read_image(str(path))))
            labels.append(CLASSES[int(row["class label"]) - 1])
    return lf.CellDataset.from_arrays(images, labels, class_names=CLASSES, name="wbc_masks")


def common(features, other):
    """Keep the classes of which there are five cells or more, and which the other set has too."""
    known = [set(np.flatnonzero(np.bincount(one.y, minlength=5) >= 5)) for one in (features, other)]
    return features[np.isin(features.y, sorted(known[0] & known[1]))]


def enough(features):
    return common(features, features)


def normalised(cells, normaliser):
    frame = cells.frame
    frame["image"] = normaliser.transform(cells.images)
    return lf.CellDataset(frame, class_names=CLASSES, name=cells.name)


def show(test, train, stain, results):
    for name, one in results.items():
        each = " / ".join(
            f"{one[f'sensitivity[{c}]'].estimate:.2f}"
            for c in CLASSES
            if (f"sensitivity[{c}]", "cells") in one.figures
        )
        print(
            f"| {train} | {test} | {stain} | {name} | {one['balanced_accuracy']} | "
            f"{one['accuracy']} | {each} |",
            flush=True,
        )


def why(train, test, seen, unseen):
    far = TrainingReference().fit(seen.X).distance(unseen.X) > 1
    scaler = StandardScaler().fit(seen.X)
    known, asked = scaler.transform(seen.X), scaler.transform(unseen.X)
    shift = (asked.mean(0) ** 2).sum() / (asked**2).sum(1).mean()
    width = 1 / known.shape[1]
    among = np.sort(rbf_kernel(known, gamma=width), axis=1)[:, -2]
    nearest = rbf_kernel(asked, known, gamma=width).max(1)
    print(f"\n{train} to {test}: {100 * far.mean():.0f} % of the cells are far; ", end="")
    print(f"squared length {(asked**2).sum(1).mean():.0f} (training {known.shape[1]}), ", end="")
    print(f"{100 * shift:.0f} % of it a shift of the mean; ", end="")
    print(f"nearest kernel {np.median(nearest):.3f} (among training {np.median(among):.3f})")
    tested = np.isin(seen.y, np.unique(unseen.y))
    for factor in (1.0, 0.3, 0.1):
        svm = SVC(gamma=factor * width, class_weight="balanced").fit(known, seen.y)
        fewer = SVC(gamma=factor * width, class_weight="balanced").fit(
            known[tested], seen.y[tested]
        )
        called = np.bincount(svm.predict(asked), minlength=len(CLASSES))
        moves = (
            svm.decision_function(asked).std(0).mean() / svm.decision_function(known).std(0).mean()
        )
        right, right_fewer = (
            balanced_accuracy_score(unseen.y, m.predict(asked)) for m in (svm, fewer)
        )
        print(
            f"  gamma x {factor:g}: {right:.3f}, tested classes only {right_fewer:.3f}; decision values move "
            f"{moves:.2f} of training's; called {dict(zip(CLASSES, called.tolist(), strict=True))}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pbc")
    parser.add_argument("wbc_masks")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--each", type=int, default=100, help="PBC cells a class; 0: all")
    parser.add_argument("--cache", default=None)
    given = parser.parse_args()
    settings = {"weights": given.weights, "cache": given.cache, "progress": False}
    sets = {"PBC": pbc(given.pbc, given.each), "wbc_masks": wbc_masks(given.wbc_masks)}
    for name, cells in sets.items():
        print(f"{name}: {', '.join(f'{c} {n}' for c, n in cells.summary()['cells'].items())}")
    print(f"\nsensitivity: {' / '.join(CLASSES)}\n")
    print("| trained on | tested on | stain | head | balanced accuracy | accuracy | sensitivity |")
    print("|---|---|---|---|--:|--:|--:|")
    plain = {name: lf.extract_features(cells, **settings) for name, cells in sets.items()}
    shown = [*HEADS, "colour only"]
    for name, features in plain.items():
        within = lf.cross_validate_heads(enough(features), HEADS, split="random", tune=False)
        show(name, f"{name}, folds", "as it is", {h: within[h] for h in shown})
    for train, test in (("PBC", "wbc_masks"), ("wbc_masks", "PBC")):
        normaliser = ReinhardNormalizer().fit(sets[train].images)
        pairs = {
            "as it is": (plain[train], plain[test]),
            "normalised": tuple(
                lf.extract_features(normalised(sets[name], normaliser), **settings)
                for name in (train, test)
            ),
        }
        for stain, (seen, unseen) in pairs.items():
            results = {}
            for head in HEADS:
                fitted = lf.fit_head(enough(seen), head, tune=False)
                results[head] = lf.evaluate(fitted, common(unseen, seen))
            results["colour only"] = results[HEADS[0]].controls["colour only"]
            show(test, train, stain, results)
    for train, test in (("PBC", "wbc_masks"), ("wbc_masks", "PBC")):
        why(train, test, enough(plain[train]), common(plain[test], plain[train]))


if __name__ == "__main__":
    main()
