"""Windows and sizes: crops that keep the physical scale, and those that do not."""

from __future__ import annotations

import numbers

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.background import check_mask
from leukfeat.imaging.conversion import MAX_PIXELS, RGB, check_rgb
from leukfeat.imaging.number_checks import is_finite, is_positive

__all__ = ["crop_to_mask", "crop_window", "rescale", "resize", "window_corner"]


def crop_window(
    image: RGB,
    *,
    side: int | None = None,
    side_um: float | None = None,
    um_per_px: float | None = None,
    center: tuple[float, float] | None = None,
    fill: int = 0,
) -> RGB:
    """Cut a square window of fixed size, so that a small cell stays small.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    side : int, optional
        Side of the window in pixels. Give this, or `side_um` with `um_per_px`.
    side_um : float, optional
        Side of the window in micrometres.
    um_per_px : float, optional
        Micrometres a pixel of the image.
    center : tuple of float, optional
        Row and column of the centre in pixels; the middle of the image by default.
    fill : int, default=0
        Value where the window reaches beyond the image.

    Returns
    -------
    ndarray of uint8, shape (side, side, 3)

    Raises
    ------
    ValueError
        If not exactly one of `side` and `side_um` is given, it is not a size, the scale is missing,
        or `center` is not two numbers.

    Examples
    --------
    >>> import numpy as np
    >>> cell = np.full((10, 10, 3), 5, np.uint8)
    >>> crop_window(cell, side=4).shape, crop_window(cell, side=12)[0, 0].tolist()
    ((4, 4, 3), [0, 0, 0])
    >>> crop_window(cell, side_um=1.0, um_per_px=0.125).shape
    (8, 8, 3)
    """
    image = check_rgb(image, most=None)
    if (side is None) == (side_um is None):
        raise ValueError("crop_window needs either 'side' (pixels) or 'side_um' (micrometres).")
    if side is None:
        if not is_positive(um_per_px):
            raise ValueError(
                "crop_window(side_um=...) needs 'um_per_px' above 0, the micrometres a pixel. "
                f"Got {um_per_px!r} instead."
            )
        if not is_positive(side_um):
            raise ValueError(
                "The 'side_um' parameter of crop_window must be a number of micrometres above 0. "
                f"Got {side_um!r} instead."
            )
        side = round(side_um / um_per_px)  # type: ignore[operator]
    if not isinstance(side, numbers.Integral) or side < 1:
        raise ValueError(
            "The window must have at least 1 pixel, and a whole number of them. "
            f"Got side={side!r} instead."
        )
    side = int(side)
    height, width = image.shape[:2]
    if center is None:
        center = (height / 2, width / 2)
    elif np.shape(center) != (2,) or not all(is_finite(place) for place in center):
        raise ValueError(
            "The 'center' parameter of crop_window must be two numbers, the row and the column of "
            f"the centre in pixels. Got {center!r} instead."
        )
    top, left = window_corner(side, center)
    window = np.full((side, side, 3), fill, np.uint8)
    rows = slice(max(top, 0), max(min(top + side, height), 0))
    columns = slice(max(left, 0), max(min(left + side, width), 0))
    part = image[rows, columns]
    window[
        rows.start - top : rows.start - top + part.shape[0],
        columns.start - left : columns.start - left + part.shape[1],
    ] = part
    return window


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


