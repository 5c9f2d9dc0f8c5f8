"""Near copies by their features: rows that point the same way."""

from __future__ import annotations

import numpy as np
from scipy import special

__all__ = ["CLOSE", "close_pairs", "least_cosine"]

CLOSE = 0.985
"""Least cosine between centred rows from which two cells are looked at as copies."""

_CHANCE_PAIRS = 0.01


def least_cosine(X: np.ndarray) -> float:
    """Return the cosine that unrelated rows would hardly reach.

    With few directions in which the rows vary, some pairs point the same way by chance.

    Parameters
    ----------
    X : ndarray of shape (n_cells, n_features)
        Features.

    Returns
    -------
    float
        At least 0.985, and such that 0.01 pairs are expected among as many normal rows of as
        many effective dimensions (participation ratio of the covariance).
    """
    rows = np.asarray(X, np.float64)[:: max(1, len(X) // 2000)]
    spread = np.linalg.svd(rows - rows.mean(0), compute_uv=False) ** 2
    total = float(spread.sum())
    if total == 0:
        return 1.0
    dimensions = max(total**2 / float((spread**2).sum()), 2.0)
    pairs = len(X) * (len(X) - 1) / 2
    share = min(2 * _CHANCE_PAIRS / max(pairs, 1), 1.0)
    sine_squared = float(special.betaincinv((dimensions - 1) / 2, 0.5, share))
    return max(CLOSE, (1 - sine_squared) ** 0.5)


def close_pairs(
    X: np.ndarray, *, threshold: float | None = None, block: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Find rows that are nearly the same direction from the mean of all.

    Parameters
    ----------
    X : ndarray of float32 of shape (n_cells, n_features)
        Features.
    threshold : float, optional
        Least cosine; default: :func:`least_cosine`.
    block : int, default=1024
        Rows compared at once; it does not change the result.

    Returns
    -------
    pairs : ndarray of int64 of shape (n_pairs, 2)
        Rows, the smaller first.
    cosine : ndarray of float64 of shape (n_pairs,)

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 20)).astype(np.float32)
    >>> X[7] = X[3] + 0.01
    >>> close_pairs(X)[0]
    array([[3, 7]])
    """
    threshold = least_cosine(X) if threshold is None else threshold
    centred = np.asarray(X, np.float32) - X.mean(0, dtype=np.float64).astype(np.float32)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = centred / np.maximum(length, 1e-12)
    pairs, cosines = [np.empty((0, 2), np.int64)], [np.empty(0)]
    for start in range(0, len(unit), block):
        cosine = unit[start : start + block] @ unit[start:].T
        i, j = np.nonzero(cosine >= threshold)
        later = j > i
        i, j = i[later], j[later]
        pairs.append(np.stack([i, j], 1) + start)
        cosines.append(cosine[i, j].astype(float))
    return np.concatenate(pairs).astype(np.int64), np.concatenate(cosines)
