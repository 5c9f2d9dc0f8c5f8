"""Ask a fitted head, or any fitted classifier, for its predictions of labelled cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data import CellDataset
from leukfeat.data.cell_columns import label_text
from leukfeat.evaluation.cell_names import cell_paths
from leukfeat.evaluation.left_out import left_out_cells, left_out_notes
from leukfeat.evaluation.predictions import Predictions
from leukfeat.features import FeatureSet
from leukfeat.splitting.groups import row_digests
from leukfeat.splitting.views import refuse_augmented

__all__ = ["as_labelled_features", "check_classes", "predict_cells"]


def as_labelled_features(
    features: Any, y: Any = None, *, subjects: Any = None, classes: Any = None
) -> tuple[FeatureSet, tuple[str, ...]]:
    """Return labelled cells as a `FeatureSet`, and what must be said of those left out.

    Parameters
    ----------
    features : FeatureSet or array-like of shape (n_cells, n_features)
        The cells.
    y : array-like of shape (n_cells,), optional
        Labels, for an array.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell, for an array.
    classes : array-like, optional
        The labels in the order of the classes; default: sorted.

    Returns
    -------
    features : FeatureSet
        Labels are indices into `class_names`; unlabelled cells are left out.
    notes : tuple of str

    Raises
    ------
    ValueError
        If there are no labels, or one is not among the classes.
    """
    if isinstance(features, CellDataset):
        raise ValueError(
            f"{features.name!r} holds images, and a head needs their features: call "
            "extract_features first, or classifier.extract for a saved model; a network of fit_cnn "
            "takes network.read_cells(cells)."
        )
    if not isinstance(features, FeatureSet):
        if y is None:
            raise ValueError("An array of features needs 'y', the label of each cell.")
        y = np.asarray(y)
        gone = np.flatnonzero(pd.isna(y))
        if len(gone):
            raise ValueError(
                f"{len(gone)} of {len(y)} labels in 'y' are missing (the first in row {gone[0]}). "
                "Give labelled cells only."
            )
        names = (np.unique(y) if classes is None else np.asarray(classes)).tolist()
        return FeatureSet(
            features,
            _positions(y.tolist(), names),
            subjects=subjects,
            ids=row_digests(features),
            class_names=[str(name) for name in names],
            feature_names=_column_names(features),
        ), ()
    if y is not None or subjects is not None:
        raise ValueError(
            "A FeatureSet brings its own labels and subjects: 'y' and 'subjects' are for arrays."
        )
    if features.y is None or not (features.y >= 0).any():
        raise ValueError(
            f"{features.name!r} has no labels: there is no truth to evaluate against. "
            "Use head.predict for unlabelled cells."
        )
    notes = left_out_notes(left_out_cells(features))
    labelled = features.y >= 0
    return features if labelled.all() else features[labelled], notes


def check_classes(head: Any, cells: Any) -> None:
    """Refuse cells whose classes a head cannot be compared with, before they are extracted.

    Parameters
    ----------
    head : Head or fitted classifier
        Fitted.
    cells : CellDataset or FeatureSet
        Labelled cells.

    Raises
    ------
    ValueError
        As :func:`predict_cells` would.
    """
    _columns(head, cells, getattr(head, "class_names_", None))


def _positions(labels: list[Any], classes: list[Any]) -> list[int]:
    """Return the place of each label among the classes: 1, 1.0 and True are one label."""
    by_value = {name: i for i, name in enumerate(classes)}
    by_text = {label_text(name): i for i, name in enumerate(classes)}
    places = [by_value.get(label, by_text.get(label_text(label))) for label in labels]
    unknown = {str(label) for label, place in zip(labels, places, strict=True) if place is None}
    if unknown:
        raise ValueError(f"'y' holds {sorted(unknown)}, not among the classes {classes}.")
    return places  # type: ignore[return-value]


def _column_names(features: Any) -> list[str] | None:
    """Return the names of a table's columns, if they are all text."""
    names = list(getattr(features, "columns", ()))
    return names if names and all(isinstance(name, str) for name in names) else None


