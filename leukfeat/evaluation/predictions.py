"""What a head said of each cell, beside the truth: all that a result is computed from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Predictions", "join_predictions"]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Predictions:
    """Predictions for labelled cells.

    Parameters
    ----------
    y, predicted : ndarray of int64 of shape (n_rows,)
        True and predicted class, indices into `class_names`.
    scores : ndarray of float64 of shape (n_rows, n_classes) or None
        Probability of each class, or another score that is higher for the class.
    class_names : tuple of str
        Names of the classes.
    positive : int or None
        Index of the positive class of two; ``None`` with more classes.
    subjects, ids : ndarray of object of shape (n_rows,) or None
        Subject and pixel digest of each cell.
    cells : ndarray of int64 of shape (n_rows,)
        Row of the features that each prediction belongs to; a cell stands once a repeat.
    repeat, fold : ndarray of int64 of shape (n_rows,)
        Repeat and fold of a cross-validation; zeros for a single test.
    """

    y: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray | None
    class_names: tuple[str, ...]
    positive: int | None
    subjects: np.ndarray | None
    ids: np.ndarray | None
    cells: np.ndarray
    repeat: np.ndarray
    fold: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    @property
    def n_cells(self) -> int:
        """Number of distinct cells."""
        return len(np.unique(self.cells))

    @property
    def n_subjects(self) -> int | None:
        """Number of subjects; ``None`` where not known."""
        if self.subjects is None:
            return None
        return len(pd.unique(self.subjects[~pd.isna(self.subjects)]))

    @property
    def repeats(self) -> list[Predictions]:
        """The predictions of each repeat, in the order of the cells, which is the same in all."""
        order = np.lexsort((self.cells, self.repeat))
        starts = np.flatnonzero(np.diff(self.repeat[order])) + 1
        return [self.take(rows) for rows in np.split(order, starts)]

    def take(self, rows: Any) -> Predictions:
        """Select rows.

        Parameters
        ----------
        rows : array-like
            Mask or indices.

        Returns
        -------
        Predictions
        """
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), np.ndarray)
        }
        return dataclasses.replace(self, **{name: array[rows] for name, array in values.items()})

    def frame(self) -> pd.DataFrame:
        """Return one row a prediction: names of classes, scores, subject, repeat and fold."""
        names = np.asarray(self.class_names, object)
        columns: dict[str, Any] = {
            "cell": self.cells,
            "subject": self.subjects,
            "id": self.ids,
            "true": names[self.y],
            "predicted": names[self.predicted],
        }
        if self.scores is not None:
            columns |= {f"score_{name}": self.scores[:, i] for i, name in enumerate(names)}
        columns |= {"repeat": self.repeat, "fold": self.fold}
        return pd.DataFrame({key: value for key, value in columns.items() if value is not None})


def join_predictions(parts: Sequence[Predictions]) -> Predictions:
    """Pool the predictions of several test sides.

    Parameters
    ----------
    parts : sequence of Predictions
        With the same classes.

    Returns
    -------
    Predictions
        Scores are ``None`` if any part has none.
    """
    first = parts[0]

    def pooled(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if any(v is None for v in values) else np.concatenate(values)

    arrays = ("y", "predicted", "scores", "subjects", "ids", "cells", "repeat", "fold")
    return dataclasses.replace(first, **{name: pooled(name) for name in arrays})
