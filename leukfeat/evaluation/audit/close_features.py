"""Near copies by their features: rows that point the same way."""

from __future__ import annotations

import numpy as np

__all__ = ["CLOSE", "close_pairs"]

CLOSE = 0.985
"""Cosine between centred rows from which two cells are looked at as copies."""


def close_pairs(
    X: np.ndarray, *, threshold: float = CLOSE, block: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Find rows that are nearly the same direction from the mean of all.

    Parameters
    ----------
    X : ndarray of float32 of shape (n_cells, n_features)
        Features.
    threshold : float, default=0.985
        Least cosine.
    block : int, default=1024
        Rows compared at once; it does not change the result.

    Returns
    -------
    pairs : ndarray of int64 of shape (n_pairs, 2)
        Rows, the smaller first.
    cosine : ndarray of float64 of shape (n_pairs,)

    Examples
    --------
    >>> X = np.array([[1, 0, 0], [1.01, 0.01, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    >>> close_pairs(X)[0]
    array([[0, 1]])
    """
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
