"""Colour spaces: HSI both ways, CIE Lab and optical density."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import RGB, check_rgb

__all__ = ["hsi_to_rgb", "optical_density", "rgb_to_hsi", "rgb_to_lab"]

Float32 = npt.NDArray[np.float32]


def rgb_to_hsi(image: RGB) -> Float32:
    """Convert RGB to hue, saturation and intensity.

    Intensity is the mean of the channels, saturation ``1 - min / intensity``, hue the angle on
    the colour circle (red 0, green 1/3, blue 2/3), after Gonzalez & Woods, *Digital Image
    Processing*, section 6.2 (here through ``atan2``, which needs no case for ``B > G`` and is
    exact near the axis, where the book's ``acos`` is not).

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        Hue in [0, 1) as a fraction of the circle, 0 for greys; saturation and intensity in
        [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> rgb_to_hsi(np.array([[[0, 255, 0], [128, 128, 128]]], np.uint8)).round(3).tolist()
    [[[0.333..., 1.0, 0.333...], [0.0, 0.0, 0.501...]]]
    """
    rgb = check_rgb(image).astype(np.float32) / np.float32(255)
    red, green, blue = cv2.split(rgb)
    total = red + green + blue
    lowest = np.minimum(np.minimum(red, green), blue)
    # With ratios rather than differences a grey is exactly grey: no hue from rounding.
    across = np.float32(np.sqrt(3)) * (green - blue)
    along = 2 * red - green - blue
    hue = np.arctan2(across, along) / np.float32(2 * np.pi)
    hue = np.where(hue < 0, hue + 1, hue)
    hue[hue >= 1] = 0
    grey = (red == green) & (green == blue)
    hue[grey] = 0
    saturation = 1 - 3 * lowest / np.where(total > 0, total, 1)
    saturation[grey] = 0
    return cv2.merge([hue.astype(np.float32), saturation, total / 3])


def hsi_to_rgb(hsi: npt.NDArray[Any]) -> RGB:
    """Convert hue, saturation and intensity back to RGB.

    The three sectors of Gonzalez & Woods, section 6.2. It undoes :func:`rgb_to_hsi` exactly.

    Parameters
    ----------
    hsi : ndarray of float, shape (height, width, 3)
        Hue as a fraction of the circle (any real, taken modulo 1), saturation and intensity in
        [0, 1].

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB image. A colour outside the cube (bright and saturated) is clipped to it.

    Raises
    ------
    ValueError
        If the array is not of float with three channels.

    Examples
    --------
    >>> import numpy as np
    >>> pixels = np.array([[[200, 30, 90], [12, 12, 12]]], np.uint8)
    >>> hsi_to_rgb(rgb_to_hsi(pixels)).tolist()
    [[[200, 30, 90], [12, 12, 12]]]
    """
    array = np.asarray(hsi)
    if not np.issubdtype(array.dtype, np.floating) or array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(
            "The 'hsi' parameter must be a float array of shape (height, width, 3). Got "
            f"{array.dtype} of shape {array.shape} instead."
        )
    array = array.astype(np.float64)
    angle = (array[..., 0] % 1.0) * 2 * np.pi
    saturation, intensity = array[..., 1], array[..., 2]
    third = 2 * np.pi / 3
    sector = np.minimum((angle // third).astype(np.intp), 2)
    within = angle - sector * third
    low = intensity * (1 - saturation)
    high = intensity * (1 + saturation * np.cos(within) / np.cos(np.pi / 3 - within))
    rest = 3 * intensity - low - high
    # Sector 0 (red to green): B is lowest, R is given by the angle, G is what remains; the
    # other two sectors are the same with the channels turned by one.
    channels = np.stack([high, rest, low])
    order = np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0]])
    picked = np.take_along_axis(channels, np.moveaxis(order[sector], -1, 0), axis=0)
    return np.rint(np.clip(np.moveaxis(picked, 0, -1), 0, 1) * 255).astype(np.uint8)


def rgb_to_lab(image: RGB) -> Float32:
    """Convert sRGB to CIE L*a*b* (D65).

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        L* in [0, 100]; a* and b* about in [-128, 127].

    Examples
    --------
    >>> import numpy as np
    >>> rgb_to_lab(np.array([[[255, 255, 255]]], np.uint8)).round(1).tolist()
    [[[100.0, ...0.0, ...0.0]]]
    """
    return cv2.cvtColor(check_rgb(image).astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB)


def optical_density(image: RGB, *, background: npt.ArrayLike = 255) -> Float32:
    """Convert intensity to absorbance, which adds up where stains overlap (Beer-Lambert).

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    background : float or sequence of 3 floats, default=255
        Intensity of light that passed through no cell, a channel.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        ``-ln((value + 1) / (background + 1))``, negative where brighter than the background.

    Raises
    ------
    ValueError
        If `background` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> optical_density(np.array([[[127, 63, 0]]], np.uint8)).round(3).tolist()
    [[[0.693..., 1.386..., 5.545...]]]
    """
    white = np.asarray(background, np.float64)
    if (white < 0).any() or not np.isfinite(white).all():
        raise ValueError(f"'background' must be intensities of at least 0. Got {background!r}.")
    white = np.broadcast_to(white, (3,))
    # Only 256 values a channel exist: three look-ups instead of a logarithm a pixel.
    levels = -np.log((np.arange(256)[:, None] + 1) / (white + 1))
    image = check_rgb(image)
    table = levels.astype(np.float32)
    return cv2.merge([table[image[..., channel], channel] for channel in range(3)])
