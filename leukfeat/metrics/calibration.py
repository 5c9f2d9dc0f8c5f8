"""Whether probabilities are what they say: Brier, calibration line, reliability."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, special

from leukfeat.metrics.jackknife import SubjectStatistic
from leukfeat.metrics.proportions import wilson
from leukfeat.metrics.subjects import SubjectIndex, index_subjects
from leukfeat.metrics.validation import binary_labels, check_count, class_labels, finite_values

__all__ = [
    "brier_score",
    "calibration_line",
    "expected_calibration_error",
    "fit_temperature",
    "reliability_table",
]

Array = np.ndarray
_EDGE = 1e-6
_ALIKE = 1e-4
"""Spread of log-odds below which a head says the same of every cell, but for rounding."""


def _binary(y: Any, probability: Any) -> tuple[Array, Array]:
    if np.shape(y) != np.shape(probability):
        raise ValueError(
            "'y' and 'probability' must have one length. Got shapes "
            f"{np.shape(y)} and {np.shape(probability)}; give both of the same cells."
        )
    up = binary_labels("y", y).astype(float)
    p = finite_values("probability", probability, "Leave these cells out, or predict them again.")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(
            f"'probability' must be from 0 to 1. Got {p.min():.3g} to {p.max():.3g}: these are "
            "scores; calibrate the head first."
        )
    return up, p


def _statistic(
    estimate: float, without: Array, index: SubjectIndex, y: Array, scale: str
) -> SubjectStatistic:
    return SubjectStatistic(
        estimate=estimate,
        without=without,
        weights=np.bincount(index.codes, minlength=index.count).astype(float),
        strata=index.strata(y.astype(np.int64)),
        scale=scale,  # type: ignore[arg-type]
        n_cells=len(y),
        unit="subject" if index.known else "cell",
        holders=index.holders(y.astype(np.int64)),
        alone=index.alone,
    )


def brier_score(y: Any, probability: Any, subjects: Any = None) -> SubjectStatistic:
    """Return the mean squared error of the probabilities, ready for an interval by subject.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    probability : array-like of float of shape (n_cells,)
        Probability of being positive.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell.

    Returns
    -------
    SubjectStatistic
        0 is perfect; always saying one half gives 0.25.

    Examples
    --------
    >>> from leukfeat.metrics import brier_score
    >>> brier_score([0, 1], [0.1, 0.8]).estimate
    0.025
    """
    up, p = _binary(y, probability)
    index = index_subjects(subjects, len(up))
    squared = np.bincount(index.codes, (p - up) ** 2, minlength=index.count)
    n = np.bincount(index.codes, minlength=index.count)
    rest = np.maximum(len(up) - n, 1)
    without = (squared.sum() - squared) / rest
    return _statistic(round(float(squared.sum() / len(up)), 15), without, index, up, "logit")


def _not_identified(up: Array, logit: Array) -> str:
    """Say why no slope fits these cells best; empty where one does."""
    if not up.any() or up.all():
        return "all cells are of one class"
    if np.std(logit) < _ALIKE:
        return "all cells have nearly the same probability"
    low, high = logit[up == 0], logit[up == 1]
    if low.max() <= high.min() or high.max() <= low.min():
        return (
            "the probabilities part the classes without an error: the steeper, the better it fits"
        )
    return ""


def _line(up: Array, logit: Array, weights: Array) -> Array:
    """Intercept and slope of a logistic regression of the label on the log-odds."""
    kept = weights > 0
    if _not_identified(up[kept], logit[kept]):
        return np.array([np.nan, np.nan])
    beta = np.array([0.0, 1.0])
    X = np.column_stack([np.ones_like(logit), logit])
    for _ in range(50):
        p = special.expit(X @ beta)
        gradient = X.T @ (weights * (up - p))
        curvature = (X.T * (weights * p * (1 - p))) @ X + 1e-9 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        beta = beta + step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return beta


def calibration_line(y: Any, probability: Any, subjects: Any = None) -> dict[str, SubjectStatistic]:
    """Return intercept and slope of the label on the log-odds that were said.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    probability : array-like of float of shape (n_cells,)
        Probability of being positive.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell.

    Returns
    -------
    dict of str to SubjectStatistic
        ``"intercept"`` (0 is perfect; above 0 positives are more common than said, at a slope
        of 1), and ``"slope"`` (1 is perfect; below 1 the head is too sure). Both are ``nan``, and
        their intervals' notes say why, where no line fits best: all cells are of one class, have
        nearly the same probability, or the classes are parted without an error.

    References
    ----------
    .. [1] D. R. Cox, "Two further applications of a model for binary regression",
       Biometrika 45 (1958), 562-565.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import calibration_line
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(4000)
    >>> y = rng.random(4000) < p
    >>> line = calibration_line(y, p, np.arange(4000) // 50)
    >>> bool(1 in line["slope"].interval())
    True
    """
    up, p = _binary(y, probability)
    index = index_subjects(subjects, len(up))
    logit = special.logit(np.clip(p, _EDGE, 1 - _EDGE))
    full = _line(up, logit, np.ones(len(up)))
    count = index.count
    if not index.known:
        # Fitting without each of thousands of cells is slow; blocks of independent cells do.
        count = min(200, len(up))
        blocks = np.random.default_rng(0).permutation(len(up)) % count
        index = SubjectIndex(blocks, (), count, known=False)
    without = np.array([_line(up, logit, (index.codes != i).astype(float)) for i in range(count)])
    why = _not_identified(up, logit)
    undefined = f"no line fits best, since {why}" if why else ""
    return {
        name: dataclasses.replace(
            _statistic(float(full[k]), without[:, k], index, up, "identity"), undefined=undefined
        )
        for k, name in enumerate(("intercept", "slope"))
    }


def reliability_table(
    y: Any, probability: Any, *, n_bins: int = 10, level: float = 0.95
) -> pd.DataFrame:
    """Compare what was said with what was, in bins of equally many cells.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    probability : array-like of float of shape (n_cells,)
        Probability of being positive.
    n_bins : int, default=10
        Bins; fewer where probabilities are tied.
    level : float, default=0.95
        Level of Wilson's interval of each bin (cells taken as independent).

    Returns
    -------
    pandas.DataFrame
        ``said`` (mean probability), ``found`` (part that is positive), ``low``, ``high``,
        ``n_cells``.
    """
    check_count("n_bins", n_bins, 1)
    up, p = _binary(y, probability)
    edges = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1)))
    of = np.clip(np.searchsorted(edges, p, "right") - 1, 0, max(len(edges) - 2, 0))
    rows = []
    for b in np.unique(of):
        here = of == b
        found = wilson(int(up[here].sum()), int(here.sum()), level)
        rows.append((p[here].mean(), found.estimate, found.low, found.high, int(here.sum())))
    return pd.DataFrame(rows, columns=["said", "found", "low", "high", "n_cells"])


def expected_calibration_error(y: Any, probability: Any, *, n_bins: int = 10) -> float:
    """Return the mean distance between what was said and what was, over bins.

    It is biased: even perfect probabilities have a positive error, the larger the fewer cells
    there are in a bin, and it depends on the bins. Compare it between heads on the same cells
    only, and look at :func:`calibration_line`.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    probability : array-like of float of shape (n_cells,)
        Probability of being positive.
    n_bins : int, default=10
        Bins of equally many cells.

    Returns
    -------
    float
    """
    table = reliability_table(y, probability, n_bins=n_bins)
    share = table["n_cells"] / table["n_cells"].sum()
    return float((share * (table["said"] - table["found"]).abs()).sum())


def fit_temperature(scores: Any, y: Any) -> float:
    """Return the temperature that calibrates scores by dividing them.

    Parameters
    ----------
    scores : array-like of float of shape (n_cells, n_classes)
        Log-probabilities or other scores, of cells that were not fit on.
    y : array-like of int of shape (n_cells,)
        Class of each cell.

    Returns
    -------
    float
        Above 1 where the scores are too sure; ``softmax(scores / temperature)``.

    Raises
    ------
    ValueError
        If a score is not finite, or a label is no class.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import fit_temperature
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=(5000, 3))
    >>> y = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    >>> bool(abs(fit_temperature(4 * logits, y) - 4) < 0.3)
    True
    """
    s = finite_values("scores", scores, "Clip probabilities before you take their logarithm.")
    if s.ndim != 2 or len(s) != len(y):
        raise ValueError(
            "'scores' must have shape (n_cells, n_classes) and 'y' one label a cell. Got shapes "
            f"{s.shape} and {np.shape(y)}; of two classes give both columns."
        )
    y = class_labels("y", y, s.shape[1])

    def loss(log_temperature: float) -> float:
        scaled = special.log_softmax(s / np.exp(log_temperature), axis=1)
        return -float(scaled[np.arange(len(y)), y].mean())

    found = optimize.minimize_scalar(loss, bounds=(-5, 5), method="bounded")
    return float(np.exp(found.x))
