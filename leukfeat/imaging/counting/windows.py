"""Windows around the cells of a field: what they may be, and their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from leukfeat.imaging.conversion import RGB, Mask
from leukfeat.imaging.counting.tiles import Regions
from leukfeat.imaging.cropping import crop_window, window_corner

__all__ = ["check_window", "crop_mask", "cut_window"]


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
