"""The empty part of a field: its colour, and taking it away."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import RGB, Mask, check_rgb, foreground_mask

__all__ = ["check_mask", "estimate_background", "likeness", "remove_background"]


def estimate_background(image: RGB) -> npt.NDArray[np.float64]:
    """Estimate the colour of light that passed through no cell.

    The brightest peak of the histogram of green that holds at least a quarter of the count of
    the highest peak: every Romanowsky dye and haemoglobin absorb green.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image. Pixels that are exactly (0, 0, 0) are left out.

    Returns
    -------
    ndarray of float64, shape (3,)
        Red, green, blue in [0, 255]; white for an image that is entirely 0. Where no
        background is in view, the colour of the brightest material is all that can be had.

    Examples
    --------
    >>> import numpy as np
    >>> field = np.full((40, 40, 3), (240, 230, 180), np.uint8)
    >>> field[10:20, 10:20] = (90, 40, 120)
    >>> estimate_background(field).tolist()
    [240.0, 230.0, 180.0]
    """
    image = check_rgb(image)
    pixels = image[foreground_mask(image)]
    if not len(pixels):
        return np.full(3, 255.0)
    counts = np.bincount(pixels[:, 1], minlength=256).astype(np.float64)
    smooth = cv2.GaussianBlur(counts[None], (0, 0), 3, borderType=cv2.BORDER_REFLECT_101)[0]
    sides = np.pad(smooth, 1, constant_values=-1)
    peaks = np.flatnonzero((smooth >= sides[:-2]) & (smooth >= sides[2:]) & (smooth > 0))
    tall = peaks[smooth[peaks] >= 0.25 * smooth[peaks].max()]
    near = np.abs(pixels[:, 1].astype(np.int16) - int(tall.max())) <= 6
    return np.median(pixels[near], axis=0)


def likeness(image: RGB) -> float:
    """Return the correlation of neighbouring pixels in green, across and down.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image, at least 2 pixels high and wide.

    Returns
    -------
    float
        About 0 for noise; 1 where nothing varies, and above 0.9 for cells in focus.

    Examples
    --------
    >>> noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    >>> abs(likeness(noise)) < 0.1, likeness(np.zeros((4, 4, 3), np.uint8))
    (True, 1.0)
    """
    green = image[..., 1].astype(np.float32)
    green -= green.mean()
    power = float((green**2).mean())
    if power == 0:
        return 1.0
    across, down = (green[:, 1:] * green[:, :-1]).mean(), (green[1:] * green[:-1]).mean()
    return float((across + down) / 2 / power)


def remove_background(image: RGB, mask: npt.ArrayLike) -> RGB:
    """Set everything outside the mask to exactly 0, as in the cut-out cells of C-NMC.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    mask : array_like of bool, shape (height, width)
        True inside the cell.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        A pixel inside the mask that was exactly black becomes (1, 1, 1): 0 means background.

    Raises
    ------
    ValueError
        If image and mask differ in height or width.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.array([[[0, 0, 0], [9, 9, 9], [9, 9, 9]]], np.uint8)
    >>> remove_background(pixels, [[True, True, False]])[..., 0].tolist()
    [[1, 9, 0]]
    """
    image = check_rgb(image)
    inside = check_mask(image, mask)[..., None]
    black = ~foreground_mask(image)[..., None]
    return np.where(inside, image + black.astype(np.uint8), np.uint8(0)).astype(np.uint8)


def check_mask(image: RGB, mask: npt.ArrayLike, *, name: str = "mask") -> Mask:
    """Return the mask as ``bool`` if it has the image's height and width.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    mask : array_like, shape (height, width)
        Not 0 inside.
    name : str, default="mask"
        Name of the parameter, for the message.

    Returns
    -------
    ndarray of bool, shape (height, width)

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    inside = np.asarray(mask).astype(bool)
    if inside.shape != image.shape[:2]:
        raise ValueError(
            f"The '{name}' parameter must have the image's height and width {image.shape[:2]}. "
            f"Got {inside.shape} instead."
        )
    return inside
