"""Cells whose label is probably wrong, the most suspect first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukfeat.metrics.validation import class_labels, class_probabilities

__all__ = ["suspected_label_errors"]


def suspected_label_errors(
    y: Any, probabilities: Any, subjects: Any = None, *, class_names: Any = None
) -> pd.DataFrame:
    """Rank cells by how surely out-of-fold probabilities speak against their label.

    A cell is suspected when the probability of another class is at least what the cells of that
    class have on average (confident learning).

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        Labels.
    probabilities : array-like of float of shape (n_cells, n_classes)
        Out-of-fold, by subject: a head that has seen the cell repeats its label.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell.
    class_names : sequence of str, optional
        Names for the labels.

    Returns
    -------
    pandas.DataFrame
        Suspects, the most suspect first: ``cell`` (row), ``label``, ``suggested``, ``margin``
        (log ratio of the suggested class to the label), and with subjects ``subject`` and
        ``suspected_of_subject``, the part of its cells that is suspected: near 1 the subject is
        hard for the head, which is no error of its labels.

    References
    ----------
    .. [1] C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating
       uncertainty in dataset labels", JAIR 70 (2021).

    Examples
    --------
    >>> from leukfeat.metrics import suspected_label_errors
    >>> p = [[0.9, 0.1], [0.8, 0.2], [0.05, 0.95], [0.2, 0.8], [0.3, 0.7]]
    >>> suspected_label_errors([0, 0, 0, 1, 1], p)["cell"].tolist()
    [2]
    """
    p = class_probabilities("probabilities", probabilities, sum_to_one=False)
    n_classes = p.shape[1]
    y = class_labels("y", y, n_classes)
    if len(y) != len(p):
        raise ValueError(
            f"'y' must have a label for each row of 'probabilities'. Got {len(y)} and {len(p)}: give "
            "both of the same cells."
        )
    usual = np.array([p[y == c, c].mean() if (y == c).any() else np.inf for c in range(n_classes)])
    own = p[np.arange(len(y)), y]
    against = np.where(p >= usual, p, -np.inf)
    against[np.arange(len(y)), y] = -np.inf
    best = against.argmax(1)
    highest = against[np.arange(len(y)), best]
    suspected = np.isfinite(highest) & (highest > own)
    with np.errstate(divide="ignore"):
        margin = np.log(np.where(suspected, highest, 1.0)) - np.log(np.maximum(own, 1e-12))
    names = np.arange(n_classes) if class_names is None else np.asarray(class_names, object)
    rows = np.flatnonzero(suspected)
    table = pd.DataFrame(
        {
            "cell": rows,
            "label": names[y[rows]],
            "suggested": names[best[rows]],
            "margin": margin[rows],
        }
    )
    if subjects is not None:
        of = pd.Series(np.asarray(subjects, object))
        share = pd.Series(suspected).groupby(of).transform("mean")
        table["subject"] = of.iloc[rows].to_numpy()
        table["suspected_of_subject"] = share.iloc[rows].to_numpy()
    return table.sort_values("margin", ascending=False, ignore_index=True)
