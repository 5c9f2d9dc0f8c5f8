"""Features as float32, and a word where float32 cannot hold them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["single_precision"]


def single_precision(X: Any) -> npt.NDArray[np.float32]:
    """Return numbers as contiguous float32.

    Parameters
    ----------
    X : array-like of real numbers
        Features. NaN and infinity stay what they are.

    Returns
    -------
    ndarray of float32
        The same array if it is one already.

    Raises
    ------
    ValueError
        If a finite number is beyond the range of float32.

    Examples
    --------
    >>> single_precision([[1, 2.5]])
    array([[1. , 2.5]], dtype=float32)
    >>> single_precision([[1, 1e300]])
    Traceback (most recent call last):
    ValueError: 'X' holds 1e+300 in row 0, column 1. ...
    """
    given = np.asarray(X)
    if given.dtype == np.float32:
        return np.ascontiguousarray(given)
    with np.errstate(over="ignore"):
        cast = np.ascontiguousarray(given, dtype=np.float32)
    if given.dtype.kind == "f" and given.dtype.itemsize > 4:
        lost = np.isinf(cast) & np.isfinite(given)
        if lost.any():
            place = tuple(int(i) for i in np.argwhere(lost)[0])
            where = f"in row {place[0]}" + "".join(f", column {i}" for i in place[1:])
            raise ValueError(
                f"'X' holds {given[place]:.6g} {where}. Features are kept as float32, which ends "
                "at 3.4e38: scale that column, or take its logarithm."
            )
    return cast
