"""ROC and precision-recall curves with a band from leaving out one subject at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from leukfeat.metrics.jackknife import SubjectStatistic
from leukfeat.metrics.subjects import index_subjects
from leukfeat.metrics.validation import binary_labels, finite_values

__all__ = ["CurveBand", "precision_recall_band", "roc_band"]

Array = np.ndarray

_MANY = 500


@dataclasses.dataclass(frozen=True, eq=False)
class CurveBand:
    """A curve on a grid, with pointwise bounds.

    Parameters
    ----------
    x, y : ndarray of float of shape (n_points,)
        False positive rate and sensitivity, or recall and precision.
    low, high : ndarray of float of shape (n_points,)
        Pointwise bounds; ``nan`` where none can be had.
    """

    x: Array
    y: Array
    low: Array
    high: Array


def roc_band(
    y: Any, score: Any, subjects: Any = None, *, n_points: int = 101, level: float = 0.95
) -> CurveBand:
    """Return sensitivity on a grid of false positive rates, with a pointwise band.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    score : array-like of float of shape (n_cells,)
        Higher for positive cells.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell; without them, or with more than 500, there is no band.
    n_points : int, default=101
        Points of the grid.
    level : float, default=0.95
        Confidence level, at each point on its own.

    Returns
    -------
    CurveBand

    Examples
    --------
    >>> from leukfeat.metrics import roc_band
    >>> roc_band([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], n_points=3).y
    array([0.5, 1. , 1. ])
    """
    grid = np.linspace(0, 1, n_points)
    return _band(y, score, subjects, grid, level, roc=True)


def precision_recall_band(
    y: Any, score: Any, subjects: Any = None, *, n_points: int = 101, level: float = 0.95
) -> CurveBand:
    """Return precision on a grid of recalls, with a pointwise band.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    score : array-like of float of shape (n_cells,)
        Higher for positive cells.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell; without them, or with more than 500, there is no band.
    n_points : int, default=101
        Points of the grid.
    level : float, default=0.95
        Confidence level, at each point on its own.

    Returns
    -------
    CurveBand
    """
    grid = np.linspace(0, 1, n_points)
    return _band(y, score, subjects, grid, level, roc=False)


def _band(y: Any, score: Any, subjects: Any, grid: Array, level: float, *, roc: bool) -> CurveBand:
    y = binary_labels("y", y)
    remedy = "Leave these cells out, or score them again."
    score = finite_values("score", score, remedy, shape=y.shape)
    index = index_subjects(subjects, len(y))
    order = np.argsort(-score, kind="stable")
    up, codes = (y == 1)[order], index.codes[order]
    ends = np.append(np.flatnonzero(np.diff(score[order]) != 0), len(score) - 1)
    on_grid = _roc_on_grid if roc else _precision_on_grid
    curve = on_grid(up, np.ones(len(y)), ends, grid)
    nothing = np.full(len(grid), np.nan)
    if not index.known or index.count > _MANY:
        return CurveBand(grid, curve, nothing, nothing.copy())
    without = np.array([on_grid(up, w, ends, grid) for w in _left_out(codes, index.count)])
    strata, held = index.strata(y), index.holders(y)
    weights = np.bincount(index.codes, minlength=index.count).astype(float)
    bounds = [
        SubjectStatistic(
            estimate=float(curve[g]),
            without=without[:, g],
            weights=weights,
            strata=strata,
            holders=held,
        ).interval(level)
        for g in range(len(grid))
    ]
    low, high = np.array([b.low for b in bounds]), np.array([b.high for b in bounds])
    if roc:
        # Sensitivity only rises, so a lower bound holds further right, an upper one further left.
        low = np.fmax.accumulate(low)
        high = np.fmin.accumulate(high[::-1])[::-1]
    return CurveBand(grid, curve, low, high)


def _left_out(codes: Array, count: int) -> Iterator[Array]:
    for i in range(count):
        yield (codes != i).astype(float)


def _cumulated(up: Array, weight: Array, ends: Array) -> tuple[Array, Array]:
    hits = np.cumsum(weight * up)[ends]
    false = np.cumsum(weight * ~up)[ends]
    return hits, false


def _roc_on_grid(up: Array, weight: Array, ends: Array, grid: Array) -> Array:
    hits, false = _cumulated(up, weight, ends)
    if not hits[-1] or not false[-1]:
        return np.full(len(grid), np.nan)
    fpr, tpr = np.append(0, false / false[-1]), np.append(0, hits / hits[-1])
    # The highest sensitivity that the false positive rate of the grid still allows.
    return tpr[np.searchsorted(fpr, grid + 1e-12, "right") - 1]


def _precision_on_grid(up: Array, weight: Array, ends: Array, grid: Array) -> Array:
    hits, false = _cumulated(up, weight, ends)
    if not hits[-1]:
        return np.full(len(grid), np.nan)
    called = hits + false
    precision = hits / np.where(called > 0, called, 1.0)
    # The precision at the first threshold that reaches the recall of the grid.
    first = np.searchsorted(hits / hits[-1], grid - 1e-12, "left")
    return precision[np.minimum(first, len(precision) - 1)]
