"""Taleqani with lower file numbers for training and higher for test: the CNN beside ResNet50 and an SVM.

    python benchmarks/far_numbers.py DATA --weights FILE [--train 100] [--test 50] [--epochs 20]

Taleqani names no subjects. Neighbouring file numbers look alike, so a random split tests on the
neighbours of what was trained on. Of every class the fields with the lowest numbers are trained on and
those with the highest tested; then as many are trained and tested on after all of them were mixed.
Both systems are those of the recipes `cnn` and `resnet50-svm`, but for the number of epochs. Test
fields that are identical to a training field are dropped. Nothing is chosen here.
"""

import argparse
import time

import numpy as np

import leukfeat as lf
from leukfeat.cnn import fit_cnn, read_cells
from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.differences import paired_difference
from leukfeat.evaluation.predicting import predict_cells
from leukfeat.recipes import load_recipe


def sides(cells, n_train, n_test, mixed):
    """Return rows of the training and of the test, class by class in the order of file numbers."""
    number = cells.column("number").astype(int)
    rng = np.random.default_rng(0)
    train, test = [], []
    for label in np.unique(cells.y):
        rows = np.flatnonzero(cells.y == label)
        rows = rows[np.argsort(number[rows], kind="stable")]
        rows = np.concatenate([rows[:n_train], rows[n_train:][-n_test:]])
        if mixed:
            rows = rng.permutation(rows)
        train.append(rows[:n_train])
        test.append(rows[n_train:])
    return np.concatenate(train), np.concatenate(test)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default=None)
    parser.add_argument("--train", type=int, default=100, help="fields a class")
    parser.add_argument("--test", type=int, default=50, help="fields a class")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--only", choices=["far", "mixed"])
    given = parser.parse_args()
    cells = lf.load_taleqani(given.data)
    config = load_recipe("cnn").cnn.replace(epochs=given.epochs)
    for way in ("far", "mixed"):
        if given.only not in (None, way):
            continue
        train, test = sides(cells, given.train, given.test, way == "mixed")
        chosen = cells[np.concatenate([train, test])]
        images = read_cells(chosen, input_size=config.input_size, crop=config.crop, progress=False)
        features = lf.extract_features(
            chosen, weights=given.weights, cache=given.cache, progress=False
        )
        learnt = np.arange(len(train))
        asked = np.arange(len(train), len(chosen))
        asked = asked[~np.isin(images.ids[asked], images.ids[learnt])]
        print(f"{way}: {len(learnt)} fields trained on, {len(asked)} tested", flush=True)
        found = []
        for name in ("resnet50-svm", "cnn"):
            start = time.perf_counter()
            if name == "cnn":
                data, model = (
                    images,
                    fit_cnn(images[learnt], config, random_state=0, progress=False),
                )
            else:
                data, model = features, lf.fit_head(features[learnt], "svm", random_state=0)
            predictions = predict_cells(model, data[asked], rows=asked, repeat=0, fold=0)
            one = Evaluation(predictions, name=name)
            found.append(one)
            seconds = time.perf_counter() - start
            print(
                f"| {way} | {name} | {one['accuracy']} | {one['balanced_accuracy']} | {seconds:.0f} s |",
                flush=True,
            )
        gap = paired_difference(*found, "accuracy")
        print(
            f"{way}: resnet50-svm less cnn {gap['difference']:+.3f} ({gap['low']:+.3f} to "
            f"{gap['high']:+.3f}), p = {gap['p']:.2g}",
            flush=True,
        )


if __name__ == "__main__":
    main()
