"""What a head is fit on: features and labels, checked, with what keeps sides apart."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d, validate_data

from leukfeat.data.cell_columns import label_text
from leukfeat.features import FeatureSet
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.splitting.groups import NO_SUBJECTS, merge_groups, name_some, row_digests, row_groups
from leukfeat.splitting.views import origin_ids, parent_ids

from .class_labels import class_position

__all__ = ["TrainingData", "digest_of", "matrix_of", "training_data"]


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """Checked training rows.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        Features, finite, float32 or float64.
    labels : ndarray of shape (n_rows,)
        Classes as they were given.
    classes : ndarray of shape (n_classes,)
        The distinct ones, sorted.
    y : ndarray of int of shape (n_rows,)
        Class of each row, an index into `classes`.
    groups : ndarray of int64 of shape (n_rows,)
        What stays on one side.
    names : ndarray of object of shape (n_rows,)
        What messages call a row's origin.
    subjects : tuple of str
        Distinct subjects (or `groups` as given, where only these are known).
    group_labels : tuple of str
        Distinct groups that a `FeatureSet` declares: subjects that share images.
    ids : tuple of str
        Distinct digests of the images.
    class_names : tuple of str
        A name for each of `classes`.
    positive : int
        Position of the positive class in `classes`.
    spec : FeatureSpace or None
        The feature space.
    controls : DataFrame or None
        Small measurements of each row.
    notes : tuple of str
        What a result must say.
    is_view : ndarray of bool of shape (n_rows,)
        Whether a row is augmented: trained on, never held out.
    origins : ndarray of int64 of shape (n_rows,)
        Equal for a cell and its views.
    """

    X: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    names: np.ndarray
    subjects: tuple[str, ...]
    group_labels: tuple[str, ...]
    ids: tuple[str, ...]
    class_names: tuple[str, ...]
    positive: int
    spec: FeatureSpace | None
    controls: pd.DataFrame | None
    notes: tuple[str, ...]
    is_view: np.ndarray
    origins: np.ndarray

    def take(self, rows: np.ndarray) -> TrainingData:
        """Select rows; what is remembered of all of them stays.

        Parameters
        ----------
        rows : ndarray of int

        Returns
        -------
        TrainingData
        """
        by_row = ("X", "labels", "y", "groups", "names", "is_view", "origins")
        return dataclasses.replace(self, **{name: getattr(self, name)[rows] for name in by_row})


def matrix_of(X: Any) -> Any:
    """Return the matrix of a `FeatureSet`, and anything else as it is.

    Parameters
    ----------
    X : FeatureSet or array-like
        Features.

    Returns
    -------
    ndarray or array-like
    """
    return X.X if isinstance(X, FeatureSet) else X


def training_data(estimator: Any, X: Any, y: Any, groups: Any, *, positive: Any) -> TrainingData:
    """Check what `Head.fit` was given.

    Parameters
    ----------
    estimator : Head
        On which scikit-learn's validation notes the features.
    X : FeatureSet or array-like of shape (n_rows, n_features)
        Features.
    y : array-like of shape (n_rows,), optional
        Classes; default: those of the `FeatureSet`.
    groups : array-like of shape (n_rows,), optional
        What stays on one side, besides what a `FeatureSet` knows itself.
    positive : object
        The positive class, by label or by name; ``None`` for the default.

    Returns
    -------
    TrainingData

    Raises
    ------
    ValueError
        If labels are missing, there is one class only, lengths differ, or values are not finite.
    """
    features = X if isinstance(X, FeatureSet) else None
    if y is None and features is not None:
        y = features.y
        if y is None or (y < 0).any():
            n = len(features) if y is None else int((y < 0).sum())
            raise ValueError(
                f"{n} of {len(features)} cells of {features.name!r} have no label. Fit on labelled "
                "cells only (features[features.y >= 0]), or give 'y'."
            )
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None. "
            "Give a labelled FeatureSet, or X and y."
        )
    _check_labels_known(y)
    matrix, labels = validate_data(
        estimator, matrix_of(X), y, dtype=[np.float32, np.float64], ensure_min_samples=2
    )
    labels = column_or_1d(labels, warn=True)
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    names = _class_names(classes, features)
    if len(classes) < 2:
        raise ValueError(
            f"{type(estimator).__name__} needs cells of two classes or more. "
            f"Got 1 class: {names[0]} ({len(labels)} cells)."
        )
    given = None if groups is None else np.asarray(groups, object)
    if given is not None:
        check_consistent_length(labels, given)
    ids = getattr(features, "ids", None)
    if ids is None:
        # Rows that are equal come from equal images: they stay on one side, and are remembered.
        ids = row_digests(matrix)
    merged, row_names, notes = _groups(features, given, ids)
    subjects = getattr(features, "subjects", None)
    parents = parent_ids(features)
    return TrainingData(
        X=matrix,
        labels=labels,
        classes=classes,
        y=codes,
        groups=merged,
        names=row_names,
        subjects=_distinct(given if subjects is None else subjects),
        group_labels=_distinct(getattr(features, "groups", None)),
        # A test cell whose view was trained on has been seen.
        ids=_distinct(ids if parents is None else [*ids, *parents]),
        class_names=names,
        positive=_positive(positive, classes, names, features),
        spec=getattr(features, "spec", None),
        controls=getattr(features, "controls", None),
        notes=notes,
        is_view=np.zeros(len(codes), bool) if parents is None else ~pd.isna(parents),
        origins=np.arange(len(codes)) if parents is None else merge_groups(origin_ids(features)),
    )


def digest_of(text: str) -> str:
    """Return the SHA-256 (hex) of a text: what a head remembers of a subject.

    Parameters
    ----------
    text : str
        Name of a subject.

    Returns
    -------
    str

    Examples
    --------
    >>> digest_of("H10")[:8]
    'fcfee9db'
    """
    return hashlib.sha256(text.encode()).hexdigest()


def _groups(
    features: FeatureSet | None, given: np.ndarray | None, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return groups, names and notes of the rows."""
    if features is None:
        n = len(ids)
        names = np.array([f"row {i}" for i in range(n)], object) if given is None else given
        return merge_groups(given, ids), names, _unknown_groups(given)
    merged, names, notes = row_groups(features)
    if given is not None or features.ids is None:
        merged = merge_groups(merged, given, ids)
    if given is not None:
        notes = _unknown_groups(given)
        names = names if features.subjects is not None else given
    return merged, names, notes


