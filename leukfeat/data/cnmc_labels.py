"""The table that tells the labels of C-NMC 2019's preliminary test set."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from leukfeat.data.cnmc_names import CnmcName, parse_cnmc_name
from leukfeat.data.delimited import read_text_table
from leukfeat.data.left_out import LeftOut
from leukfeat.exceptions import CellNameError

__all__ = ["LabelRow", "find_labels_csv", "is_labels_header", "read_labels_csv"]

_TABLE = re.compile(r"prelim.*label.*\.csv", re.IGNORECASE)
_COLUMNS = ("Patient_ID", "new_names", "labels")
_LABELS = {"1": "all", "0": "hem"}


class LabelRow(NamedTuple):
    """One row of the table."""

    new_name: str
    """Name of the file on disk."""
    original: CnmcName
    """What the original file name says."""


def find_labels_csv(root: Path, tables: list[str]) -> Path | None:
    """Choose the table of labels among the CSV files that lie with the images.

    Parameters
    ----------
    root : pathlib.Path
        The folder given by the user; the folder above it is looked into as well, since Kaggle's
        table stands beside the folder of the images.
    tables : list of str
        CSV files found below `root`.

    Returns
    -------
    pathlib.Path or None

    Raises
    ------
    ValueError
        If there is more than one.
    """
    found = [Path(path) for path in tables if _TABLE.search(os.path.basename(path))]
    if not found:
        above = root.resolve().parent
        found = sorted(p for p in above.glob("*.csv") if _TABLE.search(p.name))
    if len(found) > 1:
        raise ValueError(
            f"More than one table of labels was found: {[str(p) for p in found]}. "
            "Name the right one with 'labels_csv'."
        )
    return found[0] if found else None


def is_labels_header(columns: Sequence[str]) -> bool:
    """Tell whether columns are those of the table.

    Examples
    --------
    >>> is_labels_header(["Patient_ID", "new_names", "labels"])
    True
    """
    return {name.lower() for name in _COLUMNS} <= {column.strip().lower() for column in columns}


def read_labels_csv(path: Path, left_out: LeftOut) -> dict[str, LabelRow]:
    """Read the table, checking each row against itself.

    Parameters
    ----------
    path : pathlib.Path
        A CSV file with the columns ``Patient_ID``, ``new_names``, ``labels``.
    left_out : LeftOut
        Takes the rows that cannot be used.

    Returns
    -------
    dict of str to LabelRow
        By the name of the file on disk.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CellNameError
        If a ``Patient_ID`` is no original file name.
    ValueError
        If a column is absent, a label is neither 0 nor 1 or contradicts the original name, or
        a file has two rows.
    """
    table = read_text_table(path, parameter="labels_csv")
    by_lower = {str(column).strip().lower(): column for column in table.columns}
    absent = [column for column in _COLUMNS if column.lower() not in by_lower]
    if absent:
        raise ValueError(
            f"'{path}' must have the columns {list(_COLUMNS)}. {absent} not found among "
            f"{list(table.columns)}; is this the table of the preliminary test set?"
        )
    columns = [table[by_lower[column.lower()]].str.strip() for column in _COLUMNS]
    rows: dict[str, LabelRow] = {}
    for number, (original, new_name, label) in enumerate(zip(*columns, strict=True), start=2):
        where = f"{path}, line {number}"
        try:
            parsed = parse_cnmc_name(original)
        except CellNameError as error:
            left_out.reject(where, f"in the column Patient_ID: {error}", error=CellNameError)
            continue
        if _LABELS.get(label) != parsed.label:
            left_out.reject(
                where,
                f"the label {label!r} of {new_name!r} contradicts its original name {original!r} "
                "(1 = all, 0 = hem)",
            )
        elif new_name in rows:
            left_out.reject(where, f"a second row for the file {new_name!r}")
        else:
            rows[new_name] = LabelRow(new_name, parsed)
    return rows
