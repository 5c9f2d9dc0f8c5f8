"""Cells to look at: the surest errors, and labels that are probably wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leukfeat.evaluation.predictions import Predictions
from leukfeat.metrics import suspected_label_errors

__all__ = ["most_wrong", "suspects"]


def most_wrong(predictions: Predictions, n: int | None) -> pd.DataFrame:
    """List the wrongly called cells, those first of which the head was surest.

    Parameters
    ----------
    predictions : Predictions
        Of several repeats the first is taken.
    n : int or None
        At most so many; ``None`` for all.

    Returns
    -------
    pandas.DataFrame
        See :meth:`Evaluation.most_wrong`.
    """
    p = predictions.repeats[0]
    wrong = np.flatnonzero(p.predicted != p.y)
    frame = p.take(wrong).frame()
    order = ("cell", "path", "subject", "id", "true", "predicted")
    kept = [c for c in order if c in frame]
    frame = frame[kept]
    if p.scores is not None:
        frame["score_of_true"] = p.scores[wrong, p.y[wrong]]
        frame = frame.sort_values("score_of_true", kind="stable")
    return frame.head(len(frame) if n is None else n).reset_index(drop=True)


def suspects(predictions: Predictions, name_of_head: str, n: int | None) -> pd.DataFrame:
    """List the cells whose label is probably wrong, the most suspect first.

    Parameters
    ----------
    predictions : Predictions
        Of several repeats the first is taken.
    name_of_head : str
        For the message.
    n : int or None
        At most so many; ``None`` for all.

    Returns
    -------
    pandas.DataFrame
        See :meth:`Evaluation.suspected_label_errors`.

    Raises
    ------
    ValueError
        If the head gives no probabilities.
    """
    p = predictions.repeats[0]
    if p.scores is None or p.scores.min() < 0 or p.scores.max() > 1:
        raise ValueError(
            f"{name_of_head!r} gives no probabilities, which suspicion of a label is judged by: "
            "use a head with predict_proba."
        )
    table = suspected_label_errors(p.y, p.scores, p.subjects, class_names=p.class_names)
    at = table["cell"].to_numpy(np.int64)
    table["cell"] = p.cells[at]
    for place, (name, values) in enumerate((("path", p.paths), ("id", p.ids)), start=1):
        if values is not None:
            table.insert(min(place, table.shape[1]), name, values[at])
    return table.head(len(table) if n is None else n).reset_index(drop=True)
