"""The experiments behind the claims: two sides, one figure, an interval of the difference."""

from __future__ import annotations

import dataclasses
import functools
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from leukfeat.cnn import CNNConfig
from leukfeat.data import CellDataset
from leukfeat.evaluation import Evaluation, cross_validate_heads
from leukfeat.evaluation.differences import paired_difference
from leukfeat.features import FeatureSet
from leukfeat.imaging import segment
from leukfeat.imaging.reading import read_image
from leukfeat.metrics import Interval
from leukfeat.recipes.claim_networks import NetworkFigures, network_config
from leukfeat.recipes.estimators import make_estimator
from leukfeat.recipes.steps import HeadStep
from leukfeat.splitting import make_splits

__all__ = ["EXPERIMENTS", "ON_FEATURES", "Bench", "Finding"]


@dataclasses.dataclass(kw_only=True)
class Bench:
    """What experiments are done on.

    Parameters
    ----------
    cells : CellDataset
    features : callable
        Gives the features of the cells; called once, and only if needed.
    masks : CellDataset or None
    cnn : dict
        Settings that both sides of an experiment with networks share.
    n_runs : int
    level : float
    random_state : int
    progress : bool
    folder : pathlib.Path or None, default=None
        Where the figures of trained networks are kept.
    """

    cells: CellDataset
    features: Callable[[], FeatureSet]
    masks: CellDataset | None
    cnn: dict[str, Any]
    n_runs: int
    level: float
    random_state: int
    progress: bool
    folder: Path | None = None

    @functools.cached_property
    def networks(self) -> NetworkFigures:
        """Networks, each trained once for all experiments that need it."""
        return NetworkFigures(self.cells, folder=self.folder, progress=self.progress)

    @functools.cached_property
    def extracted(self) -> FeatureSet:
        """The features."""
        return self.features()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """The figures of both sides, and their difference with an interval."""

    with_: float
    without: float
    difference: Interval
    note: str


Sides = dict[str, Any]


def _networks(bench: Bench, with_: Sides, without: Sides, figure: str) -> Finding:
    """Train both networks on the same subjects, and test them on the same others."""
    config = CNNConfig().replace(**bench.cnn)
    sides = np.array(
        [
            [
                bench.networks.figures(network_config(config, side), bench.random_state + run)[
                    figure
                ]
                for side in (with_, without)
            ]
            for run in range(bench.n_runs)
        ]
    )
    return Finding(
        with_=float(sides[:, 0].mean()),
        without=float(sides[:, 1].mean()),
        # A quarter of the subjects is the test: the training sides of the runs overlap.
        difference=_paired_mean(
            sides[:, 0] - sides[:, 1], bench, len(bench.cells), "runs", test_to_train=1 / 3
        ),
        note=f"{bench.n_runs} pairs of networks, {config.epochs} epochs, each pair on the same "
        f"{'subjects' if bench.cells.subjects is not None else 'cells, subjects not known'}; "
        f"{_counted(bench.cells)}",
    )


def _heads(bench: Bench, with_: Sides, without: Sides, figure: str) -> Finding:
    """Cross-validate two heads on the same folds by subject."""
    return _compare(
        _cross_validated(bench, with_, bench.extracted),
        _cross_validated(bench, without, bench.extracted),
        figure,
        bench,
    )


def _noise_features(bench: Bench, with_: Sides, without: Sides, figure: str) -> Finding:
    """Cross-validate a head with and without columns that say nothing."""
    first, second = (
        _cross_validated(bench, side, _with_noise(bench, side["noise"]))
        for side in (with_, without)
    )
    return _compare(first, second, figure, bench)


def _with_noise(bench: Bench, share: float) -> FeatureSet:
    features = bench.extracted
    if not share:
        return features
    rng = np.random.default_rng(bench.random_state)
    n = round(share * features.shape[1])
    noise = rng.normal(features.X.mean(), features.X.std(), (len(features), n))
    return FeatureSet(
        np.hstack([features.X, noise]),
        features.y,
        subjects=features.subjects,
        groups=features.groups,
        ids=features.ids,
        class_names=features.class_names,
        positive=features.positive,
        name=features.name,
    )


def _cross_validated(bench: Bench, side: Sides, features: FeatureSet) -> Evaluation:
    head = _head(bench, side)
    found = cross_validate_heads(
        features, {"side": head}, n_splits=4, random_state=bench.random_state
    )
    return found["side"]


