"""Windows around the cells of a field: what they may be, their pixels, and further columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.imaging.conversion import RGB, Mask
from leukfeat.imaging.counting.tiles import Regions
from leukfeat.imaging.cropping import crop_window

__all__ = ["add_columns", "check_window", "crop_mask", "cut_window", "window_corner"]


def check_window(side: Any, margin: float, background: str) -> None:
    """Refuse settings of a window that are none.

    Parameters
    ----------
    side, margin, background
        As for :func:`leukfeat.imaging.find_cells`.

    Raises
    ------
    ValueError
        With what each may be.
    """
    if background not in ("keep", "remove"):
        raise ValueError(f"'background' must be 'keep' or 'remove'. Got {background!r} instead.")
    whole = isinstance(side, (int, np.integer)) and not isinstance(side, bool)
    if side is not None and (not whole or side < 1):
        raise ValueError(
            f"'side' must be a whole number of at least 1 pixel. Got {side!r} instead."
        )
    if not margin >= 0:
        raise ValueError(f"'margin' must not be negative. Got {margin!r} instead.")


def window_corner(side: int, at: tuple[float, float]) -> tuple[int, int]:
    """Return the first row and column of a window, which may lie outside the field.

    Parameters
    ----------
    side : int
        In pixels.
    at : tuple of float
        Row and column of its centre.

    Returns
    -------
    tuple of int
    """
    return int(np.floor(at[0] - side / 2 + 0.5)), int(np.floor(at[1] - side / 2 + 0.5))


def cut_window(
    regions: Regions,
    side: int,
    at: tuple[float, float],
    *,
    fill: int,
    seen: tuple[RGB, int, int] | None = None,
) -> RGB:
    """Cut a window out of a field, of which no more is read.

    Parameters
    ----------
    regions : Regions
        The field.
    side : int
        In pixels.
    at : tuple of float
        Row and column of its centre in the field.
    fill : int
        Value where the window reaches beyond the field.
    seen : tuple of (ndarray of uint8, int, int), optional
        A part of the field that was read before, with the place of its first pixel: a window
        within it is not read again.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)
    """
    top, left = window_corner(side, at)
    first = (max(top, 0), max(left, 0))
    last = (min(top + side, regions.shape[0]), min(left + side, regions.shape[1]))
    window = np.full((side, side, 3), fill, np.uint8)
    inner = (slice(first[0] - top, last[0] - top), slice(first[1] - left, last[1] - left))
    if seen is not None:
        image, *corner = seen
        start = [first[k] - corner[k] for k in (0, 1)]
        stop = [last[k] - corner[k] for k in (0, 1)]
        if min(start) >= 0 and stop[0] <= image.shape[0] and stop[1] <= image.shape[1]:
            window[inner] = image[start[0] : stop[0], start[1] : stop[1]]
            return window
    window[inner] = regions.read(slice(first[0], last[0]), slice(first[1], last[1]))
    return window


def crop_mask(mask: Mask, side: int, at: tuple[float, float]) -> Mask:
    """Cut the window of a mask by the very function that cuts images.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
    side : int
        In pixels.
    at : tuple of float
        Row and column of its centre in the mask.

    Returns
    -------
    ndarray of bool, shape (side, side)
    """
    pixels: RGB = np.repeat(mask[..., None].astype(np.uint8), 3, axis=2)
    return crop_window(pixels, side=side, center=at)[..., 0] > 0


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
    if um_per_px is not None and not (
        isinstance(um_per_px, (int, float, np.number)) and 0 < um_per_px < np.inf
    ):
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
