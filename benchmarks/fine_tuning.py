"""ResNet50 with its last stage tuned, beside the same network frozen, by the same split and head.

    python benchmarks/fine_tuning.py DATA --weights FILE [--train 10] [--test 10] [--epochs 10]

Of every class the cells with the lowest file numbers are trained on and those with the highest tested,
since PBC names no subjects. `fine_tune_backbone` learns from the training cells alone, and its weights go
through the same `extract_features` as the stock ones. The heads then learn from training cells that the
tuned network has seen: their features are better there than on new cells, which the test shows. Nothing
is chosen here.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import leukfeat as lf
from leukfeat.cnn import fine_tune_backbone
from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.differences import paired_difference
from leukfeat.evaluation.predicting import predict_cells


def sides(cells, n_train, n_test):
    """Return the cells with the lowest and with the highest numbers of each class."""
    number = cells.column("number").astype(int)
    train, test = [], []
    for label in np.unique(cells.y):
        rows = np.flatnonzero(cells.y == label)
        rows = rows[np.argsort(number[rows], kind="stable")]
        train.append(rows[:n_train])
        test.append(rows[n_train:][-n_test:])
    return cells[np.concatenate(train)], cells[np.concatenate(test)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--classes", nargs="+", help="of PBC; all by default")
    parser.add_argument("--train", type=int, default=10, help="cells a class")
    parser.add_argument("--test", type=int, default=10, help="cells a class")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--heads", nargs="+", default=["svm", "logistic_regression"])
    given = parser.parse_args()
    cells = lf.load_pbc(given.data)
    if given.classes:
        names = np.array(cells.class_names)[cells.y]
        chosen = np.isin(names, given.classes)
        cells = lf.CellDataset.from_arrays(
            cells[chosen].images,
            names[chosen].tolist(),
            class_names=given.classes,
            number=cells.column("number")[chosen],
        )
    train, test = sides(cells, given.train, given.test)
    print(f"{len(train)} cells trained on, {len(test)} tested, {len(train.class_names)} classes")
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        tuned = fine_tune_backbone(
            train,
            Path(folder, "tuned.weights.h5"),
            weights=given.weights,
            epochs=given.epochs,
            patience=None,
            validation_fraction=0,
            progress=False,
        )
        print(f"tuned in {time.perf_counter() - started:.0f} s: {tuned!r}", flush=True)
        print(tuned.history_[["epoch", "loss", "accuracy"]].round(3).to_string(index=False))
        features = {
            name: [lf.extract_features(part, weights=w, progress=False) for part in (train, test)]
            for name, w in (("frozen", given.weights), ("tuned", tuned))
        }
    asked = ~np.isin(features["frozen"][1].ids, features["frozen"][0].ids)
    for head in given.heads:
        found = {}
        for name, (learnt, others) in features.items():
            model = lf.fit_head(learnt, head, controls=False, random_state=0)
            rows = np.flatnonzero(asked)
            predictions = predict_cells(model, others[asked], rows=rows, repeat=0, fold=0)
            found[name] = Evaluation(predictions, name=name)
            print(f"| {head} | {name} | {found[name]['accuracy']} |", flush=True)
        gap = paired_difference(found["tuned"], found["frozen"], "accuracy")
        print(
            f"{head}: tuned less frozen {gap['difference']:+.3f} ({gap['low']:+.3f} to "
            f"{gap['high']:+.3f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
