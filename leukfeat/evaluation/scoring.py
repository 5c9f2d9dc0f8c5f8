"""From predictions to tables: figures of merit, confusion, subjects."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from leukfeat.evaluation.predictions import Predictions
from leukfeat.metrics import (
    Interval,
    SubjectStatistic,
    average,
    confusion_by_subject,
    figures_of_merit,
    wilson,
)

__all__ = [
    "FIGURE_NAMES",
    "check_metric",
    "confusion_frame",
    "figure_name",
    "per_subject_frame",
    "score_figures",
]

FIGURE_NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "weighted_f1": "weighted F1",
    "macro_f1": "macro F1",
    "mcc": "Matthews correlation",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "precision": "precision",
    "auroc": "AUROC",
    "auprc": "average precision",
}
"""What tables and figures call each figure of merit."""


def figure_name(key: str) -> str:
    """Return what a table calls a figure of merit.

    Parameters
    ----------
    key : str
        For example ``"auroc"`` or ``"sensitivity[Benign]"``.

    Returns
    -------
    str

    Examples
    --------
    >>> figure_name("sensitivity[Benign]")
    'sensitivity, Benign'
    """
    base, _, of = key.partition("[")
    return FIGURE_NAMES.get(base, base) + (f", {of[:-1]}" if of else "")


def check_metric(metric: str) -> None:
    """Raise if no figure of merit has a name: before heads are fitted, not after it.

    Parameters
    ----------
    metric : str
        For example ``"auroc"`` or ``"sensitivity[Benign]"``.

    Raises
    ------
    ValueError
        If there is none; the message lists those that there are.
    """
    if metric.partition("[")[0] not in FIGURE_NAMES:
        raise ValueError(
            f"The 'metric' parameter must be one of {list(FIGURE_NAMES)}, or one of them for a "
            f"class ('sensitivity[Benign]'). Got {metric!r} instead."
        )


def score_figures(predictions: Predictions) -> dict[tuple[str, str], SubjectStatistic]:
    """Compute every figure over cells and, where subjects are known, over subjects.

    Parameters
    ----------
    predictions : Predictions
        Repeats are scored one by one and averaged.

    Returns
    -------
    dict of (str, str) to SubjectStatistic
        Keyed by name and ``"cells"`` or ``"subjects"``.
    """
    found: dict[tuple[str, str], SubjectStatistic] = {}
    repeats = predictions.repeats
    for over in ("cells", "subjects") if predictions.n_subjects else ("cells",):
        each = [
            figures_of_merit(
                part.y,
                part.predicted,
                part.scores,
                part.units,
                class_names=part.class_names,
                positive=part.positive,
                over=over,  # type: ignore[arg-type]
            )
            for part in repeats
        ]
        for name in each[0]:
            found[name, over] = average([figures[name] for figures in each])
    return found


def confusion_frame(predictions: Predictions) -> pd.DataFrame:
    """Count true against predicted classes; the mean over repeats.

    Parameters
    ----------
    predictions : Predictions
        The predictions.

    Returns
    -------
    pandas.DataFrame
        True classes in rows, predicted ones in columns; whole numbers for a single repeat.
    """
    n, repeats = len(predictions.class_names), len(np.unique(predictions.repeat))
    table = confusion_by_subject(
        predictions.y,
        predictions.predicted,
        np.zeros(len(predictions), np.int64),
        n_classes=n,
        n_subjects=1,
    )[0]
    table = table.astype(np.int64) if repeats == 1 else table / repeats
    names = list(predictions.class_names)
    return pd.DataFrame(table, pd.Index(names, name="true"), pd.Index(names, name="predicted"))


def per_subject_frame(predictions: Predictions, level: float = 0.95) -> pd.DataFrame:
    """Show how each subject fared.

    Parameters
    ----------
    predictions : Predictions
        The predictions.
    level : float, default=0.95
        Level of each subject's own interval (Wilson, its cells taken as independent).

    Returns
    -------
    pandas.DataFrame
        One row a subject and class, worst first: ``subject``, ``class``, ``n_cells``,
        ``right`` (part of the cells), ``low``, ``high``, and ``mean_score`` of the positive
        class (of the true class where there are more than two). Empty without subjects.
    """
    columns = ["subject", "class", "n_cells", "right", "low", "high", "mean_score"]
    if predictions.subjects is None:
        return pd.DataFrame(columns=columns)
    frame = pd.DataFrame({"subject": predictions.subjects, "y": predictions.y})
    frame["right"] = predictions.predicted == predictions.y
    if predictions.scores is not None:
        column = predictions.y if predictions.positive is None else predictions.positive
        frame["mean_score"] = predictions.scores[np.arange(len(frame)), column]
    else:
        frame["mean_score"] = np.nan
    repeats = len(np.unique(predictions.repeat))
    rows = []
    for key, part in frame.dropna(subset=["subject"]).groupby(["subject", "y"]):
        subject, label = key[0], int(key[1])  # type: ignore[index, call-overload]
        n = len(part) // repeats
        right = float(part["right"].mean())
        own = wilson(round(right * n), n, level)
        rows.append(
            (
                subject,
                predictions.class_names[label],
                n,
                right,
                min(own.low, right),
                max(own.high, right),
                float(part["mean_score"].mean()),
            )
        )
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["right", "n_cells"], ascending=[True, False], ignore_index=True)


def score_frame(intervals: Iterable[tuple[str, str, Interval]]) -> pd.DataFrame:
    """Lay intervals out as a table.

    Parameters
    ----------
    intervals : iterable of (str, str, Interval)
        Name of the figure, ``"cells"`` or ``"subjects"``, and the interval.

    Returns
    -------
    pandas.DataFrame
        ``metric``, ``over``, ``estimate``, ``low``, ``high``, ``n_subjects``, ``n_cells``,
        ``method``, ``note``.
    """
    rows = [
        {
            "metric": name,
            "over": over,
            "estimate": one.estimate,
            "low": one.low,
            "high": one.high,
            "n_subjects": one.n_subjects,
            "n_cells": one.n_cells,
            "method": one.method,
            "note": one.note,
        }
        for name, over, one in intervals
    ]
    frame = pd.DataFrame(rows)
    frame["n_subjects"] = frame["n_subjects"].astype("Int64")
    return frame
