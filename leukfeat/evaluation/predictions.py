"""What a head said of each cell, beside the truth: all that a result is computed from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.cell_columns import label_texts
from leukfeat.features import FeatureSet
from leukfeat.splitting.groups import row_groups

__all__ = ["Predictions", "join_predictions", "statistical_units", "with_units"]

_OF_ALL = ("class_names", "positive", "unit")


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
    units : ndarray of object of shape (n_rows,), optional
        What intervals and tests count: by default subjects; see :func:`statistical_units`.
    unit : str, default="subject" ("cell" where nothing is known)
        What a unit is called.
    paths : ndarray of object of shape (n_rows,), optional
        Path of each cell's image.
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
    units: np.ndarray | None = None
    unit: str = ""
    paths: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.units is None:
            object.__setattr__(self, "units", self.subjects)
        if not self.unit:
            object.__setattr__(self, "unit", "cell" if self.units is None else "subject")

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
    def n_without_subject(self) -> int:
        """Number of distinct cells without subject, where others have one; else 0."""
        if not self.n_subjects:
            return 0
        return len(np.unique(self.cells[pd.isna(self.subjects)]))

    @property
    def single_units(self) -> np.ndarray | None:
        """Name of each row's unit, a cell without one by its own name, which is that of no unit."""
        if self.units is None:
            return None
        lost = pd.isna(self.units)
        names = np.array([f"unit {unit}" for unit in self.units], object)
        names[lost] = [f"cell {cell}" for cell in self.cells[lost]]
        return names

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
            "path": self.paths,
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

    arrays = [field.name for field in dataclasses.fields(first) if field.name not in _OF_ALL]
    return dataclasses.replace(first, **{name: pooled(name) for name in arrays})


def others(predictions: Predictions, test: np.ndarray) -> np.ndarray:
    """Tell what may be learnt from where some cells are tested: the cells of other units.

    Parameters
    ----------
    predictions : Predictions
        Of one repeat.
    test : ndarray of bool of shape (n_cells,)
        The tested cells.

    Returns
    -------
    ndarray of bool of shape (n_cells,)
        Without cells of other folds whose subject is tested, as a random split has them.
    """
    rest = ~test
    if predictions.units is not None:
        units = pd.Series(predictions.units)
        rest &= ~units.isin(units[test].dropna()).to_numpy()
    return rest


def statistical_units(features: FeatureSet, by: str | None = None) -> tuple[Any, str, str]:
    """Tell what of these cells may be counted as independent.

    Subjects, where each stands alone. Those that share images or belong to one declared group are
    one unit: splits keep them together, and intervals that counted them apart would be too short.
    Where no subjects are known the declared groups, or the values of the column that a split
    keeps together, are the best that there is.

    Parameters
    ----------
    features : FeatureSet
    by : str, optional
        Column that the split keeps together.

    Returns
    -------
    units : ndarray of object of shape (n_cells,) or None
        ``None`` where nothing is known: then every cell is its own unit.
    unit : str
        What a unit is called.
    note : str
        What a result must say; empty if the units are the subjects.
    """
    subjects, groups = features.subjects, features.groups
    if subjects is None and groups is None:
        if by is None:
            return None, "cell", ""
        return label_texts(features.column(by)), by, f"no subjects: intervals are by {by!r}"
    merged, names, _ = row_groups(features)
    known = ~pd.isna(names if subjects is None else subjects)
    if groups is not None:
        known |= ~pd.isna(groups)
    of = pd.Series(names[known]).groupby(merged[known]).unique()
    label = {place: "+".join(sorted(map(str, members))) for place, members in of.items()}
    units = np.array([label.get(place) for place in merged], object)
    if subjects is None:
        return units, "group", "no subjects: intervals are by declared group"
    alone = len(label) == len(pd.unique(subjects[~pd.isna(subjects)]))
    if alone and not (pd.isna(subjects) & ~pd.isna(units)).any():
        return subjects, "subject", ""
    n = len(pd.unique(subjects[~pd.isna(subjects)]))
    note = (
        f"{n} subjects are {len(label)} groups, since some share images or are declared to "
        "belong together: intervals and tests are by group"
    )
    return units, "group", note


def with_units(
    predictions: Mapping[str, Predictions], features: FeatureSet, by: str | None = None
) -> tuple[dict[str, Predictions], tuple[str, ...]]:
    """Tell predictions what their intervals may count as independent.

    Parameters
    ----------
    predictions : mapping of str to Predictions
        Pooled, of rows of `features`.
    features : FeatureSet
        All the cells.
    by : str, optional
        Column that the split keeps together.

    Returns
    -------
    predictions : dict of str to Predictions
    notes : tuple of str
        What a result must say.
    """
    units, unit, note = statistical_units(features, by)
    told = {
        name: dataclasses.replace(one, units=None if units is None else units[one.cells], unit=unit)
        for name, one in predictions.items()
    }
    return told, (note,) if note else ()
