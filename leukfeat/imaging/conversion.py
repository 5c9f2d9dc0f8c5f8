"""What counts as an image here, and how other images become one: RGB ``uint8``."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["check_rgb", "foreground_mask", "to_rgb"]

RGB = npt.NDArray[np.uint8]
"""An image: RGB, ``uint8``, shape ``(height, width, 3)``."""

Mask = npt.NDArray[np.bool_]
"""A mask: ``bool``, shape ``(height, width)``."""


def check_rgb(image: Any, *, name: str = "image") -> RGB:
    """Return `image` if it is RGB ``uint8``, else say what it is and how to convert it.

    Parameters
    ----------
    image : ndarray
        Any array.
    name : str, default="image"
        Name of the parameter, for the message.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        The same array, not a copy.

    Raises
    ------
    ValueError
        If the array is grey, has an alpha channel, is not ``uint8``, or has no pixel.

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
    return array


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
