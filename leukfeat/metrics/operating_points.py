"""Thresholds at a wanted sensitivity or specificity, chosen on training subjects."""

from __future__ import annotations

from typing import Any

import numpy as np

from leukfeat.metrics.subjects import index_subjects
from leukfeat.metrics.validation import binary_labels, finite_values

__all__ = ["threshold_for"]


def threshold_for(
    y: Any,
    score: Any,
    subjects: Any = None,
    *,
    sensitivity: float | None = None,
    specificity: float | None = None,
) -> float:
    """Return the threshold that just reaches a wanted sensitivity or specificity.

    To be chosen on out-of-fold scores of training subjects and then tested on others: on the
    cells that it was chosen on the figure is what was asked for, and says nothing. For many
    classes choose it for each class against the rest.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    score : array-like of float of shape (n_cells,)
        Higher for positive cells. A cell is called positive from the threshold on.
    subjects : array-like of shape (n_cells,), optional
        With them every subject counts the same, so that the point holds for the mean subject.
    sensitivity, specificity : float, optional
        Exactly one of them, in (0, 1].

    Returns
    -------
    float
        For a sensitivity the highest such threshold, for a specificity the lowest.

    Raises
    ------
    ValueError
        If not exactly one is asked for, the class that it stands on is missing, or a score is not
        finite.

    Examples
    --------
    >>> from leukfeat.metrics import threshold_for
    >>> threshold_for([0, 0, 1, 1, 1, 1], [0.1, 0.6, 0.3, 0.5, 0.7, 0.9], sensitivity=0.75)
    0.5
    """
    if (sensitivity is None) == (specificity is None):
        raise ValueError("Give exactly one of 'sensitivity' and 'specificity'.")
    wanted = float(sensitivity if sensitivity is not None else specificity)  # type: ignore[arg-type]
    if not 0 < wanted <= 1:
        name = "sensitivity" if sensitivity is not None else "specificity"
        hint = (
            f"Did you mean {wanted / 100:g}?" if 1 < wanted <= 100 else "Give a share of the cells."
        )
        raise ValueError(f"'{name}' must be in (0, 1]. Got {wanted:g} instead. {hint}")
    y = binary_labels("y", y)
    s = finite_values("score", score, "Leave these cells out, or score them again.", shape=y.shape)
    rows = y == 1 if sensitivity is not None else y != 1
    if not rows.any():
        what = "positive" if sensitivity is not None else "negative"
        raise ValueError(f"There are no {what} cells to choose a threshold on.")
    index = index_subjects(subjects, len(y))
    codes = index.codes[rows]
    weights = 1.0 / np.bincount(codes)[codes] if index.known else np.ones(int(rows.sum()))
    mine = s[rows]
    order = np.argsort(-mine if sensitivity is not None else mine, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    last = mine[order][int(np.searchsorted(reached, wanted - 1e-12))]
    if sensitivity is not None:
        return float(last)
    return float(np.nextafter(last, np.inf))
