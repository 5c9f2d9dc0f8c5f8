"""Checking the parameters of the generators."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_number"]


def check_number(
    value: Any,
    name: str,
    function: str,
    *,
    low: float,
    high: float = np.inf,
    integer: bool = False,
    note: str = "",
) -> None:
    """Refuse a parameter that is no number of the right kind and range.

    Parameters
    ----------
    value : object
        What the caller gave.
    name, function : str
        Of the parameter, and of the function that has it.
    low, high : float
        Range, ends included.
    integer : bool, default=False
        Whether it must be an integer.
    note : str, optional
        The reason for the range, in a few words.

    Raises
    ------
    ValueError
        If it is not.

    Examples
    --------
    >>> check_number(3, "n_cells", "make_cells", low=1, integer=True)
    >>> check_number(-1, "n_cells", "make_cells", low=1, integer=True)
    Traceback (most recent call last):
    ...
    ValueError: The 'n_cells' parameter of make_cells must be an integer of at least 1. Got -1 instead.
    """
    kinds = (int, np.integer) if integer else (int, float, np.integer, np.floating)
    if isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high:
        return
    top = "" if high == np.inf else f" and at most {high:g}"
    raise ValueError(
        f"The '{name}' parameter of {function} must be {'an integer' if integer else 'a number'} "
        f"of at least {low:g}{top}{f' ({note})' if note else ''}. Got {value!r} instead."
    )
