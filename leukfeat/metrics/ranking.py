"""AUROC and average precision with each subject left out, in one sort.

AUROC over all pairs of cells is Mann and Whitney's; Obuchowski (1997) gives its variance when
the cells of a subject are alike, for subjects that hold one class or both. With C-NMC's uneven
subjects that variance is too small, and leaving out a subject at a time covers better (see
`leukfeat.metrics.jackknife`); both are computed from the same sums. With cell weights of one
over the subject's cells AUROC is the mean over pairs of subjects.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leukfeat.metrics.validation import binary_labels, finite_values

__all__ = ["auroc_by_subject", "average_precision_by_subject", "obuchowski_variance"]

Array = np.ndarray


def _placements(positives: Array, negatives: Array, weights: Array) -> Array:
    """Weight of the negatives below each positive, ties counted half."""
    order = np.argsort(negatives, kind="stable")
    ordered = negatives[order]
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    left = below[np.searchsorted(ordered, positives, "left")]
    right = below[np.searchsorted(ordered, positives, "right")]
    return (left + right) / 2


def _checked(
    y: Any, score: Any, codes: Any, n_subjects: int, weights: Any
) -> tuple[Array, Array, Array, Array]:
    y = binary_labels("y", y)
    score = finite_values(
        "score", score, "Leave these cells out, or score them again.", shape=y.shape
    )
    codes = np.asarray(codes)
    if codes.shape != y.shape or codes.min() < 0 or codes.max() >= n_subjects:
        raise ValueError(
            f"'codes' must hold the subject of each of {len(y)} cells, from 0 to {n_subjects - 1}. Got "
            f"shape {codes.shape}, from {codes.min(initial=0)} to {codes.max(initial=0)}; "
            "index_subjects makes codes of names."
        )
    if weights is None:
        return y, score, codes, np.ones(len(y))
    remedy = "Give every cell a weight of 0 or more."
    w = finite_values("weights", weights, remedy, shape=y.shape)
    if w.min() < 0:
        raise ValueError(f"'weights' must not be negative. Got {w.min():g}. {remedy}")
    return y, score, codes, w


def _sums(
    y: Array, score: Array, codes: Array, n_subjects: int, weights: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Per subject: positive weight, negative weight, wins won, wins lost, wins inside."""
    up, down = y == 1, y == 0
    won = weights[up] * _placements(score[up], score[down], weights[down])
    lost = weights[down] * (weights[up].sum() - _placements(score[down], score[up], weights[up]))
    m = np.bincount(codes[up], weights[up], minlength=n_subjects)
    n = np.bincount(codes[down], weights[down], minlength=n_subjects)
    row = np.bincount(codes[up], won, minlength=n_subjects)
    column = np.bincount(codes[down], lost, minlength=n_subjects)
    inside = np.zeros(n_subjects)
    for i in np.flatnonzero((m > 0) & (n > 0)):
        mine = codes == i
        a, b = mine & up, mine & down
        inside[i] = float(weights[a] @ _placements(score[a], score[b], weights[b]))
    return m, n, row, column, inside


def auroc_by_subject(
    y: Any, score: Any, codes: Any, *, n_subjects: int, weights: Any = None
) -> tuple[float, Array]:
    """Return the area under the ROC curve, and without each subject.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    score : array-like of float of shape (n_cells,)
        Higher for positive cells.
    codes : array-like of int of shape (n_cells,)
        Subject of each cell, 0 to ``n_subjects - 1``.
    n_subjects : int
        Number of subjects.
    weights : array-like of float of shape (n_cells,), optional
        What each cell counts (default 1).

    Returns
    -------
    estimate : float
        ``nan`` if a class is missing.
    without : ndarray of float of shape (n_subjects,)
        The area without each subject; ``nan`` where a class would be missing.

    Raises
    ------
    ValueError
        If a score is not finite, a label is neither 0 nor 1, or lengths differ.

    Examples
    --------
    >>> from leukfeat.metrics import auroc_by_subject
    >>> auroc_by_subject([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0, 1, 2, 3], n_subjects=4)
    (0.75, array([0.5, 1. , 1. , 0.5]))
    """
    y, score, codes, w = _checked(y, score, codes, n_subjects, weights)
    m, n, row, column, inside = _sums(y, score, codes, n_subjects, w)
    total, M, N = row.sum(), m.sum(), n.sum()
    pairs = (M - m) * (N - n)
    empty = pairs <= 1e-9 * max(M * N, 1e-300)
    left = total - row - column + inside
    without = np.where(empty, np.nan, left / np.where(empty, 1.0, pairs))
    return (float(total / (M * N)) if M * N > 0 else np.nan), np.clip(without, 0.0, 1.0)