def predict_cells(
    head: Any,
    features: FeatureSet,
    *,
    X: Any = None,
    class_names: Sequence[str] | None = None,
    rows: np.ndarray | None = None,
    repeat: int = 0,
    fold: int = 0,
    units: np.ndarray | None = None,
    unit: str = "",
) -> Predictions:
    """Predict labelled cells.

    Parameters
    ----------
    head : Head or fitted classifier
        Its ``classes_`` are indices into the class names, or the names.
    features : FeatureSet
        Labelled cells.
    X : array-like of shape (n_cells, n_columns), optional
        What the classifier is given in place of the features (for control heads).
    class_names : sequence of str, optional
        Name of each of the head's classes; default: its own ``class_names_``, if it has any.
    rows : ndarray of int of shape (n_cells,), optional
        Row of each cell in the whole set.
    repeat, fold : int, default=0
        Of a cross-validation.
    units, unit
        What intervals count; default: subjects. See :func:`statistical_units`.

    Returns
    -------
    Predictions

    Raises
    ------
    LeakageError
        If a row is augmented (``parent_id``): views of cells are never tested.
    ValueError
        If the head knows a class that the features do not name.
    """
    refuse_augmented(features, "the test")
    n = len(features)
    own = getattr(head, "class_names_", None) if class_names is None else class_names
    columns = _columns(head, features, own)
    names = _names(features, own)
    n_classes = max(len(names), int(max(columns)) + 1, int(features.y.max()) + 1)  # type: ignore[union-attr]
    given = _as_the_head_knows_them(head, features) if X is None else X
    scores = _scores(head, given, columns, n_classes)
    lookup = {str(label): c for label, c in zip(head.classes_, columns, strict=True)}
    predicted = np.array([lookup[str(label)] for label in head.predict(given)], np.int64)
    names = names or tuple(str(i) for i in range(n_classes))
    return Predictions(
        y=np.asarray(features.y, np.int64),
        predicted=predicted,
        scores=scores,
        class_names=names,
        positive=_positive(head, features, columns, len(names)),
        subjects=features.subjects,
        ids=features.ids,
        cells=np.arange(n) if rows is None else np.asarray(rows, np.int64),
        repeat=np.full(n, repeat),
        fold=np.full(n, fold),
        units=units,
        unit=unit,
        paths=cell_paths(features),
    )


def _as_the_head_knows_them(head: Any, features: FeatureSet) -> Any:
    """Return the features as a table, for a head that was fit on a table of these columns."""
    own = getattr(head, "feature_names_in_", None)
    names = features.feature_names
    if own is None or names is None or list(own) != list(names):
        return features
    return pd.DataFrame(features.X, columns=list(names))


def _names(features: FeatureSet, own: Sequence[str] | None) -> tuple[str, ...]:
    """Return the class names of the cells, then what the head knows besides."""
    names = features.class_names
    if own is not None and names and set(names) < set(own):
        return (*names, *(name for name in own if name not in names))
    return names


def _columns(head: Any, features: FeatureSet, own: Sequence[str] | None) -> np.ndarray:
    """Index of each of the head's classes among the class names."""
    classes = np.asarray(head.classes_)
    names = list(_names(features, own))
    # Names before numbers: another loader may have put the same classes in another order.
    if own is not None and names and set(own) <= set(names):
        return np.array([names.index(name) for name in own], np.int64)
    if own is not None and names and list(own) != [str(label) for label in classes]:
        raise ValueError(
            f"The head knows the classes {list(own)}, but {features.name!r} has {names}, and "
            "places say nothing about meaning. Give the cells the head's names: "
            "cells.rename_classes({'theirs': 'the head's', ...}) before extract_features."
        )
    numbered = classes.dtype.kind in "iu" and classes.min() >= 0
    if numbered and (not names or int(classes.max()) < len(names)):
        return classes.astype(np.int64)
    text = [str(c) for c in classes]
    missing = [c for c in text if c not in names]
    if missing:
        raise ValueError(
            f"The head knows the classes {text}, but {features.name!r} has {names}: "
            f"{missing} cannot be compared."
        )
    return np.array([names.index(c) for c in text], np.int64)


def _scores(head: Any, X: Any, columns: np.ndarray, n_classes: int) -> np.ndarray | None:
    if hasattr(head, "predict_proba"):
        given = np.asarray(head.predict_proba(X), float)
        scores = np.zeros((len(given), n_classes))
    elif hasattr(head, "decision_function"):
        given = np.asarray(head.decision_function(X), float)
        given = np.column_stack([-given, given]) if given.ndim == 1 else given
        # A class that the head does not know is the last it would say.
        scores = np.full((len(given), n_classes), given.min() - 1.0)
    else:
        return None
    scores[:, columns] = given
    return scores


def _positive(head: Any, features: FeatureSet, columns: np.ndarray, n_classes: int) -> int | None:
    if n_classes != 2:
        return None
    if features.positive is not None:
        return list(features.class_names).index(features.positive)
    of_head = getattr(head, "positive_", None)
    if of_head is not None:
        text = [str(c) for c in head.classes_]
        if str(of_head) in text:
            return int(columns[text.index(str(of_head))])
    return 1
