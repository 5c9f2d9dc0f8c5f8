"""Random fields: the texture of chromatin, stain and mask edges."""

from __future__ import annotations

import cv2
import numpy as np

from .patch import Patch

__all__ = ["chromatin", "smooth_noise"]

_NORMALISE = 1.27
"""Undoes the loss of variance between the points of a cubic interpolation."""


def smooth_noise(rng: np.random.Generator, patch: Patch, grain_um: float) -> np.ndarray:
    """Draw a random field whose blobs have a given size.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the field.
    patch : Patch
        The raster.
    grain_um : float
        Size of the blobs (µm).

    Returns
    -------
    ndarray of float32, shape (side, side)
        Mean 0, standard deviation about 1.
    """
    # A lattice of independent values a grain apart, turned by a random angle so that its rows
    # do not show. Its size depends on µm, not on pixels: a coarser picture has the same blobs.
    n = int(np.ceil(1.45 * patch.extent_um / grain_um)) + 4
    lattice = rng.standard_normal((n, n), dtype=np.float32)
    angle = rng.random() * 2 * np.pi
    step = 1 / (patch.px_per_um * grain_um)
    cos, sin = step * np.cos(angle), step * np.sin(angle)
    middle_in, middle_out = (n - 1) / 2, (patch.side - 1) / 2
    matrix = np.array(
        [
            [cos, -sin, middle_in - (cos - sin) * middle_out],
            [sin, cos, middle_in - (sin + cos) * middle_out],
        ]
    )
    field = cv2.warpAffine(
        lattice, matrix, (patch.side, patch.side), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    )
    return field * np.float32(_NORMALISE)


def chromatin(
    rng: np.random.Generator, patch: Patch, *, grain_um: float, clumping: float
) -> np.ndarray:
    """Draw the pattern of the chromatin.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the pattern.
    patch : Patch
        The raster.
    grain_um : float
        Size of the finest grain (µm).
    clumping : float
        Part of the contrast in clumps with sharp borders, between 0 and 1.

    Returns
    -------
    ndarray of float32, shape (side, side)
        Positive where the chromatin is dense; standard deviation about 1.
    """
    fine = smooth_noise(rng, patch, grain_um)
    middle = smooth_noise(rng, patch, 1.9 * grain_um)
    clumps = smooth_noise(rng, patch, 2.6 * grain_um)
    clumps = np.tanh(np.float32(2.4) * (clumps + np.float32(0.3) * middle))
    # Interchromatin is pale in small spots and dense in broad areas: a skewed field.
    loose = np.float32(0.72) * fine + np.float32(0.55) * middle
    loose -= np.float32(0.22) * (loose * loose - 1)
    return np.float32(1 - clumping) * loose + np.float32(1.25 * clumping) * clumps
