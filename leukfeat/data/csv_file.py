"""Cells from a table of image paths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from leukfeat.data.class_names import warn_of_like_names
from leukfeat.data.dataset import UNLABELLED, CellDataset
from leukfeat.data.delimited import read_text_table
from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import IMAGE_EXTENSIONS, existing_folder, is_folder, is_litter

__all__ = ["load_csv"]

_TEXT = frozenset(
    {"subject", "group", "fold", "site", "scanner", "stain", "slide", "field", "mask"}
)
_DEFAULTS = {"label": "label", "subject": "subject"}


def load_csv(
    path: str | os.PathLike[str],
    *,
    image: str = "image",
    label: str | None = "label",
    subject: str | None = "subject",
    root: str | os.PathLike[str] | None = None,
    class_names: Sequence[str] | None = None,
    positive: str | None = None,
    sep: str | None = None,
    require_all_files: bool = False,
    name: str | None = None,
    errors: str = "raise",
) -> CellDataset:
    r"""Load cells from a CSV file with one row an image.

    Parameters
    ----------
    path : path-like
        The table, in UTF-8.
    image, label, subject : str, default="image", "label", "subject"
        Names of the columns that hold the path, the class and the patient. `label` and
        `subject` may be ``None``, and their default columns may be absent. All other columns
        are kept; of them, those that `CellDataset` knows have its meaning (``mask`` is a path).
    root : path-like, optional
        Folder that relative paths start from. Default: the folder of the table.
    class_names : sequence of str, optional
        Names of the classes in the order of their labels; the table then holds names, or
        indices. Default: the sorted distinct values. An empty label is unknown (-1).
    positive : str, optional
        The class whose detection is reported as sensitivity.
    sep : str, optional
        What separates the columns. Default: the most frequent of comma, semicolon and tab in
        the first line.
    require_all_files : bool, default=False
        Whether every image file in the folders that the table points into must have a row.
    name : str, optional
        Name of the dataset. Default: the table's name without its ending.
    errors : {"raise", "skip"}, default="raise"
        Whether a row without file, a second row for a file, and (with `require_all_files`) a
        file without row are errors or are left out and listed in ``.skipped``. Of equal rows
        the first is kept; of rows that disagree, none.

    Returns
    -------
    CellDataset
        In the order of the table.

    Raises
    ------
    FileNotFoundError
        If the table, `root` or an image does not exist.
    ValueError
        If a column is absent, a path is empty, an image has two rows, or a label is not among
        `class_names`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import leukfeat as lf
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for file in ("a.png", "b.png"):
    ...     (folder / file).touch()
    >>> _ = (folder / "cells.csv").write_text("image,label,subject\na.png,blast,007\nb.png,normal,8\n")
    >>> cells = lf.load_csv(folder / "cells.csv", class_names=["normal", "blast"])
    >>> cells.y.tolist(), cells.subjects.tolist()
    ([1, 0], ['007', '8'])
    """
    file = Path(path).expanduser()
    left_out = LeftOut(errors, function="load_csv")
    table = read_text_table(file, sep=sep)
    folder = existing_folder(root) if root is not None else file.parent
    columns = _chosen_columns(table, file, image=image, label=label, subject=subject)
    frame = _renamed(table, file, columns)
    paths = [_full_path(value, folder, file, i) for i, value in enumerate(frame["image"])]
    keep = _checked_rows(paths, frame, file, left_out, require_all_files=require_all_files)
    left_out.require_any(int(keep.sum()), file)
    names: tuple[str, ...] = tuple(class_names or ())
    if "label" in frame.columns:
        frame["label"], names = _encoded(frame["label"], class_names, file, columns["label"])
    for column in frame.columns.difference(["image", "label"]):
        frame[column] = _typed(column, frame[column])
    if "mask" in frame.columns:
        masks = [
            None if mask is None else _full_path(mask, folder, file, row)
            for row, mask in enumerate(frame["mask"])
        ]
        frame["mask"] = pd.Series(masks, dtype=object)
    frame["image"] = pd.Series(paths, dtype=object)
    cells = CellDataset(frame[keep], class_names=names, positive=positive, name=name or file.stem)
    return left_out.attach_to(cells)


def _chosen_columns(table: pd.DataFrame, file: Path, **chosen: str | None) -> dict[str, str]:
    columns = {}
    for role, column in chosen.items():
        if column is None:
            continue
        if column in table.columns:
            columns[role] = column
        elif column != _DEFAULTS.get(role):
            raise ValueError(
                f"'{file}' has no column {column!r} for the '{role}' parameter of load_csv; "
                f"it has {list(table.columns)}."
            )
    if len(set(columns.values())) < len(columns):
        raise ValueError(f"One column cannot stand for two things: {columns}.")
    return columns


def _renamed(table: pd.DataFrame, file: Path, columns: dict[str, str]) -> pd.DataFrame:
    shadowed = [
        role for role, column in columns.items() if column != role and role in table.columns
    ]
    if shadowed:
        raise ValueError(
            f"'{file}' has columns named {shadowed} beside {[columns[r] for r in shadowed]}, which "
            "were chosen in their place; rename or drop them."
        )
    return table.rename(columns={column: role for role, column in columns.items()})


def _full_path(value: str, folder: Path, file: Path, row: int) -> str:
    written = value.strip()
    if not written:
        raise ValueError(f"'{file}', line {row + 2}: the image path is empty.")
    # Tables written on Windows are read elsewhere too.
    return os.path.normpath(os.path.join(folder, written.replace("\\", "/")))


def _checked_rows(
    paths: list[str],
    frame: pd.DataFrame,
    file: Path,
    left_out: LeftOut,
    *,
    require_all_files: bool,
) -> np.ndarray:
    """Return which rows are usable: their file exists and no other row claims it."""
    # One listing a folder instead of one stat a file.
    files = {folder: _files_in(folder, left_out) for folder in {os.path.dirname(p) for p in paths}}
    told = [c for c in ("label", "subject") if c in frame.columns]
    claims = list(zip(*(frame[c] for c in told), strict=True)) if told else [()] * len(paths)
    first: dict[str, int] = {}
    keep = np.ones(len(paths), bool)
    for row, path in enumerate(paths):
        where = f"{file}, line {row + 2}"
        if os.path.basename(path) not in files[os.path.dirname(path)]:
            keep[row] = False
            left_out.reject(
                where,
                f"there is no file '{path}'",
                remedy="give the folder that the paths start from as 'root'",
                error=FileNotFoundError,
            )
        elif path in first:
            keep[row] = False
            same = claims[row] == claims[first[path]]
            keep[first[path]] &= same
            left_out.reject(
                where,
                f"a second row for '{path}' (first in line {first[path] + 2}), "
                + ("with the same" if same else f"which disagrees on {' or '.join(told)}"),
            )
        else:
            first[path] = row
    if require_all_files:
        for folder in sorted(files):
            for unlisted in sorted(files[folder] - {os.path.basename(p) for p in paths}):
                if unlisted.lower().endswith(IMAGE_EXTENSIONS) and not is_litter(unlisted):
                    left_out.reject(os.path.join(folder, unlisted), f"no row in '{file}'")
    return keep


def _files_in(folder: str, left_out: LeftOut) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if not is_folder(entry)}
    except (FileNotFoundError, NotADirectoryError):
        return set()
    except OSError as error:
        left_out.unreadable(folder, error)
        return set()


def _encoded(
    labels: pd.Series, class_names: Sequence[str] | None, file: Path, column: str
) -> tuple[pd.Series, tuple[str, ...]]:
    """Return labels as indices, and the names of the classes."""
    values = labels.str.strip().str.replace(r"^(-?\d+)\.0+$", r"\1", regex=True)
    known = set(values) - {""}
    numeric = all(value.lstrip("-").isdecimal() for value in known)
    if class_names is None:
        names = tuple(sorted(known, key=int if numeric else None))
        warn_of_like_names(names, file)
    else:
        names = tuple(str(c) for c in class_names)
        if numeric and known - set(names):
            known_indices = {str(i): i for i in range(len(names))} | {str(UNLABELLED): UNLABELLED}
            if known <= set(known_indices):
                return values.map(known_indices).fillna(UNLABELLED).astype(np.int64), names
    unknown = sorted(known - set(names))
    if unknown:
        raise ValueError(
            f"The column {column!r} of '{file}' holds {unknown[:8]}, which are not among the "
            f"'class_names' {names}."
        )
    codes = {class_name: i for i, class_name in enumerate(names)}
    return values.map(codes).fillna(UNLABELLED).astype(np.int64), names


def _typed(name: str, column: pd.Series) -> pd.Series:
    """Return a column as numbers where all of it is, and empty cells as missing."""
    filled = column.where(column.str.strip() != "")
    if name in _TEXT:
        return filled.astype(object).where(filled.notna(), None)
    try:
        return pd.to_numeric(filled)
    except ValueError:
        return filled
