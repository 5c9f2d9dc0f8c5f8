"""From a decoded cell to the pixels that the network sees: window, size, views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["central_window", "dihedral_views", "resize"]


def central_window(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Cut the fixed central window, in the image's own pixels, so that scale is kept.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    side : int
        Height and width of the window, in pixels.

    Returns
    -------
    ndarray of uint8 of shape (side, side, 3)
        Where the image is smaller its outermost pixels are repeated, so that a black
        background stays black and a bright one bright.

    Examples
    --------
    >>> central_window(np.arange(27, dtype=np.uint8).reshape(3, 3, 3), 1).tolist()
    [[[12, 13, 14]]]
    """
    height, width = image.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    if min(height, width) < side:
        above, before = max(0, -top), max(0, -left)
        pad = (
            (above, max(0, side - height - above)),
            (before, max(0, side - width - before)),
            (0, 0),
        )
        image = np.pad(image, pad, mode="edge")
        top, left = max(0, top), max(0, left)
    return image[top : top + side, left : left + side]


def resize(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Bring an image to a size: the rule ``"area-linear"``.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    size : tuple of int
        Height and width wanted, in pixels.

    Returns
    -------
    ndarray of uint8 of shape (*size, 3)
        Means over areas where neither side grows (no aliasing), bilinear otherwise.

    Examples
    --------
    >>> resize(np.full((4, 4, 3), 7, np.uint8), (2, 2))[..., 0].tolist()
    [[7, 7], [7, 7]]
    """
    import cv2

    height, width = image.shape[:2]
    if (height, width) == tuple(size):
        return np.ascontiguousarray(image)
    shrinks = height >= size[0] and width >= size[1]
    return cv2.resize(
        image, (size[1], size[0]), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )


def dihedral_views(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the eight rotations and flips of a square image.

    Parameters
    ----------
    image : ndarray of uint8 of shape (side, side, 3)
        RGB.

    Returns
    -------
    ndarray of uint8 of shape (8, side, side, 3)
        The image itself first.

    Examples
    --------
    >>> views = dihedral_views(np.arange(12, dtype=np.uint8).reshape(2, 2, 3))
    >>> len({view.tobytes() for view in views})
    8
    """
    turned = [np.rot90(image, k) for k in range(4)]
    return np.stack([*turned, *(view[:, ::-1] for view in turned)])