def obuchowski_variance(y: Any, score: Any, codes: Any, *, n_subjects: int) -> float:
    """Return Obuchowski's variance of the AUROC of clustered data.

    With every cell its own subject this is the variance of DeLong et al. (1988).

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    score : array-like of float of shape (n_cells,)
        Higher for positive cells.
    codes : array-like of int of shape (n_cells,)
        Subject of each cell, 0 to ``n_subjects - 1``.
    n_subjects : int
        Number of subjects.

    Returns
    -------
    float
        ``nan`` if a class has fewer than two subjects.

    Raises
    ------
    ValueError
        If a score is not finite, a label is neither 0 nor 1, or lengths differ.

    References
    ----------
    .. [1] N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data",
       Biometrics 53 (1997), 567-578.
    .. [2] E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two
       or more correlated receiver operating characteristic curves", Biometrics 44 (1988).
    """
    y, score, codes, w = _checked(y, score, codes, n_subjects, None)
    m, n, row, column, _ = _sums(y, score, codes, n_subjects, w)
    M, N = m.sum(), n.sum()
    if not M or not N:
        return np.nan
    area = row.sum() / (M * N)
    up, down = row / N - m * area, column / M - n * area
    k1, k0 = int((m > 0).sum()), int((n > 0).sum())
    if k1 < 2 or k0 < 2:
        return np.nan
    s10 = k1 / ((k1 - 1) * M) * float(up @ up)
    s01 = k0 / ((k0 - 1) * N) * float(down @ down)
    both = int(((m > 0) & (n > 0)).sum())
    s11 = n_subjects / (n_subjects - 1) * float(up @ down) if both else 0.0
    return s10 / M + s01 / N + 2 * s11 / (M * N)


def average_precision_by_subject(
    y: Any, score: Any, codes: Any, *, n_subjects: int, weights: Any = None
) -> tuple[float, Array]:
    """Return the average precision (area under the precision-recall curve), and without each subject.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    score : array-like of float of shape (n_cells,)
        Higher for positive cells.
    codes : array-like of int of shape (n_cells,)
        Subject of each cell, 0 to ``n_subjects - 1``.
    n_subjects : int
        Number of subjects.
    weights : array-like of float of shape (n_cells,), optional
        What each cell counts (default 1).

    Returns
    -------
    estimate : float
        ``nan`` if there are no positive cells.
    without : ndarray of float of shape (n_subjects,)

    Raises
    ------
    ValueError
        If a score is not finite, a label is neither 0 nor 1, or lengths differ.

    Examples
    --------
    >>> from leukfeat.metrics import average_precision_by_subject
    >>> ap, without = average_precision_by_subject(
    ...     [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0, 1, 2, 3], n_subjects=4)
    >>> round(ap, 3)
    0.833
    """
    y, score, codes, w = _checked(y, score, codes, n_subjects, weights)
    order = np.argsort(-score, kind="stable")
    y, score, codes, w = y[order], score[order], codes[order], w[order]
    # A threshold stands between distinct scores only.
    ends = np.append(np.flatnonzero(np.diff(score) != 0), len(score) - 1)

    def area(weight: Array) -> Array:
        hits = np.cumsum(weight * (y == 1), axis=-1)[..., ends]
        called = np.cumsum(weight, axis=-1)[..., ends]
        precision = hits / np.where(called > 0, called, 1.0)
        steps = np.diff(hits, axis=-1, prepend=0.0)
        positives = hits[..., -1]
        empty = positives <= 0
        return np.where(empty, np.nan, (steps * precision).sum(-1) / np.where(empty, 1, positives))

    without = np.empty(n_subjects)
    block = max(1, 4_000_000 // max(len(y), 1))
    for start in range(0, n_subjects, block):
        left_out = np.arange(start, min(start + block, n_subjects))
        without[left_out] = area(np.where(codes == left_out[:, None], 0.0, w))
    return float(area(w)), without
