"""What is worth having in a frozen-feature pipeline, chosen on training cells and scored once on others.

    python benchmarks/ablation.py --pbc DATA --taleqani DATA --weights FILE [--cache FOLDER] [--views]

Neither set has subjects, so cells are kept together by blocks of consecutive file numbers. Of every
class the cells with the lower numbers are the training part: five blocks, each left out in turn. The
ablation reads these only. It goes stage by stage, and a stage changes the setting only where the
mean balanced accuracy over the sets rises by more than `MARGIN`, so that what costs more must earn it.

What was chosen is written to `--out` before anything else is read; `--score FILE` goes on from such a file,
so that a run that was stopped does not choose again.

Then, once, on cells with higher file numbers that no stage has read: the chosen setting and
`resnet50-svm`, both fit on the training part, with the paired difference and its interval. On PBC both
are also fit on the training part and four fifths of these cells, and tested on the last fifth, in turn:
that is 90 training cells a class, near the 100 of the reference figures.

`--views` adds a stage that costs eight times the extraction. `mask` is no stage: it leaves out pixels that are exactly 0, which neither set has. Images of a test
block that are identical to a training image are dropped.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import leukfeat as lf
from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.differences import paired_difference
from leukfeat.evaluation.predicting import predict_cells
from leukfeat.evaluation.predictions import join_predictions

TRAINING = {"pbc": 50, "taleqani": 40}
"""Cells a class of the training part."""

HELD_OUT = {"pbc": 50, "taleqani": 50}
"""Cells a class that the ablation never reads: those with the highest numbers."""

BLOCKS = 5
MARGIN = 0.005
LAYERS = {"conv3": 512, "conv4": 1024, "conv5": 2048}
"""Stages in the order of one extraction, and their columns."""

CROPS = (None, 224, 176)
LAYER_SETS = (
    ("conv3", "conv4", "conv5"),
    ("conv5",),
    ("conv4",),
    ("conv3", "conv4"),
    ("conv4", "conv5"),
)
FAMILIES = ((), ("colour",), ("shape", "colour"), ("texture", "shape", "colour"))
HEADS = (
    "logistic_regression",
    "svm",
    "linear_svm",
    "pca150+svm",
    "pca150+logistic_regression",
)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One point of the grid."""

    crop: int | None = None
    layers: tuple[str, ...] = tuple(LAYERS)
    pooling: str = "avg"
    families: tuple[str, ...] = ()
    views: int | str = 1
    head: str = "logistic_regression"


@dataclasses.dataclass(frozen=True)
class Part:
    """Cells of one side, and their blocks."""

    cells: lf.CellDataset
    blocks: np.ndarray


class Bench:
    """Features of the parts, extracted once."""

    def __init__(self, weights, cache):
        self.weights, self.cache = weights, cache

    def matrix(self, part, setting):
        """Return the FeatureSet of a part."""
        deep = lf.extract_features(
            part.cells,
            weights=self.weights,
            cache=self.cache,
            layers=tuple(LAYERS),
            crop=setting.crop,
            pooling=setting.pooling,
            views=setting.views,
            progress=False,
        )
        starts = dict(zip(LAYERS, np.cumsum([0, *LAYERS.values()])[:-1], strict=True))
        columns = [deep.X[:, starts[n] : starts[n] + LAYERS[n]] for n in setting.layers]
        if setting.families:
            columns.append(self.handcrafted(part, setting.families))
        return _features(deep, np.concatenate(columns, axis=1), part.blocks)

    def handcrafted(self, part, families):
        """Return the columns of some families, of one extraction of all."""
        own = lf.extract_handcrafted(part.cells, cache=self.cache, unit="px", progress=False)
        wanted = set(lf.HandcraftedSpec(families=families).columns)
        return own.X[:, [name in wanted for name in own.feature_names]]


def _features(deep, X, blocks):
    return lf.FeatureSet(
        X, deep.y, groups=blocks, ids=deep.ids, class_names=deep.class_names, name=deep.name
    )


def parts_of(name, cells):
    """Cut the training part and the held-out part of a set, by file number within each class."""
    number = cells.column("number").astype(int)
    train, test = [], []
    for label in np.unique(cells.y):
        rows = np.flatnonzero(cells.y == label)
        rows = rows[np.argsort(number[rows], kind="stable")]
        train.append(rows[: TRAINING[name]])
        test.append(rows[TRAINING[name] :][-HELD_OUT[name] :])
    return _part(cells, train, "training"), _part(cells, test, "held-out")


