"""Reading delimited text tables without guessing at types."""

from __future__ import annotations

import csv
import os
import warnings
from pathlib import Path

import pandas as pd

from leukfeat.data.spreadsheet_text import unguard_formulas
from leukfeat.data.undecoded_names import read_escapes
from leukfeat.file_kind import not_a_file

__all__ = ["guess_separator", "read_text_table"]


def guess_separator(header: str) -> str:
    r"""Tell what separates the columns of a table from its first line.

    Parameters
    ----------
    header : str
        The first line.

    Returns
    -------
    str
        The most frequent of comma, semicolon and tab; a comma where there is none.

    Examples
    --------
    >>> guess_separator("image;label;subject")
    ';'
    >>> guess_separator("image\tlabel")
    '\t'
    """
    return max(",;\t", key=header.count)


def read_text_table(
    path: str | os.PathLike[str], *, parameter: str = "path", sep: str | None = None
) -> pd.DataFrame:
    """Read a delimited table, every value as the text that stands there.

    Parameters
    ----------
    path : path-like
        A CSV file in UTF-8, with or without byte order mark.
    parameter : str, default="path"
        Name of the parameter that gave the path, for messages.
    sep : str, optional
        What separates the columns. Default: the most frequent of comma, semicolon and tab in
        the first line.

    Returns
    -------
    pandas.DataFrame
        All columns of text, an empty cell is ``""``. A subject written ``007`` or ``NA`` stays so.
        The apostrophe that `export_table` puts before a formula is taken away, and the escapes of
        file names that are no UTF-8.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no file but a folder or a pipe, empty, not UTF-8, not a table, or names a column twice.
    """
    file = Path(path).expanduser()
    kind = not_a_file(file)
    if kind is not None:
        raise ValueError(f"The '{parameter}' parameter names {kind}, not a file: '{file}'.")
    if not file.is_file():
        raise FileNotFoundError(
            f"The '{parameter}' parameter names a file that does not exist: '{file}'."
        )
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
        if not header.strip():
            raise ValueError(f"'{file}' is empty; expected a table with a line of column names.")
        sep = sep or guess_separator(header)
        names = next(csv.reader([header.rstrip("\r\n")], delimiter=sep))
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"'{file}' has more than one column named {twice}; rename them.")
        with warnings.catch_warnings():
            # pandas only warns when it drops the end of a line that is too long.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                file, sep=sep, dtype=str, na_filter=False, encoding="utf-8-sig", index_col=False
            )
    except UnicodeDecodeError as error:
        raise ValueError(
            f"'{file}' is not UTF-8 text ({error.reason} at byte {error.start}); save it as CSV "
            "in UTF-8 (in Excel: 'CSV UTF-8')."
        ) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise ValueError(f"'{file}' is not a table separated by {sep!r}: {error}") from error
    table = table.fillna("").rename(columns=dict(zip(table, _headers(table), strict=True)))
    return table.apply(_as_it_was) if len(table) else table


def _as_it_was(column: pd.Series) -> pd.Series:
    column = unguard_formulas(column)
    texts = [read_escapes(text) for text in column]
    # As objects: pandas' own type of text cannot hold what is no UTF-8.
    return column if texts == list(column) else pd.Series(texts, column.index, dtype=object)


def _headers(table: pd.DataFrame) -> list[str]:
    return unguard_formulas(pd.Series(list(table.columns), dtype=object)).str.strip().tolist()
