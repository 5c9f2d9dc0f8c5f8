"""Columns that a user adds to the cells of a field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from leukfeat.imaging.number_checks import is_positive

__all__ = ["add_columns"]


def add_columns(frame: pd.DataFrame, um_per_px: float | None, columns: Mapping[str, Any]) -> None:
    """Put further columns into the table of the cells of a field.

    Parameters
    ----------
    frame : pandas.DataFrame
        Changed in place.
    um_per_px : float or None
        Micrometres a pixel.
    columns : mapping
        One value for all cells; ``None`` is left out.

    Raises
    ------
    ValueError
        If the scale is not above 0, or a column is there already.
    """
    if um_per_px is not None and not is_positive(um_per_px):
        raise ValueError(
            "'um_per_px' must be a number above 0, the micrometres a pixel of the field. Got "
            f"{um_per_px!r} instead."
        )
    taken = sorted(set(columns) & set(frame))
    if taken:
        raise ValueError(
            f"The columns {taken} are those of the cells that were found: give yours other names."
        )
    for name, value in {"um_per_px": um_per_px, **columns}.items():
        if value is not None:
            frame[name] = value
