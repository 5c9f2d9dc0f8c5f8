"""The pixels that are measured: one image, one mask, whatever kind of image was given."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.background import check_mask
from leukfeat.imaging.conversion import RGB, Mask, check_size, to_rgb

__all__ = ["as_rgb", "box_of", "mask_for"]


def as_rgb(image: Any) -> RGB:
    """Return an image as RGB ``uint8``, by the rules of :func:`leukfeat.imaging.to_rgb`.

    Parameters
    ----------
    image : ndarray
        Grey, RGB or RGBA; ``uint8``, ``uint16``, ``bool``, or float in [0, 1].

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Examples
    --------
    >>> as_rgb(np.array([[0.0, 1.0]]))[0, 1].tolist()
    [255, 255, 255]
    """
    array = np.asarray(image)
    if array.ndim >= 2:
        check_size(array)
    if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3 and array.size:
        return array
    return to_rgb(array)


def mask_for(image: RGB, mask: npt.ArrayLike | None) -> Mask:
    """Return the mask of an image, all of it by default.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    mask : array_like, shape (height, width), optional
        Not 0 inside.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    return np.ones(image.shape[:2], bool) if mask is None else check_mask(image, mask)


def box_of(mask: Mask) -> tuple[slice, slice]:
    """Return the smallest window that holds a mask: nothing outside it has to be computed.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Not empty.

    Returns
    -------
    tuple of slice
        Rows and columns.

    Examples
    --------
    >>> mask = np.zeros((5, 6), bool)
    >>> mask[1, 2:4] = True
    >>> box_of(mask)
    (slice(1, 2, None), slice(2, 4, None))
    """
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    return slice(top, top + height), slice(left, left + width)
