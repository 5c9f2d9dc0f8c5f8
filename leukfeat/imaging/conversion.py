"""What counts as an image here, and how other images become one: RGB ``uint8``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_PIXELS", "check_rgb", "check_size", "foreground_mask", "to_rgb"]

MAX_PIXELS = 100_000_000
"""Largest image that is decoded or worked on as a whole, in pixels (300 MB as RGB). Decoding takes at
most 17 bytes a pixel (16-bit samples with transparency), 1.7 GB; a field is looked over in tiles."""

RGB = npt.NDArray[np.uint8]
"""An image: RGB, ``uint8``, shape ``(height, width, 3)``."""

Mask = npt.NDArray[np.bool_]
"""A mask: ``bool``, shape ``(height, width)``."""


def check_rgb(image: Any, *, name: str = "image", most: int | None = MAX_PIXELS) -> RGB:
    """Return `image` if it is RGB ``uint8``, else say what it is and how to convert it.

    Parameters
    ----------
    image : ndarray
        Any array.
    name : str, default="image"
        Name of the parameter, for the message.
    most : int or None, default=100,000,000
        Number of pixels above which it is refused, since what is computed from it would take many
        times its memory; ``None`` for what only cuts or shrinks it.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The same array, not a copy.

    Raises
    ------
    ValueError
        If the array is grey, has an alpha channel, is not ``uint8``, or has no pixel or too many.

    Examples
    --------
    >>> import numpy as np
    >>> check_rgb(np.zeros((2, 5, 3), np.uint8)).shape
    (2, 5, 3)
    """
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(
            f"The '{name}' parameter must be an RGB uint8 array of shape (height, width, 3). Got "
            f"{array.dtype} of shape {array.shape} instead; leukfeat.imaging.to_rgb converts grey, "
            "RGBA, 16-bit and float images."
        )
    if array.size == 0:
        raise ValueError(f"The '{name}' parameter has no pixels: its shape is {array.shape}.")
    check_size(array, name=name, most=most)
    return array


def check_size(
    array: npt.NDArray[Any], *, name: str = "image", most: int | None = MAX_PIXELS
) -> None:
    """Refuse an image, or a mask, with too many pixels to be worked on as a whole.

    Parameters
    ----------
    array : ndarray, shape (height, width, ...)
    name : str, default="image"
        Name of the parameter, for the message.
    most : int or None, default=100,000,000

    Raises
    ------
    ValueError
        If there are more.
    """
    height, width = array.shape[:2]
    if most is not None and height * width > most:
        raise ValueError(
            f"The '{name}' parameter has {height * width:,} pixels ({height} x {width}), and up to "
            f"{most:,} are worked on as a whole. Cut it first: leukfeat.imaging.find_cells takes a "
            "field in tiles and gives its cells, crop_window a window."
        )


def to_rgb(image: Any) -> RGB:
    """Convert a grey, RGBA, 16-bit or float image to RGB ``uint8``.

    Parameters
    ----------
    image : ndarray
        Shape ``(height, width)``, ``(height, width, 1)``, ``(height, width, 3)`` or
        ``(height, width, 4)``; ``uint8``, ``uint16`` (full range 65,535), ``bool``, or float in
        [0, 1].

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        A grey image is repeated in the three channels; a transparent pixel is laid on white,
        the colour of an empty bright field; 16 bits are scaled by 1/257 and floats by 255,
        rounded. (In a file, :func:`leukfeat.imaging.read_image` takes transparent pixels for a
        background that was removed, and makes them black, as in C-NMC.)

    Raises
    ------
    ValueError
        If the shape or dtype is another one, or a float lies outside [0, 1] or is not finite:
        guessing a scale would change colours without notice.

    Examples
    --------
    >>> import numpy as np
    >>> to_rgb(np.array([[0, 65535]], np.uint16)).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    array = np.asarray(image)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or array.size == 0:
        raise ValueError(
            "The 'image' parameter of to_rgb must have the shape (height, width) or (height, "
            f"width, 1, 3 or 4 channels). Got {np.asarray(image).shape} instead."
        )
    if array.dtype == np.uint8:
        unit = array.astype(np.float32) / 255
    elif array.dtype == np.uint16:
        unit = array.astype(np.float32) / 65535
    elif array.dtype == np.bool_:
        unit = array.astype(np.float32)
    elif np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # also false for nan
            raise ValueError(
                "A float image must lie in [0, 1]. Got values from "
                f"{low:g} to {high:g}; divide by the largest value your camera can give."
            )
        unit = array.astype(np.float32)
    else:
        raise ValueError(
            "The 'image' parameter of to_rgb must be uint8, uint16, bool or float. "
            f"Got {array.dtype} instead."
        )
    if unit.shape[2] == 4:
        alpha = unit[..., 3:]
        unit = unit[..., :3] * alpha + (1 - alpha)
    if unit.shape[2] == 1:
        unit = np.repeat(unit, 3, axis=2)
    return np.rint(unit * 255).astype(np.uint8)


def foreground_mask(image: RGB) -> Mask:
    """Tell the pixels of the cell from a background that was set to exactly 0.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.

    Returns
    -------
    ndarray of bool, shape (height, width)
        True where any channel is above 0, as in the cut-out cells of C-NMC; all True when the
        image has no such background.

    Examples
    --------
    >>> import numpy as np
    >>> foreground_mask(np.array([[[0, 0, 0], [0, 3, 0]]], np.uint8)).tolist()
    [[False, True]]
    """
    image = check_rgb(image)
    return (image[..., 0] | image[..., 1] | image[..., 2]) > 0
