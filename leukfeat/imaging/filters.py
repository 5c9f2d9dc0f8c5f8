"""Filters that keep the size of the image: inversion, blur, local contrast."""

from __future__ import annotations

import cv2
import numpy as np

from leukfeat.imaging.conversion import RGB, check_rgb, foreground_mask
from leukfeat.imaging.number_checks import is_positive

__all__ = ["clahe", "gaussian_blur", "invert", "median_blur"]


def invert(image: RGB, *, keep_background: bool = False) -> RGB:
    """Subtract every value from 255.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    keep_background : bool, default=False
        Leave pixels that are exactly (0, 0, 0) as they are, and keep a white pixel of the cell
        at 1 so that it does not join them.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Examples
    --------
    >>> import numpy as np
    >>> invert(np.array([[[0, 0, 0], [250, 5, 0]]], np.uint8)).tolist()
    [[[255, 255, 255], [5, 250, 255]]]
    """
    return _with_background(image, 255 - check_rgb(image), keep_background)


def gaussian_blur(image: RGB, *, sigma: float = 1.0, keep_background: bool = False) -> RGB:
    """Blur with a Gaussian, mirrored at the border.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    sigma : float, default=1.0
        Standard deviation in pixels.
    keep_background : bool, default=False
        Leave pixels that are exactly (0, 0, 0) as they are, and average over the others only,
        so that a cut-out cell does not darken along its edge.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ValueError
        If `sigma` is not a positive number.

    Examples
    --------
    >>> import numpy as np
    >>> gaussian_blur(np.full((3, 3, 3), 7, np.uint8))[1, 1].tolist()
    [7, 7, 7]
    """
    if not is_positive(sigma):
        raise ValueError(f"'sigma' must be above 0 pixels. Got {sigma!r} instead.")
    image = check_rgb(image)
    if not keep_background:
        return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    inside = foreground_mask(image).astype(np.float32)
    total = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)
    weight = cv2.GaussianBlur(inside, (0, 0), sigma)
    mean = total / np.maximum(weight, 1e-6)[..., None]
    return _with_background(image, np.rint(np.clip(mean, 0, 255)).astype(np.uint8), True)


def median_blur(image: RGB, *, size: int = 3, keep_background: bool = False) -> RGB:
    """Replace each value by the median of its neighbourhood, a channel at a time.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    size : int, default=3
        Side of the square neighbourhood in pixels, odd.
    keep_background : bool, default=False
        Leave pixels that are exactly (0, 0, 0) as they are.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ValueError
        If `size` is not an odd number of at least 3.

    Examples
    --------
    >>> import numpy as np
    >>> speck = np.zeros((3, 3, 3), np.uint8)
    >>> speck[1, 1] = 255
    >>> int(median_blur(speck).max())
    0
    """
    if not isinstance(size, (int, np.integer)) or size < 3 or size % 2 == 0:
        raise ValueError(f"'size' must be an odd number of pixels from 3. Got {size!r} instead.")
    return _with_background(image, cv2.medianBlur(check_rgb(image), int(size)), keep_background)


def clahe(
    image: RGB, *, clip_limit: float = 2.0, tiles: int = 8, keep_background: bool = False
) -> RGB:
    """Raise local contrast of the lightness, leaving the hue (CLAHE on L* of CIE Lab).

    Contrast-limited adaptive histogram equalisation, Zuiderveld, *Graphics Gems IV* (1994).

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    clip_limit : float, default=2.0
        Largest count of a histogram bin, in units of the mean count; higher is stronger.
    tiles : int, default=8
        Number of tiles along each side.
    keep_background : bool, default=False
        Leave pixels that are exactly (0, 0, 0) as they are. They still count in the
        histograms of their tiles.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ValueError
        If `clip_limit` is not a positive number, or `tiles` not a positive integer.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.tile(np.arange(100, 132, dtype=np.uint8)[:, None, None], (1, 32, 3))
    >>> bool(np.ptp(clahe(ramp, tiles=2)) > np.ptp(ramp))
    True
    """
    if not is_positive(clip_limit) or not is_positive(tiles) or tiles < 1:
        raise ValueError(
            "'clip_limit' must be a number above 0 and 'tiles' an integer above 0. "
            f"Got {clip_limit!r} and {tiles!r} instead."
        )
    lab = cv2.cvtColor(check_rgb(image), cv2.COLOR_RGB2LAB)
    equaliser = cv2.createCLAHE(clipLimit=float(clip_limit), tileGridSize=(int(tiles), int(tiles)))
    lab[..., 0] = equaliser.apply(np.ascontiguousarray(lab[..., 0]))
    return _with_background(image, cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), keep_background)


def _with_background(before: RGB, after: RGB, keep: bool) -> RGB:
    if not keep:
        return after
    inside = foreground_mask(before)
    # A pixel of the cell must not become exactly 0, or it would count as background later.
    floor = np.maximum(after, (~foreground_mask(after)).astype(np.uint8)[..., None])
    return np.where(inside[..., None], floor, np.uint8(0)).astype(np.uint8)
