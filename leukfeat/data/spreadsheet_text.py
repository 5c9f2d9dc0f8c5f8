"""Text that a spreadsheet program shows and does not run."""

from __future__ import annotations

import pandas as pd

__all__ = ["guard_formulas", "unguard_formulas"]

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula, the full-width
# forms included; apostrophes before it are counted so that guarding can be undone exactly.
_FORMULA = r"^'*[\s]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^'*[\t\r\n]"


def guard_formulas(column: pd.Series) -> pd.Series:
    """Put an apostrophe before texts that a spreadsheet would take for a formula.

    Parameters
    ----------
    column : pandas.Series of str
        Missing values stay missing.

    Returns
    -------
    pandas.Series

    Notes
    -----
    A file name such as ``=HYPERLINK(...)`` would otherwise be run by whoever opens the table.

    Examples
    --------
    >>> import pandas as pd
    >>> guard_formulas(pd.Series(["=1+1", "H10", "-7"])).tolist()
    ["'=1+1", 'H10', "'-7"]
    """
    return column.mask(_begins(column, _FORMULA), "'" + column)


def unguard_formulas(column: pd.Series) -> pd.Series:
    """Take away the apostrophe that `guard_formulas` has put there.

    Parameters
    ----------
    column : pandas.Series of str
        Missing values stay missing.

    Returns
    -------
    pandas.Series

    Examples
    --------
    >>> import pandas as pd
    >>> unguard_formulas(pd.Series(["'=1+1", "H10", "'quoted'"])).tolist()
    ['=1+1', 'H10', "'quoted'"]
    """
    guarded = _begins(column, "^'") & _begins(column, _FORMULA)
    return column.mask(guarded, column.str[1:])


def _begins(column: pd.Series, pattern: str) -> pd.Series:
    return column.str.contains(pattern, regex=True, na=False).astype(bool)
