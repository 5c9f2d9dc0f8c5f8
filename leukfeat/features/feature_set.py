"""Features in memory, with what is needed to use them honestly."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.cell_columns import UNLABELLED, checked_labels, label_texts
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.single_precision import single_precision
from leukfeat.imaging.controls import COLOUR_CONTROLS, CONTROL_COLUMNS, SIZE_CONTROLS

__all__ = ["COLOUR_CONTROLS", "CONTROL_COLUMNS", "SIZE_CONTROLS", "FeatureSet"]


class FeatureSet:
    """Features of cells: a matrix that remembers labels, subjects and its feature space.

    scikit-learn takes it wherever it takes a matrix. Rows are selected with an index, and give
    a new `FeatureSet`; ``features[rows, columns]`` gives a plain array.

    Parameters
    ----------
    X : array-like of shape (n_cells, n_features)
        Kept as ``float32``.
    y : array-like of int of shape (n_cells,), optional
        Labels, indices into `class_names`, -1 where unknown.
    subjects, groups : array-like of str of shape (n_cells,), optional
        Patient of each cell, and what must stay on one side of a split (default: the subject).
    ids : array-like of str of shape (n_cells,), optional
        Digest of each cell's decoded pixels; equal digests are identical images.
    controls : pandas.DataFrame, optional
        `CONTROL_COLUMNS` of each cell.
    spec : FeatureSpace, optional
        The feature space.
    class_names : sequence of str, default=()
        Names of the classes.
    positive : str, optional
        The positive class.
    columns : pandas.DataFrame, optional
        What else is known of each cell (fold, site, path, ...).
    skipped : pandas.DataFrame, optional
        Images left out with ``errors="skip"``: ``path`` and ``reason``.
    name : str, default="cells"
        Name of the dataset.
    feature_names : sequence of str, optional
        One name a column.

    Examples
    --------
    >>> from leukfeat import FeatureSet
    >>> features = FeatureSet([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], y=[0, 1, 1])
    >>> features.shape
    (3, 2)
    >>> features[features.y == 1]
    FeatureSet('cells': 2 cells x 2 features, subjects not known, labelled)
    """

    ndim = 2
    dtype = np.dtype(np.float32)

    def __init__(
        self,
        X: Any,
        y: Any = None,
        *,
        subjects: Any = None,
        groups: Any = None,
        ids: Any = None,
        controls: pd.DataFrame | None = None,
        spec: FeatureSpace | None = None,
        class_names: Sequence[str] = (),
        positive: str | None = None,
        columns: pd.DataFrame | None = None,
        skipped: pd.DataFrame | None = None,
        name: str = "cells",
        feature_names: Sequence[str] | None = None,
    ) -> None:
        self.X = single_precision(X)
        if self.X.ndim != 2:
            raise ValueError(f"'X' must be (n_cells, n_features). Got shape {self.X.shape}.")
        self.y = None if y is None else _labels(y, tuple(class_names))
        self.subjects = None if subjects is None else label_texts(subjects)
        given = None if groups is None else label_texts(groups)
        self.groups = self.subjects if given is None else given
        self.ids = None if ids is None else np.asarray(ids, object)
        self.controls = None if controls is None else controls.reset_index(drop=True)
        self.columns = None if columns is None else columns.reset_index(drop=True)
        for what in ("y", "subjects", "groups", "ids", "controls", "columns"):
            values = getattr(self, what)
            if values is not None and len(values) != len(self.X):
                raise ValueError(f"{what!r} has {len(values)} rows but 'X' has {len(self.X)}.")
        self.spec = spec
        self.class_names = tuple(class_names)
        if positive is not None and self.class_names and positive not in self.class_names:
            raise ValueError(
                f"'positive' must be one of the class names {self.class_names}. "
                f"Got {positive!r} instead."
            )
        self.positive = positive
        self.skipped = pd.DataFrame(columns=["path", "reason"]) if skipped is None else skipped
        self.name = name
        if feature_names is not None and len(feature_names) != self.X.shape[1]:
            raise ValueError(
                f"'feature_names' has {len(feature_names)} names for {self.X.shape[1]} columns."
            )
        self.feature_names = None if feature_names is None else tuple(feature_names)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_cells, n_features)``."""
        return self.X.shape  # type: ignore[return-value]

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the name of each column, as scikit-learn's transformers do.

        Parameters
        ----------
        input_features : object, optional
            Not used.

        Returns
        -------
        ndarray of str objects of shape (n_features,)
            Those of hand-crafted features; ``"resnet50-avg_pool_0"`` and so on for deep ones,
            ``"x0"`` and so on where the space is not known.

        Examples
        --------
        >>> FeatureSet([[1, 2]]).get_feature_names_out().tolist()
        ['x0', 'x1']
        """
        if self.feature_names is not None:
            return np.array(self.feature_names, object)
        stem = "x" if self.spec is None else f"{self.spec.title}_"
        return np.array([f"{stem}{i}" for i in range(self.shape[1])], object)

    def column(self, name: str) -> np.ndarray:
        """Return what is known of each cell under a name (``"fold"``, ``"subject"``, ...).

        Parameters
        ----------
        name : str
            ``"label"``, ``"subject"``, ``"group"``, or one of `columns`.

        Returns
        -------
        ndarray of shape (n_cells,)

        Raises
        ------
        ValueError
            If nothing is known under that name; the message lists what is.
        """
        own = {"label": self.y, "subject": self.subjects, "group": self.groups}
        values = own.get(name)
        if values is not None:
            return values
        if self.columns is not None and name in self.columns.columns:
            return self.columns[name].to_numpy()
        known = [key for key, value in own.items() if value is not None]
        known += [] if self.columns is None else list(self.columns.columns)
        raise ValueError(f"{self.name!r} has no column {name!r}; it has {known}.")

    def __len__(self) -> int:
        return len(self.X)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if dtype is not None and np.dtype(dtype) != self.X.dtype:
            return self.X.astype(dtype)
        return self.X.copy() if copy else self.X

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
            rows = rows[0]  # how scikit-learn selects rows: subjects must not be lost in a fold
        if isinstance(rows, tuple):
            return self.X[rows]
        if isinstance(rows, (int, np.integer)):
            return self.X[rows]

        def take(values: Any) -> Any:
            if values is None:
                return None
            return values.iloc[rows] if isinstance(values, pd.DataFrame) else values[rows]

        rows = rows if isinstance(rows, slice) else np.asarray(rows)
        return FeatureSet(
            self.X[rows],
            take(self.y),
            subjects=take(self.subjects),
            groups=take(self.groups),
            ids=take(self.ids),
            controls=take(self.controls),
            spec=self.spec,
            class_names=self.class_names,
            positive=self.positive,
            columns=take(self.columns),
            skipped=self.skipped,
            name=self.name,
            feature_names=self.feature_names,
        )

    def __repr__(self) -> str:
        n = None if self.subjects is None else len({s for s in self.subjects if s is not None})
        subjects = "subjects not known" if n is None else f"{n} subjects"
        labelled = "not labelled" if self.y is None else "labelled"
        skipped = f", {len(self.skipped)} skipped" if len(self.skipped) else ""
        return (
            f"FeatureSet({self.name!r}: {self.shape[0]} cells x {self.shape[1]} features, "
            f"{subjects}, {labelled}{skipped})"
        )

    def _repr_html_(self) -> str:
        spec = "" if self.spec is None else f"<pre>{html.escape(self.spec.to_json())}</pre>"
        return f"<p>{html.escape(repr(self))}</p>{spec}"


def _labels(y: Any, class_names: tuple[str, ...]) -> np.ndarray:
    labels = np.asarray(y)
    if labels.dtype.kind == "i" and labels.ndim == 1:
        top = len(class_names) if class_names else np.inf
        if not len(labels) or (labels.min() >= UNLABELLED and labels.max() < top):
            return labels.astype(np.int64, copy=False)
    return checked_labels(pd.Series(labels), class_names).to_numpy(np.int64)
