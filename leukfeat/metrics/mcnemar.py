"""McNemar's test where the cells of a subject are alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from leukfeat.metrics.subjects import index_subjects
from leukfeat.metrics.validation import binary_labels

__all__ = ["clustered_mcnemar"]


def clustered_mcnemar(first_right: Any, second_right: Any, subjects: Any = None) -> float:
    """Return the two-sided p-value for a difference in accuracy of two heads on the same cells.

    McNemar's test with a subject, not a cell, for its unit: if the heads are alike, the cells
    that only the first called right less those that only the second did are as often positive
    as negative in a subject. The statistic is the square of their sum over the sum of their
    squares; with one cell a subject it is McNemar's own, without continuity correction.
    Obuchowski's [1]_ is close to it, but centres each head and has a factor m / (m - 1) for m
    subjects.

    Parameters
    ----------
    first_right, second_right : array-like of bool of shape (n_cells,)
        Whether each head called the cell right.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell.

    Returns
    -------
    float
        1 where the heads never differ.

    References
    ----------
    .. [1] N. A. Obuchowski, "On the comparison of correlated proportions for clustered data",
       Statistics in Medicine 17 (1998), 1495-1507.

    Examples
    --------
    >>> from leukfeat.metrics import clustered_mcnemar
    >>> first = [1, 1, 1, 1, 1, 1, 0, 1]
    >>> second = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> round(clustered_mcnemar(first, second), 3)
    0.18
    """
    if np.shape(first_right) != np.shape(second_right):
        raise ValueError(
            f"Both heads must have called the same cells. Got {np.shape(first_right)}, "
            f"{np.shape(second_right)}; give one entry a cell on both sides."
        )
    a = binary_labels("first_right", first_right)
    b = binary_labels("second_right", second_right)
    index = index_subjects(subjects, len(a))
    excess = np.bincount(index.codes, (a - b).astype(float), minlength=index.count)
    spread = float((excess**2).sum())
    if spread == 0:
        return 1.0
    return float(stats.chi2.sf(float(excess.sum()) ** 2 / spread, 1))