def _unknown_groups(given: np.ndarray | None) -> tuple[str, ...]:
    """Say which rows have no group."""
    if given is None:
        return (NO_SUBJECTS,)
    n = int(pd.isna(given).sum())
    return (f"{n} of {len(given)} rows have no group: each is taken as its own",) if n else ()


def _check_labels_known(y: Any) -> None:
    """Raise if labels are missing."""
    array = np.asarray(y)
    if array.dtype == object and array.ndim == 1:
        missing = np.flatnonzero(pd.isna(array))
        if len(missing):
            raise ValueError(
                f"{len(missing)} of {len(array)} labels in 'y' are missing (rows "
                f"{name_some(missing)}). Fit on labelled cells only. Input y contains NaN."
            )


def _class_names(classes: np.ndarray, features: FeatureSet | None) -> tuple[str, ...]:
    """Return a name for each class: integers are places among the names that features bring."""
    named = features.class_names if features is not None else ()
    placed = classes.dtype.kind in "iu" and classes.min() >= 0 and classes.max() < len(named)
    return tuple(named[int(label)] if placed else str(label) for label in classes)


def _positive(
    positive: Any, classes: np.ndarray, names: tuple[str, ...], features: FeatureSet | None
) -> int:
    """Return the position of the positive class."""
    if positive is None:
        told = getattr(features, "positive", None)
        return names.index(told) if told in names else len(classes) - 1
    found = class_position(positive, classes, names)
    if found is not None:
        return found
    known = classes.tolist()
    raise ValueError(
        f"The 'positive' parameter must be one of the classes {known} "
        f"(named {list(names)}). Got {positive!r} instead."
    )


def _distinct(labels: Iterable[Any] | None) -> tuple[str, ...]:
    """Return the distinct known labels as sorted text."""
    if labels is None:
        return ()
    return tuple(sorted({label_text(x) for x in labels if not pd.isna(x) and x != ""}))
