"""The table of cells that everything else starts from."""

from __future__ import annotations

import html
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.cell_columns import (
    UNLABELLED,
    as_text,
    checked_images,
    checked_labels,
    encode_labels,
    object_column,
)

__all__ = ["KNOWN_COLUMNS", "UNLABELLED", "CellDataset"]

KNOWN_COLUMNS = (
    "image",
    "label",
    "subject",
    "group",
    "fold",
    "site",
    "scanner",
    "stain",
    "slide",
    "field",
    "timepoint",
    "um_per_px",
    "mask",
)
"""Columns with a meaning to leukfeat; any other column is carried along untouched."""

_TEXT_COLUMNS = ("subject", "group", "fold", "site", "scanner", "stain", "slide", "field")


class CellDataset:
    """Cells with what is known of them: one row a cell.

    A dataset never reads a file: it holds paths or arrays, and the extractor decodes them.
    It is not changed in place; selecting rows gives a new dataset.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a cell. The column ``image`` is required: a path, or an RGB ``uint8`` array of
        shape ``(height, width, 3)``. Columns with a meaning, all optional: ``label`` (index
        into `class_names`, -1 where unknown), ``subject`` (the patient), ``group`` (what must
        stay on one side of a split; the subject where absent), ``fold``, ``site``, ``scanner``,
        ``stain``, ``slide``, ``field``, ``timepoint``, ``um_per_px`` (micrometres a pixel),
        ``mask``. Further columns are kept.
    class_names : sequence of str, default=()
        Names of the classes; label ``i`` is ``class_names[i]``. The order is kept as given.
    positive : str, optional
        The class whose detection is reported as sensitivity, for example ``"all"``.
    name : str, default="cells"
        Shown in tables and messages.
    skipped : pandas.DataFrame, optional
        What a loader left out: ``path`` and ``reason``, one row a file.

    Raises
    ------
    ValueError
        If the column ``image`` is missing, an image is neither a path nor an RGB ``uint8``
        array, a label is outside `class_names`, or `positive` is not one of them.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat import CellDataset
    >>> pixels = [np.zeros((4, 4, 3), np.uint8)] * 3
    >>> cells = CellDataset.from_arrays(
    ...     pixels, ["hem", "all", "all"], ["H1", "1", "1"],
    ...     class_names=["hem", "all"], positive="all",
    ... )
    >>> cells
    CellDataset('cells': 3 cells of 2 subjects; hem 1, all 2; positive='all')
    >>> cells.y
    array([0, 1, 1])
    >>> len(cells.select(subject="1"))
    2
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        class_names: Sequence[str] = (),
        positive: str | None = None,
        name: str = "cells",
        skipped: pd.DataFrame | None = None,
    ) -> None:
        if "image" not in frame.columns:
            raise ValueError(
                "The 'frame' parameter of CellDataset needs a column 'image' (paths or RGB uint8 "
                f"arrays). Got the columns {list(frame.columns)} instead."
            )
        self.class_names: tuple[str, ...] = tuple(str(c) for c in class_names)
        self.positive = positive
        self.name = name
        self.skipped = pd.DataFrame(columns=["path", "reason"]) if skipped is None else skipped
        frame = frame.reset_index(drop=True)
        frame["image"] = checked_images(frame["image"].tolist())
        if "label" in frame.columns:
            frame["label"] = checked_labels(frame["label"], self.class_names)
            if not self.class_names and len(frame):
                self.class_names = tuple(str(i) for i in range(int(frame["label"].max()) + 1))
        for column in _TEXT_COLUMNS:
            if column in frame.columns:
                frame[column] = as_text(frame[column])
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError(f"'class_names' holds a name twice: {self.class_names}.")
        if positive is not None and positive not in self.class_names:
            raise ValueError(
                f"'positive' must be one of the class names {self.class_names}. "
                f"Got {positive!r} instead."
            )
        self._frame = frame

    @classmethod
    def from_arrays(
        cls,
        images: Iterable[Any],
        labels: Iterable[Any] | None = None,
        subjects: Iterable[Any] | None = None,
        *,
        class_names: Sequence[str] | None = None,
        positive: str | None = None,
        name: str = "cells",
        **columns: Iterable[Any],
    ) -> CellDataset:
        """Build a dataset from parallel sequences.

        Parameters
        ----------
        images : iterable
            Paths or RGB ``uint8`` arrays, or one array of shape ``(n, height, width, 3)``.
        labels : iterable of int, str or bool, optional
            Names are looked up in `class_names`, integers are indices into it. Missing values
            (``None``, ``nan``) become -1.
        subjects : iterable, optional
            The patient of each cell.
        class_names : sequence of str, optional
            Default: the sorted distinct labels, or the categories of a categorical.
        positive : str, optional
            The positive class.
        name : str, default="cells"
            Name of the dataset.
        **columns : iterable
            Further columns, for example ``fold=...`` or ``site=...``.

        Returns
        -------
        CellDataset

        Raises
        ------
        ValueError
            If the lengths differ or a label is not among the class names.
        """
        given = list(images)
        data: dict[str, Any] = {"image": object_column(given)}
        if subjects is not None:
            data["subject"] = object_column(subjects)
        data.update({key: object_column(values) for key, values in columns.items()})
        names: tuple[str, ...] = tuple(class_names or ())
        if labels is not None:
            data["label"], names = encode_labels(labels, class_names)
        for key, values in data.items():
            if len(values) != len(given):
                raise ValueError(
                    f"{key!r} has {len(values)} entries but there are {len(given)} images; "
                    "every column must have one entry a cell."
                )
        frame = pd.DataFrame({key: pd.Series(values) for key, values in data.items()})
        # Paths stay objects: a file name need not be Unicode, which the string type requires.
        image = frame.pop("image").astype(object)
        frame = frame.infer_objects()
        frame.insert(0, "image", image)
        return cls(frame, class_names=names, positive=positive, name=name)

    @property
    def frame(self) -> pd.DataFrame:
        """A copy of the table, one row a cell."""
        return self._frame.copy()

    @property
    def images(self) -> list[Any]:
        """Paths or arrays, one a cell."""
        return self._frame["image"].tolist()

    @property
    def y(self) -> np.ndarray | None:
        """Labels, ``int64`` of shape ``(n_cells,)``, -1 where unknown; ``None`` if all are."""
        if "label" not in self._frame.columns:
            return None
        labels = self._frame["label"].to_numpy(np.int64)
        return None if len(labels) and (labels == UNLABELLED).all() else labels

    @property
    def subjects(self) -> np.ndarray | None:
        """The patient of each cell (object array of ``str`` or ``None``), if known."""
        return self._text("subject")

    @property
    def groups(self) -> np.ndarray | None:
        """What must stay on one side of a split: ``group`` where given, else the subject."""
        groups, subjects = self._text("group"), self._text("subject")
        if groups is None or subjects is None:
            return subjects if groups is None else groups
        return np.where(pd.isna(groups), subjects, groups)

    def column(self, name: str) -> np.ndarray:
        """Return one column as an array.

        Parameters
        ----------
        name : str
            Name of the column.

        Returns
        -------
        ndarray of shape (n_cells,)

        Raises
        ------
        ValueError
            If there is no such column; the message lists those that exist.
        """
        if name not in self._frame.columns:
            raise ValueError(
                f"{self.name!r} has no column {name!r}; it has {list(self._frame.columns)}."
            )
        return self._frame[name].to_numpy()

    def select(self, **conditions: Any) -> CellDataset:
        """Keep the cells whose columns have the given values.

        Parameters
        ----------
        **conditions
            ``column=value`` or ``column=[value, ...]``; all must hold. A class may be named.

        Returns
        -------
        CellDataset
        """
        keep = np.ones(len(self), bool)
        for name, wanted in conditions.items():
            values = [wanted] if isinstance(wanted, str) or not np.iterable(wanted) else [*wanted]
            if name == "label":
                values = [self._label_index(v) if isinstance(v, str) else v for v in values]
            keep &= pd.Series(self.column(name)).isin(values).to_numpy()
        return self[keep]

    def concat(self, other: CellDataset) -> CellDataset:
        """Put the cells of another dataset below these.

        Parameters
        ----------
        other : CellDataset
            Must have the same class names in the same order, and the same positive class.

        Returns
        -------
        CellDataset
        """
        if (self.class_names, self.positive) != (other.class_names, other.positive):
            raise ValueError(
                f"Cannot join {self.name!r} (classes {self.class_names}, positive "
                f"{self.positive!r}) with {other.name!r} (classes {other.class_names}, positive "
                f"{other.positive!r}): give both the same class names in the same order."
            )
        frame = pd.concat([self._frame, other._frame], ignore_index=True)
        if "label" in frame.columns:
            frame["label"] = frame["label"].fillna(UNLABELLED)
        self._warn_of_shared_names(other)
        joined = self._with(frame, name=f"{self.name}+{other.name}")
        joined.skipped = pd.concat([self.skipped, other.skipped], ignore_index=True)
        return joined

    def prefix_subjects(self, prefix: str) -> CellDataset:
        """Put a prefix before the name of every subject and group.

        Two hospitals may both have a patient 1, and names are all that tells patients apart.

        Parameters
        ----------
        prefix : str
            For example ``"hospital-b/"``.

        Returns
        -------
        CellDataset

        Examples
        --------
        >>> import leukfeat as lf
        >>> cells = lf.make_cells(4, 8, size=32)
        >>> cells.prefix_subjects("b/").subjects[0] == f"b/{cells.subjects[0]}"
        True
        """
        frame = self._frame.copy()
        for column in ("subject", "group"):
            if column in frame.columns:
                frame[column] = object_column(
                    None if name is None else f"{prefix}{name}" for name in as_text(frame[column])
                )
        return self._with(frame)

    def rename_classes(self, names: Mapping[str, str]) -> CellDataset:
        """Give classes other names, so that they are those of a head or of another dataset.

        Parameters
        ----------
        names : mapping of str to str
            Old names to new ones; the order of the classes stays.

        Returns
        -------
        CellDataset

        Raises
        ------
        ValueError
            If an old name is not known, or two classes would bear one name.

        Examples
        --------
        >>> import leukfeat as lf
        >>> cells = lf.make_cells(4, 8, size=32)
        >>> cells.rename_classes({"hem": "normal"}).class_names
        ('normal', 'all')
        """
        for name in names:
            self._label_index(name)
        renamed = tuple(names.get(name, name) for name in self.class_names)
        if len(set(renamed)) < len(renamed):
            raise ValueError(f"'names' gives two classes one name: {renamed}.")
        new = self._with(self._frame)
        new.class_names = renamed
        new.positive = None if self.positive is None else names.get(self.positive, self.positive)
        return new

    def summary(self) -> pd.DataFrame:
        """Count cells and subjects a class.

        Returns
        -------
        pandas.DataFrame
            One row a class (and one for unlabelled cells, if any): ``cells``, ``subjects``.
        """
        labels = self.y if self.y is not None else np.full(len(self), UNLABELLED)
        subjects = self.subjects
        rows = []
        for index, name in [*enumerate(self.class_names), (UNLABELLED, "(unlabelled)")]:
            here = labels == index
            if index == UNLABELLED and not here.any():
                continue
            known = None if subjects is None else len(set(subjects[here]) - {None})
            rows.append((name, int(here.sum()), known))
        return pd.DataFrame(rows, columns=["class", "cells", "subjects"]).set_index("class")

    def __len__(self) -> int:
        return len(self._frame)

    def __getitem__(self, rows: Any) -> CellDataset:
        if isinstance(rows, str):
            raise TypeError(f"Rows are taken with an index; for a column use column({rows!r}).")
        if isinstance(rows, (int, np.integer)):
            rows = [range(len(self))[rows]]
        return self._with(self._frame.iloc[rows])

    def __repr__(self) -> str:
        counts = ", ".join(f"{c} {n}" for c, n in self.summary()["cells"].items())
        subjects = self.subjects
        of = "" if subjects is None else f" of {len(set(subjects) - {None})} subjects"
        positive = f"; positive={self.positive!r}" if self.positive else ""
        return f"CellDataset({self.name!r}: {len(self)} cells{of}; {counts}{positive})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.summary().to_html(na_rep='not known')}"

    def _with(self, frame: pd.DataFrame, *, name: str | None = None) -> CellDataset:
        # The rows were checked when this dataset was made: checking them again would make
        # a subset of a large dataset as slow as loading it.
        new = object.__new__(CellDataset)
        new.class_names, new.positive, new.name = self.class_names, self.positive, name or self.name
        new.skipped = self.skipped
        new._frame = frame.reset_index(drop=True)
        return new

    def _warn_of_shared_names(self, other: CellDataset) -> None:
        if self.name == other.name or self.subjects is None or other.subjects is None:
            return
        shared = sorted((set(self.subjects) & set(other.subjects)) - {None})
        if shared:
            warnings.warn(
                f"{len(shared)} subjects bear the same name in {self.name!r} and {other.name!r} "
                f"({', '.join(shared[:6])}) and are taken for the same patients. If they are not, "
                "use prefix_subjects on one of the two first.",
                UserWarning,
                stacklevel=3,
            )

    def _text(self, column: str) -> np.ndarray | None:
        if column not in self._frame.columns:
            return None
        values = self._frame[column].to_numpy(object)
        missing = pd.isna(values)
        if len(values) and missing.all():
            return None
        values = values.copy()
        values[missing] = None
        return values

    def _label_index(self, name: str) -> int:
        if name not in self.class_names:
            raise ValueError(f"{name!r} is no class of {self.name!r}: {self.class_names}.")
        return self.class_names.index(name)
