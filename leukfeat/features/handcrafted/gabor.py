"""A bank of Gabor filters within a mask."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask

__all__ = ["gabor_magnitudes"]

_REACH = 3
"""Standard deviations at which the Gaussian is cut off."""


def gabor_magnitudes(
    grey: npt.NDArray[np.uint8], inside: Mask, frequencies: tuple[float, ...], n_orientations: int
) -> npt.NDArray[np.float64]:
    """Return mean and standard deviation of the answer's magnitude, averaged over directions.

    Parameters
    ----------
    grey : ndarray of uint8, shape (height, width)
        Image.
    inside : ndarray of bool, shape (height, width)
        The cell, not empty. Outside, the image is taken to be the cell's mean grey.
    frequencies : tuple of float
        Cycles a pixel.
    n_orientations : int
        Directions over half a turn.

    Returns
    -------
    ndarray of float64, shape (2 * n_frequencies,)
        Mean and deviation of each frequency; 1 is the image's full range.

    Examples
    --------
    >>> waves = (127 + 100 * np.sin(0.4 * np.pi * np.arange(60))).astype(np.uint8)
    >>> found = gabor_magnitudes(np.tile(waves, (60, 1)), np.ones((60, 60), bool), (0.1, 0.2), 4)
    >>> bool(found[2] > 3 * found[0])
    True
    """
    values = grey.astype(np.float32) / np.float32(255)
    values = np.where(inside, values - values[inside].mean(), np.float32(0))
    found = []
    for frequency in frequencies:
        means, deviations = [], []
        for across, down in _kernels(frequency, n_orientations):
            answer = _filtered(values, across, down)[inside]
            means.append(answer.mean(dtype=np.float64))
            deviations.append(answer.std(dtype=np.float64))
        found += [np.mean(means), np.mean(deviations)]
    return np.array(found)


def _filtered(
    values: npt.NDArray[np.float32],
    across: npt.NDArray[np.complex64],
    down: npt.NDArray[np.complex64],
) -> npt.NDArray[np.float32]:
    # With a round Gaussian the complex filter is a product of one along rows and one along
    # columns; four passes with short kernels replace one with a square kernel.
    def run(x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return cv2.sepFilter2D(values, cv2.CV_32F, x, y, borderType=cv2.BORDER_CONSTANT)

    parts = [
        (np.ascontiguousarray(line.real), np.ascontiguousarray(line.imag))
        for line in (across, down)
    ]
    (a, b), (c, d) = parts
    real = run(a, c) - run(b, d)
    imaginary = run(a, d) + run(b, c)
    return cv2.magnitude(real, imaginary)


@functools.lru_cache(maxsize=64)
def _kernels(
    frequency: float, n_orientations: int
) -> tuple[tuple[npt.NDArray[np.complex64], npt.NDArray[np.complex64]], ...]:
    # One octave of bandwidth, as scikit-image's gabor_kernel has by default.
    sigma = np.sqrt(np.log(2) / 2) / np.pi * 3 / frequency
    reach = int(np.ceil(_REACH * sigma))
    place = np.arange(-reach, reach + 1)
    gauss = np.exp(-0.5 * (place / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
    angles = np.arange(n_orientations) * np.pi / n_orientations
    return tuple(
        (
            (gauss * np.exp(2j * np.pi * frequency * np.cos(angle) * place)).astype(np.complex64),
            (gauss * np.exp(2j * np.pi * frequency * np.sin(angle) * place)).astype(np.complex64),
        )
        for angle in angles
    )
