"""Decisions about subjects from their cells."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from leukfeat.metrics.interval import Interval
from leukfeat.metrics.proportions import clopper_pearson

__all__ = ["subject_decisions", "subject_figures"]

How = Literal["log_odds", "mean", "fraction"]


def subject_decisions(
    probability: Any,
    subjects: Any,
    y: Any = None,
    *,
    how: How = "log_odds",
    threshold: float = 0.5,
    cell_threshold: float = 0.5,
) -> pd.DataFrame:
    """Decide about each subject from the probabilities of its cells.

    Parameters
    ----------
    probability : array-like of float of shape (n_cells,)
        Probability of being positive.
    subjects : array-like of shape (n_cells,)
        Subject of each cell.
    y : array-like of int of shape (n_cells,), optional
        1 for positive cells. A subject is positive if any of its cells is.
    how : {"log_odds", "mean", "fraction"}, default="log_odds"
        "log_odds": mean of the cells' log-odds, as a probability: one cell that is sure does
        not decide, many that lean do. "mean": mean probability. "fraction": part of the cells
        above `cell_threshold`.
    threshold, cell_threshold : float, default=0.5
        From which a subject, or a cell, is called positive; to be chosen on training subjects.

    Returns
    -------
    pandas.DataFrame
        One row a subject: ``n_cells``, ``score``, ``positive`` (the decision), and with `y`
        ``truth`` and ``right``.

    Examples
    --------
    >>> from leukfeat.metrics import subject_decisions
    >>> table = subject_decisions([0.9, 0.8, 0.2, 0.1], ["1", "1", "H1", "H1"])
    >>> table["positive"].tolist()
    [True, False]
    """
    if how not in ("log_odds", "mean", "fraction"):
        raise ValueError(f"'how' must be 'log_odds', 'mean' or 'fraction'. Got {how!r} instead.")
    p = np.asarray(probability, float)
    value = p
    if how == "log_odds":
        value = special.logit(np.clip(p, 1e-6, 1 - 1e-6))
    elif how == "fraction":
        value = (p >= cell_threshold).astype(float)
    frame = pd.DataFrame({"subject": np.asarray(subjects, object), "value": value})
    if y is not None:
        frame["y"] = np.asarray(y)
    grouped = frame.groupby("subject", sort=True)
    score = grouped["value"].mean()
    if how == "log_odds":
        score = pd.Series(special.expit(score.to_numpy()), score.index)
    table = pd.DataFrame({"n_cells": grouped.size(), "score": score})
    table["positive"] = table["score"] >= threshold
    if y is not None:
        table["truth"] = grouped["y"].max() == 1
        table["right"] = table["truth"] == table["positive"]
    return table


def subject_figures(table: pd.DataFrame, level: float = 0.95) -> dict[str, Interval]:
    """Return sensitivity, specificity and accuracy of decisions about subjects.

    Parameters
    ----------
    table : DataFrame
        From :func:`subject_decisions`, with the truth.
    level : float, default=0.95
        Level of Clopper and Pearson's intervals: subjects are independent.

    Returns
    -------
    dict of str to Interval
        A figure whose class has no subject is left out.
    """
    sides = {
        "sensitivity": table[table["truth"]],
        "specificity": table[~table["truth"]],
        "accuracy": table,
    }
    return {
        name: clopper_pearson(int(side["right"].sum()), len(side), level)
        for name, side in sides.items()
        if len(side)
    }
