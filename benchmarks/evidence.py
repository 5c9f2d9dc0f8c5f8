"""Is the evidence on the cue, and does it follow the labels? One command, one table.

    python benchmarks/evidence.py DATA --weights FILE [--set pbc] [--each 60] [--pictures FOLDER]

DATA is the PBC cells (a folder a class; Mendeley snkd93bnjr.1) or the Taleqani smears (doi 10.34740/KAGGLE/DSV/2175623).
Two classes, real images, ResNet50 features, heads with fixed settings. For each head:

planted   A magenta square of 48 x 48 pixels is put at a drawn place of every image of the second class, heads are fitted on
          these images, and the square's part of the positive evidence is measured on cells of the second class that were
          not in training. A place of the network's map is 32 pixels wide and sees more than its own pixels, so the square
          is taken with 16 pixels around it ("close"), and with 32 ("touched": every place that the square reaches into).
          By chance it would be the part of the picture that this takes ("area").
shuffled  Without the square: rank correlation of the map of a head with that of the same head after its labels were shuffled
          (mean over shuffles and cells; wanted below 0.2).
on cells  Without the square: the part of the positive evidence that lies on the segmented white cell, and the part of the
          picture that the cell takes. Above it, the evidence prefers the cell.

With --pictures, pictures of the maps are written for looking at. They hold real images: ask before you pass them on.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import spearmanr

import leukfeat as lf
from leukfeat.evaluation import EvidenceMap, write_evidence
from leukfeat.imaging import find_cells, label_image, read_image

PAIRS = {"pbc": ("neutrophil", "lymphocyte"), "taleqani": ("Benign", "Pre")}
HEADS = ("logistic_regression", "svm", "random_forest")
SIDE, PATCH = 224, 48
AROUND = {"close": 16, "touched": 32}
COLOUR = (255, 0, 255)
HEADER = (
    "| head | how | planted, close: part (lowest), area | touched | shuffled: rank correlation | "
    "on cells: part, area | right |"
)


def load(folder, classes, each):
    images, labels = [], []
    for k, name in enumerate(classes):
        paths = sorted(p for p in (Path(folder) / name).iterdir() if p.suffix.lower() == ".jpg")
        for path in paths[:each]:
            image = read_image(str(path))
            images.append(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
            labels.append(k)
    return images, np.array(labels)


def window(top, left, more):
    place = np.zeros((SIDE, SIDE), bool)
    first = np.maximum([top - more, left - more], 0)
    place[first[0] : top + PATCH + more, first[1] : left + PATCH + more] = True
    return place


def planted(images, labels, rng):
    marked, places = [], []
    for image, label in zip(images, labels, strict=True):
        top, left = rng.integers(0, SIDE - PATCH, 2)
        image = image.copy()
        if label:
            image[top : top + PATCH, left : left + PATCH] = COLOUR
        marked.append(image)
        places.append({name: window(top, left, more) for name, more in AROUND.items()})
    return marked, places


def features_of(images, labels, classes, weights):
    cells = lf.CellDataset.from_arrays(
        images, labels, class_names=list(classes), positive=classes[1]
    )
    return lf.extract_features(cells, weights=weights, progress=False)


def fitted(features, name):
    return lf.fit_head(features, name, tune=False, cv=3, controls=False)


def maps_of(head, features, weights):
    # A cover of 48 pixels, by half its side: a forest is asked of 81 places.
    return EvidenceMap(head, weights=weights, baseline=features.X.mean(0), window=48, stride=24)


def stretched(found):
    return cv2.resize(found.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def share(found, place):
    positive = np.maximum(stretched(found), 0)
    return float(positive[place].sum() / positive.sum()) if positive.any() else np.nan


def shuffled(features, seed):
    other = features[np.arange(len(features))]
    other.y = np.random.default_rng(seed).permutation(features.y)
    return other


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--set", default="pbc", choices=list(PAIRS))
    parser.add_argument("--each", type=int, default=60, help="cells a class, half of them to train")
    parser.add_argument("--looked-at", type=int, default=6, help="tested cells of the second class")
    parser.add_argument("--shuffles", type=int, default=6)
    parser.add_argument("--heads", nargs="*", default=list(HEADS))
    parser.add_argument("--pictures", default=None)
    given = parser.parse_args()
    classes = PAIRS[given.set]
    images, labels = load(given.data, classes, given.each)
    rng = np.random.default_rng(0)
    train = np.zeros(len(labels), bool)
    for k in range(2):
        train[rng.permutation(np.flatnonzero(labels == k))[: given.each // 2]] = True
    tested = np.flatnonzero(~train & (labels == 1))[: given.looked_at]
    marked, places = planted(images, labels, rng)
    plain = features_of(images, labels, classes, given.weights)
    cued = features_of(marked, labels, classes, given.weights)
    cells = {
        i: label_image(find_cells(images[i], types=("white",)), (SIDE, SIDE)) > 0 for i in tested
    }
    print(
        f"{given.set}: {classes[0]} and {classes[1]}, {train.sum()} cells trained, {len(tested)} looked at\n"
    )
    print(HEADER)
    print("|---|---|--:|--:|--:|--:|--:|")
    for name in given.heads:
        with_cue = maps_of(fitted(cued[train], name), cued[train], given.weights)
        cued_maps = {i: with_cue(marked[i]) for i in tested}
        close, touched = (
            f"{np.nanmean(parts):.2f} ({np.nanmin(parts):.2f}), {np.mean([places[i][at].mean() for i in tested]):.2f}"
            for at in AROUND
            for parts in [[share(cued_maps[i], places[i][at]) for i in tested]]
        )
        head = fitted(plain[train], name)
        true = maps_of(head, plain[train], given.weights)
        found = {i: true(images[i]) for i in tested}
        ranks = []
        for seed in range(given.shuffles):
            other = maps_of(fitted(shuffled(plain[train], seed), name), plain[train], given.weights)
            for i in tested[seed % 2 :: 2][:2]:
                ranks.append(spearmanr(found[i].ravel(), other(images[i]).ravel()).statistic)
        seen = [i for i in tested if cells[i].any()]
        on = np.mean([share(found[i], cells[i]) for i in seen])
        takes = np.mean([cells[i].mean() for i in seen])
        right = np.mean(head.predict(plain[~train]) == labels[~train])
        print(
            f"| {name} | {true.method} | {close} | {touched} | "
            f"{np.nanmean(ranks):+.2f} | {on:.2f}, {takes:.2f} | {right:.2f} |",
            flush=True,
        )
        if given.pictures:
            folder = Path(given.pictures) / given.set / name
            write_evidence(true, [images[i] for i in tested], folder / "plain")
            write_evidence(with_cue, [marked[i] for i in tested], folder / "planted")


if __name__ == "__main__":
    main()
