"""Squared distances and RBF kernel values by matrix products."""

from __future__ import annotations

import numpy as np

__all__ = ["rbf_from_distances", "squared_distances"]


def squared_distances(A: np.ndarray, B: np.ndarray | None = None) -> np.ndarray:
    """Return the squared Euclidean distance of every row of `A` to every row of `B`.

    Rows are centred first: the products then stay small, and little is lost to cancellation.

    Parameters
    ----------
    A : ndarray of shape (n, n_features)
        Rows, float32 or float64.
    B : ndarray of shape (m, n_features), optional
        Rows; default: `A`.

    Returns
    -------
    ndarray of shape (n, m), of the common dtype
        Never negative; exactly 0 on the diagonal if `B` is not given.

    Examples
    --------
    >>> import numpy as np
    >>> squared_distances(np.array([[0.0, 0.0], [3.0, 4.0]]))
    array([[ 0., 25.],
           [25.,  0.]])
    """
    same = B is None
    other = A if B is None else B
    centre = other.mean(0)
    A = A - centre
    other = A if same else other - centre
    distances = A @ other.T
    distances *= -2
    distances += np.einsum("ij,ij->i", A, A)[:, None]
    distances += np.einsum("ij,ij->i", other, other)
    np.maximum(distances, 0, out=distances)
    if same:
        np.fill_diagonal(distances, 0)
    return distances


def rbf_from_distances(
    distances: np.ndarray, gamma: float, *, out: np.ndarray | None = None
) -> np.ndarray:
    """Return ``exp(-gamma * distances)``.

    Parameters
    ----------
    distances : ndarray
        Squared distances.
    gamma : float
        Kernel width.
    out : ndarray, optional
        Where to write; may be `distances` itself.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> rbf_from_distances(np.array([[0.0, 1.0]]), 0.0)
    array([[1., 1.]])
    """
    kernel = np.multiply(distances, -gamma, out=out)
    return np.exp(kernel, out=kernel)
