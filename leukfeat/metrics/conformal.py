"""Sets of classes for one random cell of a new subject, that hold the truth as often as promised.

Cells of a subject are alike, so calibration cells and a new patient's cell are not exchangeable;
subjects are. Each calibration subject has the same weight, spread over its cells, and the new
subject the same weight again, at infinity. The quantile of that distribution gives sets whose
coverage is at least the level, whatever the head and the distribution.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from leukfeat.metrics.interval import check_level
from leukfeat.metrics.subjects import index_subjects
from leukfeat.metrics.validation import class_labels, class_probabilities

__all__ = ["attainable_level", "check_attainable", "conformal_thresholds", "prediction_sets"]

Array = np.ndarray


def attainable_level(n_subjects: int) -> float:
    """Return the highest coverage that so many calibration subjects can promise.

    Parameters
    ----------
    n_subjects : int
        Calibration subjects (of a class).

    Returns
    -------
    float
        ``n / (n + 1)``: the new subject may be the strangest of all.

    Examples
    --------
    >>> from leukfeat.metrics import attainable_level
    >>> attainable_level(19)
    0.95
    """
    return n_subjects / (n_subjects + 1)


def check_attainable(level: float, n_subjects: int, class_name: Any = None) -> None:
    """Raise if a coverage cannot be promised from so many calibration subjects.

    Parameters
    ----------
    level : float
        The coverage.
    n_subjects : int
        Calibration subjects, of the class that has fewest.
    class_name : str, optional
        That class, for the message.

    Raises
    ------
    ValueError
        The message says what can be promised.
    """
    top = attainable_level(n_subjects)
    if level > top + 1e-12:
        whose = "" if class_name is None else f" of class {class_name}"
        # Rounded down: what the message names can be had.
        raise ValueError(
            f"A coverage of {level:g} cannot be promised from {n_subjects} calibration "
            f"subjects{whose}: at most {np.floor(1000 * top + 1e-9) / 1000:.3f}. Ask for less, or "
            "calibrate on more subjects."
        )


def conformal_thresholds(
    probabilities: Any,
    y: Any,
    subjects: Any,
    *,
    level: float = 0.9,
    by_class: bool = True,
    method: Literal["pooled", "single"] = "pooled",
    random_state: int = 0,
    class_names: Any = None,
) -> Array:
    """Return for each class the probability from which it is in the set.

    Parameters
    ----------
    probabilities : array-like of float of shape (n_cells, n_classes)
        Of calibration cells, that the head was not fit on.
    y : array-like of int of shape (n_cells,)
        Their classes.
    subjects : array-like of shape (n_cells,)
        Their subjects; each must be known.
    level : float, default=0.9
        Promised probability that the set holds the class of one random cell of a new subject.
    by_class : bool, default=True
        Whether the promise holds for cells of each class (needs that many subjects of each).
    method : {"pooled", "single"}, default="pooled"
        "pooled": all cells, each subject of the same weight. "single": one random cell of each
        subject, the single subsampling of Dunn et al.; its sets vary with the draw.
    random_state : int, default=0
        Seed of the draw.
    class_names : sequence of str, optional
        Names for the labels, for the message of a refusal.

    Returns
    -------
    ndarray of float64 of shape (n_classes,)

    Raises
    ------
    ValueError
        If the level cannot be had from so few subjects (the message says what can), subjects are
        not known, or a probability is not from 0 to 1.

    References
    ----------
    .. [1] R. Dunn, L. Wasserman and A. Ramdas, "Distribution-free prediction sets for two-layer
       hierarchical models", JASA 2022, arXiv 1809.07441.
    .. [2] Y. Lee, R. F. Barber and R. Willett, "Distribution-free inference with hierarchical
       data", arXiv 2306.06342 (the weight at infinity).

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import conformal_thresholds
    >>> p = np.linspace(0.05, 0.95, 19)
    >>> proba = np.column_stack([1 - p, p])
    >>> conformal_thresholds(proba, [1] * 19, range(19), level=0.9, by_class=False).round(2)
    array([0.1, 0.1])
    """
    check_level(level)
    p = class_probabilities("probabilities", probabilities, sum_to_one=False)
    y = class_labels("y", y, p.shape[1])
    if len(y) != len(p):
        raise ValueError(
            f"'y' must have a label for each row of 'probabilities'. Got {len(y)} and {len(p)}: give "
            "both of the same calibration cells."
        )
    if method not in ("pooled", "single"):
        raise ValueError(f"'method' must be 'pooled' or 'single'. Got {method!r} instead.")
    if subjects is None or pd.isna(np.asarray(subjects, object)).any():
        lost = len(y) if subjects is None else int(pd.isna(np.asarray(subjects, object)).sum())
        raise ValueError(
            f"Conformal sets for a new subject need the subject of every cell. Got {lost} of {len(y)} "
            "without: leave these cells out, or fill in 'subjects'."
        )
    index = index_subjects(subjects, len(y))
    strangeness = 1 - p[np.arange(len(y)), y]
    n_classes = p.shape[1]
    names = range(n_classes) if class_names is None else class_names
    groups = [(c, y == c) for c in range(n_classes)] if by_class else [(None, y >= 0)]
    limits = np.full(n_classes, np.nan)
    counts = {c: len(np.unique(index.codes[rows])) for c, rows in groups}
    fewest = min(counts, key=lambda c: counts[c])
    check_attainable(level, counts[fewest], None if fewest is None else names[fewest])
    for c, rows in groups:
        limit = _quantile(strangeness[rows], index.codes[rows], level, method, random_state)
        limits[slice(None) if c is None else c] = limit
    return np.asarray(1 - limits)


def _quantile(
    strangeness: Array, codes: Array, level: float, method: str, random_state: int
) -> float:
    _, of, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    k = len(sizes)
    if method == "single":
        order = np.random.default_rng(random_state).permutation(len(of))
        _, first = np.unique(of[order], return_index=True)
        kept = order[first]
        strangeness, of, sizes = strangeness[kept], of[kept], np.ones(k, int)
    weights = 1.0 / (sizes[of] * (k + 1))
    order = np.argsort(strangeness, kind="stable")
    reached = np.cumsum(weights[order])
    # Rounding must not push the quantile one cell further.
    place = int(np.searchsorted(reached, level - 1e-12))
    return float(strangeness[order][min(place, len(order) - 1)])


def prediction_sets(probabilities: Any, thresholds: Any) -> Array:
    """Return which classes are in the set of each cell.

    Parameters
    ----------
    probabilities : array-like of float of shape (n_cells, n_classes)
        Of new cells.
    thresholds : array-like of float of shape (n_classes,)
        From :func:`conformal_thresholds`.

    Returns
    -------
    ndarray of bool of shape (n_cells, n_classes)
        A set of two classes or more is a cell to look at; an empty one is unlike any.

    Raises
    ------
    ValueError
        If a probability is not from 0 to 1, or there is not one threshold a class.
    """
    p = class_probabilities("probabilities", probabilities, sum_to_one=False)
    cuts = np.asarray(thresholds, float)
    if cuts.shape != p.shape[1:]:
        raise ValueError(
            f"'thresholds' must hold one number a class, {p.shape[1]}. Got shape {cuts.shape} instead; "
            "give what conformal_thresholds returned for these classes."
        )
    return p >= cuts - 1e-12
