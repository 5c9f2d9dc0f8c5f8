"""Confusion tables a subject, and figures of merit on them.

The scores take a table, or a stack of tables, of shape ``(..., n_classes, n_classes)`` with true
classes in rows: leaving out each of a thousand subjects is then one array operation, where
scikit-learn's functions would be called a thousand times. They agree with scikit-learn's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "accuracy",
    "balanced_accuracy",
    "confusion_by_subject",
    "f1_score",
    "matthews_correlation",
    "negative_predictive_value",
    "precision",
    "sensitivity",
    "specificity",
]

Array = np.ndarray


def confusion_by_subject(
    y: Any, predicted: Any, codes: Any, *, n_classes: int, n_subjects: int, weights: Any = None
) -> Array:
    """Count true against predicted classes, a subject.

    Parameters
    ----------
    y, predicted : array-like of int of shape (n_cells,)
        True and predicted classes, 0 to ``n_classes - 1``.
    codes : array-like of int of shape (n_cells,)
        Subject of each cell, 0 to ``n_subjects - 1``.
    n_classes, n_subjects : int
        Size of the tables and their number.
    weights : array-like of float of shape (n_cells,), optional
        What each cell counts (default 1).

    Returns
    -------
    ndarray of float64 of shape (n_subjects, n_classes, n_classes)

    Examples
    --------
    >>> from leukfeat.metrics import confusion_by_subject
    >>> confusion_by_subject([0, 1, 1], [0, 1, 0], [0, 1, 1], n_classes=2, n_subjects=2)
    array([[[1., 0.],
            [0., 0.]],
           [[0., 0.],
            [1., 1.]]])
    """
    cell = (np.asarray(codes) * n_classes + np.asarray(y)) * n_classes + np.asarray(predicted)
    counts = np.bincount(cell, weights, minlength=n_subjects * n_classes * n_classes)
    return counts.astype(float).reshape(n_subjects, n_classes, n_classes)


def _ratio(part: Array, whole: Array, empty: float = np.nan) -> Array:
    # Leaving a subject out subtracts floats: a total of 1e-13 is an empty class.
    whole = np.asarray(whole, float)
    gone = np.abs(whole) < 1e-9
    return np.where(gone, empty, part / np.where(gone, 1.0, whole))


def accuracy(table: Array) -> Array:
    """Return the part of all cells that is classified right.

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.

    Returns
    -------
    ndarray of shape (...)

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import accuracy
    >>> float(accuracy(np.array([[8, 2], [1, 9]])))
    0.85
    """
    return _ratio(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def sensitivity(table: Array, positive: int = 1) -> Array:
    """Return the part of the positive cells that is found (recall).

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.
    positive : int, default=1
        The class to be found.

    Returns
    -------
    ndarray of shape (...)
    """
    return _ratio(table[..., positive, positive], table[..., positive, :].sum(-1))


def specificity(table: Array, positive: int = 1) -> Array:
    """Return the part of the other cells that is not called positive.

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.
    positive : int, default=1
        The class to be found.

    Returns
    -------
    ndarray of shape (...)
    """
    others = np.delete(table, positive, axis=-2)
    return 1 - _ratio(others[..., positive].sum(-1), others.sum((-2, -1)))


def precision(table: Array, positive: int = 1) -> Array:
    """Return the part of the cells called positive that is (positive predictive value).

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.
    positive : int, default=1
        The class to be found.

    Returns
    -------
    ndarray of shape (...)
    """
    return _ratio(table[..., positive, positive], table[..., positive].sum(-1))


def negative_predictive_value(table: Array, positive: int = 1) -> Array:
    """Return the part of the cells not called positive that is not.

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.
    positive : int, default=1
        The class to be found.

    Returns
    -------
    ndarray of shape (...)
    """
    called = np.delete(table, positive, axis=-1)
    return 1 - _ratio(called[..., positive, :].sum(-1), called.sum((-2, -1)))


def balanced_accuracy(table: Array) -> Array:
    """Return the mean sensitivity of the classes that are present.

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.

    Returns
    -------
    ndarray of shape (...)
    """
    support = table.sum(-1)
    recall = _ratio(np.diagonal(table, axis1=-2, axis2=-1), support, empty=0.0)
    return _ratio(recall.sum(-1), (support > 1e-9).sum(-1))


def f1_score(table: Array, average: str = "weighted") -> Array:
    """Return the F1 score averaged over classes.

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.
    average : {"weighted", "macro"}, default="weighted"
        By the number of true cells (C-NMC's challenge), or every class the same. A class
        neither true nor predicted has no F1 score and is left out, as in scikit-learn.

    Returns
    -------
    ndarray of shape (...)
    """
    if average not in ("weighted", "macro"):
        raise ValueError(f"'average' must be 'weighted' or 'macro'. Got {average!r} instead.")
    right = np.diagonal(table, axis1=-2, axis2=-1)
    support, called = table.sum(-1), table.sum(-2)
    each = _ratio(2 * right, support + called, empty=0.0)
    weight = support if average == "weighted" else (support + called > 1e-9).astype(float)
    return _ratio((each * weight).sum(-1), weight.sum(-1))


def matthews_correlation(table: Array) -> Array:
    """Return Matthews' correlation coefficient, Gorodkin's R_K for many classes.

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        True classes in rows, predicted ones in columns.

    Returns
    -------
    ndarray of shape (...)
        0 where all cells are of one class, or called one.

    References
    ----------
    .. [1] J. Gorodkin, "Comparing two K-category assignments by a K-category correlation
       coefficient", Computational Biology and Chemistry 28 (2004).
    """
    table = np.asarray(table, float)
    total = table.sum((-2, -1))
    support, called = table.sum(-1), table.sum(-2)
    right = np.trace(table, axis1=-2, axis2=-1)
    shared = right * total - (support * called).sum(-1)
    spread = (total**2 - (called**2).sum(-1)) * (total**2 - (support**2).sum(-1))
    # Left-out totals are differences of floats: below this the spread is rounding.
    flat = spread <= 1e-9 * np.maximum(total, 1e-12) ** 4
    return np.where(flat, 0.0, shared / np.sqrt(np.where(flat, 1.0, spread)))
