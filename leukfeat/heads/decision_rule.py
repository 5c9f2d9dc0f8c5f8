"""From probabilities to a decision: what a cell of each class weighs."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

__all__ = [
    "check_threshold",
    "class_weights",
    "decision_weights",
    "threshold_of",
]

EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the class weights, on the logarithmic scale, that ``threshold="auto"`` tries."""

SEARCHED = ("youden",)
"""Thresholds that are searched on out-of-fold probabilities."""


def check_threshold(threshold: Any, n_classes: int) -> None:
    """Raise if `threshold` is none of the forms that `Head` knows.

    Parameters
    ----------
    threshold : object
        The parameter.
    n_classes : int
        Number of classes: single numbers need two.

    Raises
    ------
    ValueError
        If the form is not known, or needs two classes.
    """
    number = isinstance(threshold, numbers.Real) and not isinstance(threshold, bool)
    point = (
        isinstance(threshold, tuple)
        and len(threshold) == 2
        and threshold[0] in ("sensitivity", "specificity")
        and isinstance(threshold[1], numbers.Real)
        and 0 < float(threshold[1]) <= 1
    )
    if number and not 0 < float(threshold) < 1:
        raise ValueError(f"A numeric 'threshold' must be in (0, 1). Got {threshold!r} instead.")
    if not (number or point or threshold in ("auto", "balanced", *SEARCHED) or threshold is None):
        raise ValueError(
            "The 'threshold' parameter must be 'auto', 'balanced', 'youden', None, a number in "
            "(0, 1), or ('sensitivity' | 'specificity', level in (0, 1]). "
            f"Got {threshold!r} instead."
        )
    if n_classes > 2 and (number or point or threshold in SEARCHED):
        raise ValueError(
            f"threshold={threshold!r} is for two classes; these data have {n_classes}. "
            "Give 'auto', 'balanced' or None."
        )


def class_weights(class_weight: Any, classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the weight of each class that a ``class_weight`` parameter stands for.

    Parameters
    ----------
    class_weight : {"balanced"}, dict or None
        As :func:`~leukfeat.heads.class_labels.named_weights` returns it.
    classes : ndarray of shape (n_classes,)
        The classes.
    y : ndarray of int of shape (n_rows,)
        Class of each row, 0 to n_classes - 1.

    Returns
    -------
    ndarray of float64 of shape (n_classes,)

    Raises
    ------
    ValueError
        If it is neither, or names an unknown class.
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        return len(y) / (len(classes) * np.bincount(y, minlength=len(classes)))
    if not isinstance(class_weight, dict):
        raise ValueError(
            "The 'class_weight' parameter must be 'balanced', None or a dict {class: weight}. "
            f"Got {class_weight!r} instead."
        )
    return np.array([float(class_weight.get(label, 1.0)) for label in classes.tolist()])


def decision_weights(
    threshold: Any,
    *,
    weights: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    positive: int,
    proba: np.ndarray | None,
) -> np.ndarray:
    """Return weights w such that the decision is for the class with the largest w * probability.

    Parameters
    ----------
    threshold : {"auto", "balanced", "youden"}, tuple, float or None
        See `Head`.
    weights : ndarray of shape (n_classes,)
        What ``class_weight`` stands for.
    y : ndarray of int of shape (n_rows,)
        Class of each training row.
    groups : ndarray of int of shape (n_rows,)
        Group of each.
    positive : int
        Position of the positive class.
    proba : ndarray of shape (n_rows, n_classes) or None
        Out-of-fold probabilities, where there are any.

    Returns
    -------
    ndarray of float64 of shape (n_classes,)
        They sum to 1.
    """
    n_classes = len(weights)
    if threshold is None:
        chosen = np.ones(n_classes)
    elif threshold == "auto":
        weights = np.maximum(weights, 1e-300)
        chosen = weights if proba is None else weights ** _exponent(weights, y, groups, proba)
    elif threshold == "balanced":
        chosen = 1.0 / np.bincount(y, minlength=n_classes)
    else:
        cut = threshold
        if not isinstance(cut, numbers.Real):
            assert proba is not None
            cut = _searched_cut(threshold, proba[:, positive], y == positive)
        chosen = np.full(2, float(cut))
        chosen[positive] = 1.0 - float(cut)
    return chosen / chosen.sum()


def _exponent(weights: np.ndarray, y: np.ndarray, groups: np.ndarray, proba: np.ndarray) -> float:
    """Return how much of the class weights the decision needs: 0 none, 1 all of them.

    The smallest exponent whose weighted accuracy is within one standard error, over groups, of
    the best. With balanced weights the weighted accuracy is the balanced accuracy.
    """
    n_groups = int(groups.max()) + 1
    log_proba = np.log(np.maximum(proba, 1e-300))
    worth = weights[y] / weights[y].sum()
    by_group = np.array(
        [
            np.bincount(
                groups,
                worth * ((log_proba + exponent * np.log(weights)).argmax(1) == y),
                minlength=n_groups,
            )
            for exponent in EXPONENTS
        ]
    )
    best = int(np.argmax(by_group.sum(1)))
    present = np.bincount(groups, minlength=n_groups) > 0
    gain = (by_group[best] - by_group)[:, present]
    error = np.sqrt(gain.shape[1]) * gain.std(1, ddof=1) if gain.shape[1] > 1 else 0.0 * gain[:, 0]
    return float(EXPONENTS[np.flatnonzero(gain.sum(1) <= error)[0]])


def threshold_of(weights: np.ndarray, positive: int) -> float | None:
    """Return the probability of the positive class at which the decision changes.

    Parameters
    ----------
    weights : ndarray of shape (n_classes,)
        As `decision_weights` gives them.
    positive : int
        Position of the positive class.

    Returns
    -------
    float or None
        ``None`` with more than two classes: there is no single one.

    Examples
    --------
    >>> import numpy as np
    >>> threshold_of(np.array([0.7, 0.3]), positive=1)
    0.7
    """
    if len(weights) != 2:
        return None
    return float(weights[1 - positive] / weights.sum())


def _searched_cut(threshold: Any, proba: np.ndarray, is_positive: np.ndarray) -> float:
    """Return the cut, midway between two probabilities, that is best on these rows."""
    order = np.argsort(proba, kind="stable")
    values, truth = proba[order], is_positive[order]
    # Cut i lies below the i-th smallest probability: what is at or above it is called positive.
    sensitivity = 1 - np.concatenate([[0], np.cumsum(truth)]) / truth.sum()
    specificity = np.concatenate([[0], np.cumsum(~truth)]) / (~truth).sum()
    edges = np.concatenate([[0.0], values, [1.0]])
    cuts = (edges[:-1] + edges[1:]) / 2
    real = np.concatenate([[True], np.diff(values) > 0, [True]])
    sensitivity, specificity, cuts = sensitivity[real], specificity[real], cuts[real]
    if threshold == "youden":
        index = sensitivity + specificity - 1
    else:
        fixed, free = (
            (sensitivity, specificity)
            if threshold[0] == "sensitivity"
            else (specificity, sensitivity)
        )
        index = np.where(fixed >= threshold[1], free, -1.0)
    best = np.flatnonzero(index >= index.max() - 1e-12)
    cut = cuts[best[np.argmin(np.abs(cuts[best] - 0.5))]]
    return float(np.clip(cut, 1e-9, 1 - 1e-9))
