"""Scores of a fitted classifier on one scale, whatever methods it has."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["SOFTENING", "as_columns", "natural_scores"]

SOFTENING = 1e-3
"""Added to probabilities before their logarithm: votes of 0 and 1 stay finite, order is kept."""


def natural_scores(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Return a classifier's decision values, or else the softened logarithm of its probabilities.

    Parameters
    ----------
    estimator : classifier
        Fitted, with ``decision_function`` or ``predict_proba``.
    X : ndarray of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    ndarray of float64 of shape (n_rows, n_classes)
        Larger for the likelier class; the first column is 0 with two classes.

    Raises
    ------
    TypeError
        If the classifier has neither method.
    """
    if hasattr(estimator, "decision_function"):
        scores = np.asarray(estimator.decision_function(X), np.float64)
    elif hasattr(estimator, "predict_proba"):
        scores = np.log(np.asarray(estimator.predict_proba(X), np.float64) + SOFTENING)
    else:
        raise TypeError(
            f"A head must have 'decision_function' or 'predict_proba'. "
            f"{type(estimator).__name__} has neither."
        )
    return as_columns(scores)


def as_columns(scores: np.ndarray) -> np.ndarray:
    """Bring scores of two classes to the form of many: one column a class.

    Parameters
    ----------
    scores : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Decision values, or log-probabilities up to a constant a row.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)

    Examples
    --------
    >>> import numpy as np
    >>> as_columns(np.array([-1.0, 2.0]))
    array([[ 0., -1.],
           [ 0.,  2.]])
    """
    if scores.ndim == 2 and scores.shape[1] > 2:
        return scores
    difference = scores.ravel() if scores.ndim == 1 else scores[:, -1] - scores[:, 0]
    return np.column_stack([np.zeros(len(scores)), difference])