def _head(bench: Bench, side: Sides) -> Any:
    step = HeadStep(names=(side["name"],), members=tuple(side.get("members", ())), tune=False)
    return make_estimator(side["name"], step, random_state=bench.random_state)


def _compare(a: Evaluation, b: Evaluation, figure: str, bench: Bench) -> Finding:
    found = paired_difference(a, b, figure, level=bench.level)
    n_subjects = a.predictions.n_subjects
    return Finding(
        with_=a[figure].estimate,
        without=b[figure].estimate,
        difference=Interval(
            estimate=found["difference"],
            low=found["low"],
            high=found["high"],
            level=bench.level,
            n_subjects=n_subjects,
            n_cells=a.predictions.n_cells,
        ),
        note=f"4 folds {'by subject' if n_subjects else 'of cells, subjects not known'}; "
        f"{_counted(bench.extracted)}",
    )


def _memory(bench: Bench, with_: Sides, without: Sides, figure: str) -> Finding:
    """Fit two heads on the training sides of folds, and weigh what is kept of them."""
    n_folds = max(2, bench.n_runs)
    splits = make_splits(bench.extracted, n_splits=n_folds, random_state=bench.random_state)
    sides = np.array(
        [
            [_megabytes(_head(bench, side).fit(bench.extracted[one.train])) for one in splits]
            for side in (with_, without)
        ]
    )
    return Finding(
        with_=float(sides[0].mean()),
        without=float(sides[1].mean()),
        # Folds share their training cells.
        difference=_paired_mean(
            sides[0] - sides[1],
            bench,
            len(bench.extracted),
            "folds",
            test_to_train=1 / (n_folds - 1),
        ),
        note=f"fitted classifier in memory (MB), {bench.extracted.shape[1]} features; "
        f"{_counted(bench.extracted)}",
    )


def _counted(data: CellDataset | FeatureSet) -> str:
    known = set() if data.subjects is None else {one for one in data.subjects if one is not None}
    return f"{len(data):,} cells" + (f" of {len(known)} subjects" if known else "")


def _megabytes(head: Any) -> float:
    return len(pickle.dumps(head.estimator_)) / 1e6


def _segmentation(bench: Bench, with_: Sides, without: Sides, figure: str) -> Finding | None:
    """Segment the same cells both ways, and compare with the masks given."""
    if bench.masks is None:
        return None
    if not len(bench.masks):
        raise ValueError("'masks' holds no cell.")
    scores = []
    for image, mask in zip(bench.masks.images, bench.masks.column("mask"), strict=True):
        pixels = image if isinstance(image, np.ndarray) else read_image(image)
        truth = (mask if isinstance(mask, np.ndarray) else read_image(mask)[..., 0]) > 0
        scores.append(
            [_dice(segment(pixels, method=s["method"]).cell, truth) for s in (with_, without)]
        )
    sides = np.array(scores)
    return Finding(
        with_=float(sides[:, 0].mean()),
        without=float(sides[:, 1].mean()),
        difference=_paired_mean(sides[:, 0] - sides[:, 1], bench, len(sides), "images"),
        note=f"Dice of the whole cell on {len(sides)} cells with masks",
    )


def _dice(found: np.ndarray, truth: np.ndarray) -> float:
    total = int(found.sum()) + int(truth.sum())
    return 2 * int((found & truth).sum()) / total if total else 1.0


def _paired_mean(
    differences: np.ndarray, bench: Bench, n_cells: int, unit: str, *, test_to_train: float = 0.0
) -> Interval:
    # Nadeau and Bengio (2003): runs that share training cells are not independent.
    n, mean = len(differences), float(differences.mean())
    low = high = math.nan
    if n > 1:
        error = differences.std(ddof=1) * (1 / n + test_to_train) ** 0.5
        half = float(stats.t.ppf((1 + bench.level) / 2, n - 1) * error)
        low, high = mean - half, mean + half
    return Interval(
        estimate=mean,
        low=low,
        high=high,
        level=bench.level,
        n_cells=n_cells,
        method=f"Student's t over {n} {unit}",
        dof=n - 1,
    )


EXPERIMENTS: dict[str, Callable[[Bench, Sides, Sides, str], Finding | None]] = {
    "cnn": _networks,
    "heads": _heads,
    "noise_features": _noise_features,
    "memory": _memory,
    "segmentation": _segmentation,
}
"""By the name that ``claims.toml`` uses."""

ON_FEATURES = ("heads", "noise_features", "memory")
"""Experiments that need the features."""
