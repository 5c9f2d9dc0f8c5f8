"""A table in a file: CSV that a spreadsheet can open without harm, or Parquet."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd

from leukfeat.atomic_file import check_file_can_be_written, written_whole
from leukfeat.data.spreadsheet_text import guard_formulas
from leukfeat.data.undecoded_names import write_escapes

__all__ = ["table_writer"]

logger = logging.getLogger("leukfeat")


def table_writer(path: str | os.PathLike[str]) -> Callable[[pd.DataFrame], None]:
    r"""Return what writes a table to a path, after checking that it could.

    Checking comes first, so that a long computation does not end at a misspelt folder.

    Parameters
    ----------
    path : path-like
        Ends in ``.csv`` or ``.parquet``.

    Returns
    -------
    callable
        Takes the table. Cells of a CSV file that a spreadsheet would run are made text. Bytes of
        file names that are no UTF-8 are written as ``\udcXX``, which `load_csv` takes back.

    Raises
    ------
    ValueError
        If the ending is another.
    FileNotFoundError, IsADirectoryError, PermissionError
        If the folder does not exist or may not be written to, or `path` is a folder.
    ImportError
        If pyarrow is needed and missing.
    """
    path = Path(path).expanduser()
    kind = path.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise ValueError(f"'{path}' must end in .csv or .parquet; other formats are not written.")
    check_file_can_be_written(path)
    if kind == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise ImportError(
                f"Writing '{path}' needs pyarrow: pip install 'leukfeat[parquet]', or write a .csv file."
            ) from error

    def write(table: pd.DataFrame) -> None:
        table = _encodable(table, path)
        with written_whole(path) as partial:
            if kind == ".parquet":
                table.to_parquet(partial, index=False, engine="pyarrow")
            else:
                safe = _guarded(table)
                safe.to_csv(partial, index=False, lineterminator="\n", quoting=_quoting(safe))

    return write


def _quoting(table: pd.DataFrame) -> Literal[0, 2]:
    """Quote all text if a carriage return is in it: alone it is not quoted, and ends the row."""
    texts = [pd.Series(list(table.columns), dtype=object)]
    texts += [table[name] for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    returns = any(text.astype(str).str.contains("\r", regex=False).any() for text in texts)
    return csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL


def _encodable(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    escaped = table.set_axis([write_escapes(name) for name in table], axis="columns")
    changed = 0
    for name, column in zip(escaped.columns, table.columns, strict=True):
        values = table[column]
        if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
            texts = [write_escapes(value) for value in values]
            now = sum(
                isinstance(new, str) and new != old for new, old in zip(texts, values, strict=True)
            )
            if now:
                changed += now
                escaped[name] = pd.Series(texts, table.index, dtype=object)
    if changed:
        logger.warning(
            "%d texts in '%s' are no UTF-8 (file names of another system): their bytes are written as "
            "\\udcXX, which load_csv takes back",
            changed,
            path,
        )
    return escaped


def _guarded(table: pd.DataFrame) -> pd.DataFrame:
    safe = table.rename(
        columns=dict(zip(table, guard_formulas(pd.Series(list(table))), strict=True))
    )
    for name in safe.columns:
        column = safe[name]
        if not pd.api.types.is_numeric_dtype(column):
            text = column.where(column.isna(), column.astype(str)).astype(object)
            safe[name] = guard_formulas(text)
    return safe
