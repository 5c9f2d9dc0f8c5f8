"""Decisions about subjects from their cells."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from leukfeat.metrics.interval import Interval
from leukfeat.metrics.proportions import clopper_pearson
from leukfeat.metrics.validation import binary_labels, check_share, finite_values

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
        ``truth`` and ``right``. ``attrs["n_without_subject"]`` is the number of cells without
        subject (``None``, ``nan`` or ``""``), which are in no row.

    Raises
    ------
    ValueError
        If `how` is unknown, a probability or threshold is not from 0 to 1, lengths differ, or no
        cell has a subject.

    Warns
    -----
    UserWarning
        If some cells have no subject.

    Examples
    --------
    >>> from leukfeat.metrics import subject_decisions
    >>> table = subject_decisions([0.9, 0.8, 0.2, 0.1], ["1", "1", "H1", "H1"])
    >>> table["positive"].tolist()
    [True, False]
    """
    if how not in ("log_odds", "mean", "fraction"):
        raise ValueError(f"'how' must be 'log_odds', 'mean' or 'fraction'. Got {how!r} instead.")
    check_share("threshold", threshold)
    check_share("cell_threshold", cell_threshold)
    p = finite_values("probability", probability, "Leave these cells out, or predict them again.")
    if p.ndim != 1 or not len(p) or p.min() < 0 or p.max() > 1:
        raise ValueError(
            f"'probability' must hold one number from 0 to 1 a cell. Got shape {p.shape}"
            + (f", from {p.min():.3g} to {p.max():.3g}" if p.size else "")
            + ": give the column of the positive class, of a head that is calibrated."
        )
    of = np.asarray(subjects, object)
    if of.shape != p.shape:
        raise ValueError(
            f"'subjects' must have one entry a cell, {len(p)}. Got shape {of.shape} instead; give "
            "None for a cell without."
        )
    lost = pd.isna(of) | (of == "")
    if lost.all():
        raise ValueError(
            f"None of the {len(p)} cells has a subject: there is none to decide about. Give "
            "'subjects'."
        )
    if lost.any():
        of = of.copy()
        of[lost] = None
        warnings.warn(
            f"{int(lost.sum())} of {len(p)} cells have no subject and are in no decision: fill in "
            "'subjects', or leave these cells out and say so.",
            UserWarning,
            stacklevel=2,
        )
    value = p
    if how == "log_odds":
        value = special.logit(np.clip(p, 1e-6, 1 - 1e-6))
    elif how == "fraction":
        value = (p >= cell_threshold).astype(float)
    frame = pd.DataFrame({"subject": of, "value": value})
    if y is not None:
        frame["y"] = binary_labels("y", y)
    grouped = frame.groupby("subject", sort=True)
    score = grouped["value"].mean()
    if how == "log_odds":
        score = pd.Series(special.expit(score.to_numpy()), score.index)
    table = pd.DataFrame({"n_cells": grouped.size(), "score": score})
    table["positive"] = table["score"] >= threshold
    table.attrs["n_without_subject"] = int(lost.sum())
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