def _part(cells, by_class, side):
    rows = np.concatenate(by_class)
    blocks = np.concatenate([np.arange(len(r)) * BLOCKS // len(r) for r in by_class])
    return Part(cells[rows], np.array([f"{side} block {b}" for b in blocks], object))


def left_out_in_turn(features, head):
    """Return the balanced accuracy of predictions for blocks that a fit has not seen."""
    predicted = np.empty_like(features.y)
    for block in np.unique(features.groups):
        test = features.groups == block
        if head is None:  # the stages before that of heads: one quick head for all
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
            model.fit(features.X[~test], features.y[~test])
            predicted[test] = model.predict(features.X[test])
        else:
            model = lf.fit_head(
                features[~test], head, calibrate=False, controls=False, random_state=0
            )
            predicted[test] = model.predict(features[test])
    return balanced_accuracy_score(features.y, predicted)


class Ablation:
    """The stages, and the log of what each candidate scored."""

    def __init__(self, bench, training):
        self.bench, self.training = bench, training
        self.log = []

    def score(self, setting, *, tuned=False):
        """Score a setting on the training part of every set."""
        started = time.perf_counter()
        head = setting.head if tuned else None
        found = {
            name: left_out_in_turn(self.bench.matrix(part, setting), head)
            for name, part in self.training.items()
        }
        mean = float(np.mean(list(found.values())))
        seconds = time.perf_counter() - started
        self.log.append({**dataclasses.asdict(setting), **found, "mean": mean, "seconds": seconds})
        words = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        print(f"  {mean:.4f} ({words}; {seconds:.0f} s) {setting}", flush=True)
        return mean

    def stage(self, title, best, candidates, *, tuned=False):
        """Return the best of a stage; the first candidate is what would stay."""
        print(f"{title}:", flush=True)
        stays = dataclasses.replace(best, **candidates[0])
        first = self.score(stays, tuned=tuned)
        others = [dataclasses.replace(best, **change) for change in candidates[1:]]
        scored = [(self.score(one, tuned=tuned), one) for one in others]
        top, winner = max(scored, key=lambda pair: pair[0])
        return winner if top > first + MARGIN else stays


PUBLISHED = Setting(layers=("conv5",), head="svm")
"""`resnet50-svm`: the mean of conv5's map is what its pooling gives."""


def choose(ablation, *, views):
    """Go through the stages."""
    best = Setting()
    best = ablation.stage("crop", best, [{"crop": crop} for crop in CROPS])
    best = ablation.stage("layers", best, [{"layers": layers} for layers in LAYER_SETS])
    best = ablation.stage("pooling", best, [{"pooling": "avg"}, {"pooling": "gem"}])
    best = ablation.stage("hand-crafted", best, [{"families": f} for f in FAMILIES])
    if views:
        best = ablation.stage("views", best, [{"views": 1}, {"views": "dihedral"}])
    return ablation.stage("head", best, [{"head": head} for head in HEADS], tuned=True)


def without_copies(train, test):
    """Leave out of the test rows images that are in the training rows."""
    return test[~np.isin(test.ids, train.ids)]


def fit_and_predict(train, test, head, fold=0):
    """Fit a tuned head as a recipe does, and predict."""
    model = lf.fit_head(train, head, controls=False, random_state=0)
    return predict_cells(model, test, rows=np.arange(len(test)), repeat=0, fold=fold)


def crossed(train, test, head):
    """Predict each held-out block by a head fit on the training part and the other blocks."""
    parts = []
    for fold, block in enumerate(np.unique(test.groups)):
        asked = test.groups == block
        both = joined_rows(train, test[~asked])
        parts.append(fit_and_predict(both, without_copies(both, test[asked]), head, fold))
    return join_predictions(parts)


def joined_rows(one, other):
    """Put the rows of two sets of one space below each other."""
    return lf.FeatureSet(
        np.concatenate([one.X, other.X]),
        np.concatenate([one.y, other.y]),
        groups=np.concatenate([one.groups, other.groups]),
        ids=np.concatenate([one.ids, other.ids]),
        class_names=one.class_names,
        name=one.name,
    )


def compare(title, a, b):
    """Print two results on the same cells and their paired difference."""
    ours, theirs = (
        Evaluation(predictions, name=name)
        for predictions, name in ((a, "chosen"), (b, "resnet50-svm"))
    )
    found = {"title": title, "cells": len(a)}
    for metric in ("accuracy", "balanced_accuracy"):
        gap = paired_difference(ours, theirs, metric)
        found[metric] = {
            "chosen": str(ours[metric]),
            "resnet50-svm": str(theirs[metric]),
            "difference": [gap["difference"], gap["low"], gap["high"]],
            "p": gap["p"],
        }
        print(
            f"{title}, {len(a)} cells, {metric}: chosen {ours[metric]}, resnet50-svm "
            f"{theirs[metric]}, difference {gap['difference']:+.3f} [{gap['low']:+.3f}, "
            f"{gap['high']:+.3f}], p = {gap['p']:.2g}",
            flush=True,
        )
    return found


def read_setting(stored):
    """Read a setting back from JSON, which knows no tuples."""
    return Setting(**{k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pbc")
    parser.add_argument("--taleqani")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--cache", default="ablation-features")
    parser.add_argument("--out", type=Path, default=Path("ablation.json"))
    parser.add_argument("--views", action="store_true")
    parser.add_argument("--score", type=Path, help="go on from what was chosen in this file")
    given = parser.parse_args()
    started = time.perf_counter()
    loaders = {"pbc": lf.load_pbc, "taleqani": lf.load_taleqani}
    parts = {
        name: parts_of(name, load(getattr(given, name)))
        for name, load in loaders.items()
        if getattr(given, name)
    }
    bench = Bench(given.weights, given.cache)
    if given.score:
        report = json.loads(given.score.read_text())
        best = read_setting(report["chosen"])
    else:
        ablation = Ablation(bench, {name: train for name, (train, _) in parts.items()})
        best = choose(ablation, views=given.views)
        report = {"log": ablation.log, "chosen": dataclasses.asdict(best)}
        given.out.write_text(json.dumps(report, indent=2))
    print(f"chosen after {time.perf_counter() - started:.0f} s: {best}", flush=True)
    report["scores"] = []
    for name, (train, test) in parts.items():
        ours = tuple(bench.matrix(part, best) for part in (train, test))
        theirs = tuple(bench.matrix(part, PUBLISHED) for part in (train, test))
        sides = []
        for (learnt, asked), head in ((ours, best.head), (theirs, PUBLISHED.head)):
            sides.append(fit_and_predict(learnt, without_copies(learnt, asked), head))
        report["scores"].append(compare(name, *sides))
        if name == "pbc":
            sides = [crossed(*ours, best.head), crossed(*theirs, PUBLISHED.head)]
            report["scores"].append(compare("pbc, 90 training cells a class", *sides))
        given.out.write_text(json.dumps(report, indent=2))
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
