"""Colour of a cell: moments and percentiles in RGB, HSI and Lab."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukfeat.features.handcrafted.pixels import as_rgb, box_of, mask_for
from leukfeat.imaging.colour_spaces import rgb_to_hsi, rgb_to_lab
from leukfeat.imaging.conversion import RGB, Mask

__all__ = ["COLOUR_COLUMNS", "colour_features", "measure_colour"]

_CHANNELS = (
    "red", "green", "blue", "hue", "saturation", "intensity", "lightness", "a_star", "b_star",
)  # fmt: skip
_PERCENTILES = (10, 25, 50, 75, 90)
_STATISTICS = ("mean", "std", "skew", "kurtosis", *(f"p{q}" for q in _PERCENTILES))

COLOUR_COLUMNS = tuple(f"{channel}_{what}" for channel in _CHANNELS for what in _STATISTICS)
"""Names of what :func:`colour_features` measures."""

_ONE_COLOUR = 1e-6
"""A deviation below this part of a channel's range is rounding: skew and kurtosis are 0."""

_RANGES = np.array([255, 255, 255, 1, 1, 1, 100, 255, 255])


def colour_features(image: Any, mask: npt.ArrayLike | None = None) -> pd.Series:
    """Measure the colours of a cell.

    Parameters
    ----------
    image : ndarray
        Grey, RGB or RGBA; ``uint8``, ``uint16``, or float in [0, 1].
    mask : array_like of bool, shape (height, width), optional
        The cell; default: the whole image.

    Returns
    -------
    pandas.Series of float32
        ``{channel}_{statistic}``. Channels: red, green, blue (0 to 255); hue (fraction of the
        circle), saturation, intensity (0 to 1; Gonzalez & Woods); lightness (0 to 100), a_star,
        b_star (CIE Lab, D65). Statistics: mean, std, skew (third standardised moment), kurtosis
        (fourth, less 3), p10 to p90 (percentiles). The hue is a circle: its mean is the
        direction of the mean vector (Mardia 1972), and the rest is measured in turns around it,
        so that reds on both sides of 0 lie together. Never NaN: all 0 for an empty mask; skew
        and kurtosis of one colour are 0.

    Raises
    ------
    ValueError
        If image or mask are of another shape or kind.

    Examples
    --------
    >>> image = np.full((4, 4, 3), (200, 30, 30), np.uint8)
    >>> colour = colour_features(image)
    >>> float(colour["red_mean"]), float(colour["red_std"]), float(colour["hue_p50"])
    (200.0, 0.0, 0.0)
    """
    rgb = as_rgb(image)
    values = measure_colour(rgb, mask_for(rgb, mask))
    return pd.Series(values, index=list(COLOUR_COLUMNS), name="colour")


def measure_colour(image: RGB, mask: Mask) -> npt.NDArray[np.float32]:
    """Return the values of :func:`colour_features`, without names.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    mask : ndarray of bool, shape (height, width)
        The cell.

    Returns
    -------
    ndarray of float32, shape (81,)
        In the order of `COLOUR_COLUMNS`.
    """
    if not mask.any():
        return np.zeros(len(COLOUR_COLUMNS), np.float32)
    box = box_of(mask)
    pixels = np.ascontiguousarray(image[box][mask[box]])[np.newaxis]
    values = np.concatenate([pixels, rgb_to_hsi(pixels), rgb_to_lab(pixels)], axis=2)[0]
    values = np.ascontiguousarray(values.T, dtype=np.float32)
    values[3] = _unrolled(values[3])
    mean = values.mean(axis=1, dtype=np.float64)
    about = values - mean[:, np.newaxis].astype(np.float32)
    squares = about * about
    variance = squares.mean(axis=1, dtype=np.float64)
    deviation = np.sqrt(variance)
    varied = deviation > _ONE_COLOUR * _RANGES
    safe = np.where(varied, deviation, 1)
    third = (squares * about).mean(axis=1, dtype=np.float64)
    fourth = (squares * squares).mean(axis=1, dtype=np.float64)
    skew = np.where(varied, third / safe**3, 0)
    kurtosis = np.where(varied, fourth / safe**4 - 3, 0)
    mean[3] %= 1
    percentiles = np.percentile(values, _PERCENTILES, axis=1)
    found = np.stack([mean, np.where(varied, deviation, 0), skew, kurtosis, *percentiles], axis=1)
    return found.ravel().astype(np.float32)


def _unrolled(hue: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cut the circle of hues open opposite to its mean."""
    angle = hue * np.float32(2 * np.pi)
    east, north = np.cos(angle).mean(dtype=np.float64), np.sin(angle).mean(dtype=np.float64)
    # Hues in every direction alike have no mean: they are left as they are.
    middle = np.arctan2(north, east) / (2 * np.pi) % 1 if np.hypot(east, north) > 1e-6 else 0.5
    return (hue - np.round(hue - np.float32(middle))).astype(np.float32)