def crop_to_mask(
    image: RGB, mask: npt.ArrayLike, *, margin: float = 0.1, square: bool = True, fill: int = 0
) -> RGB:
    """Cut the box around a mask: the cell fills the window, and its size is lost.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    mask : array_like of bool, shape (height, width)
        True inside the cell.
    margin : float, default=0.1
        Added on each side, as a fraction of the longer side of the box.
    square : bool, default=True
        Widen the shorter side to the longer one.
    fill : int, default=0
        Value where the window reaches beyond the image.

    Returns
    -------
    ndarray of uint8, shape (box height, box width, 3)

    Raises
    ------
    ValueError
        If the mask is empty, has another shape than the image, or `margin` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> mask = np.zeros((20, 20), bool)
    >>> mask[5:15, 8:12] = True
    >>> crop_to_mask(np.ones((20, 20, 3), np.uint8), mask).shape
    (12, 12, 3)
    """
    image = check_rgb(image, most=None)
    inside = check_mask(image, mask)
    if margin < 0:
        raise ValueError(f"'margin' must be at least 0. Got {margin!r} instead.")
    if not inside.any():
        raise ValueError("crop_to_mask got an empty mask: no cell was found in this image.")
    left, top, width, height = cv2.boundingRect(inside.astype(np.uint8))
    pad = round(margin * max(width, height))
    sides = (max(width, height),) * 2 if square else (height, width)
    top, left = top + (height - sides[0]) // 2 - pad, left + (width - sides[1]) // 2 - pad
    tall, wide = sides[0] + 2 * pad, sides[1] + 2 * pad
    around = (
        max(-top, 0),
        max(top + tall - image.shape[0], 0),
        max(-left, 0),
        max(left + wide - image.shape[1], 0),
    )
    padded = cv2.copyMakeBorder(image, *around, cv2.BORDER_CONSTANT, value=(fill, fill, fill))
    top, left = top + around[0], left + around[2]
    return padded[top : top + tall, left : left + wide].copy()


def resize(image: RGB, *, size: tuple[int, int]) -> RGB:
    """Bring an image to a size, whatever its shape was.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    size : tuple of int
        Height and width in pixels.

    Returns
    -------
    ndarray of uint8, shape (size[0], size[1], 3)
        Averaged over areas where it shrinks, interpolated linearly where it grows.

    Raises
    ------
    ValueError
        If `size` is not two numbers from 1.

    Examples
    --------
    >>> import numpy as np
    >>> resize(np.zeros((4, 6, 3), np.uint8), size=(2, 3)).shape
    (2, 3, 3)
    """
    image = check_rgb(image, most=None)
    if np.shape(size) != (2,) or not all(is_finite(side) and side >= 1 for side in size):
        raise ValueError(
            "The 'size' parameter of resize must be (height, width) in pixels, such as (64, 64). "
            f"Got {size!r} instead."
        )
    height, width = size
    shrinks = height * width < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (int(width), int(height)), interpolation=how)


def rescale(image: RGB, *, um_per_px: float, target_um_per_px: float) -> RGB:
    """Bring an image to a common physical scale.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    um_per_px : float
        Micrometres a pixel of the image.
    target_um_per_px : float
        Micrometres a pixel of the result.

    Returns
    -------
    ndarray of uint8
        Shape ``(height * um_per_px / target_um_per_px, ...)``, rounded, at least 1.

    Raises
    ------
    ValueError
        If a scale is not positive, or the image would grow beyond 100 million pixels.

    Examples
    --------
    >>> import numpy as np
    >>> rescale(np.zeros((10, 20, 3), np.uint8), um_per_px=0.1, target_um_per_px=0.2).shape
    (5, 10, 3)
    """
    if not is_positive(um_per_px) or not is_positive(target_um_per_px):
        raise ValueError(
            "'um_per_px' and 'target_um_per_px' must be above 0. "
            f"Got {um_per_px!r} and {target_um_per_px!r} instead."
        )
    factor = um_per_px / target_um_per_px
    before = check_rgb(image, most=None).shape[:2]
    height, width = (max(round(side * factor), 1) for side in before)
    if height * width > max(MAX_PIXELS, before[0] * before[1]):
        raise ValueError(
            f"At {target_um_per_px:g} micrometres a pixel the image would have {height} x {width} "
            f"pixels, more than the {MAX_PIXELS} allowed; cut it into single cells or fields first."
        )
    return resize(image, size=(height, width))
