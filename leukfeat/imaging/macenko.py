"""Macenko's separation of two dyes, adapted to Romanowsky stains."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from leukfeat.imaging.background import estimate_background
from leukfeat.imaging.colour_spaces import optical_density
from leukfeat.imaging.conversion import RGB, Mask
from leukfeat.imaging.stain import StainNormalizer, stained_mask

__all__ = ["MacenkoNormalizer"]


class MacenkoNormalizer(StainNormalizer):
    """Separate azure from eosin and give both the strength and colour of the training images.

    Macenko et al., *ISBI* 2009, made for haematoxylin and eosin, adapted here to Romanowsky
    stains (Wright, Giemsa, May-Gruenwald): the two directions of optical density are *azure B*
    (nuclei, basophilic cytoplasm: absorbs red and green) and *eosin Y with haemoglobin*
    (granules, red cells: absorbs green and blue). It assumes that optical densities add up
    (Beer-Lambert, no saturated pixel), that two directions suffice (the purple
    Romanowsky-Giemsa complex and haemoglobin make this approximate), that both are in view,
    and that the brightest mode of the image is its background. A crop of one lymphocyte holds
    hardly any eosin: where an image's own two directions are closer than `min_angle`, the
    training images' directions are used, so that only the strength changes.

    Parameters
    ----------
    percentile : float, default=1.0
        Percentile of the angle in the plane of the two dyes taken as a direction; the
        strength is the 99th percentile.
    min_angle : float, default=15.0
        Degrees.

    Attributes
    ----------
    directions_ : ndarray of shape (2, 3)
        Unit vectors of optical density (red, green, blue): azure, eosin.
    strengths_ : ndarray of shape (2,)
        99th percentile of each dye's amount.
    background_ : ndarray of shape (3,)
        Median colour of the backgrounds.
    n_images_ : int
        Images that had stained pixels.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> amounts = rng.uniform(0, 1, (24, 24, 2))
    >>> dyes = np.array([[0.6, 0.7, 0.3], [0.1, 0.7, 0.6]])
    >>> field = np.rint(240 * np.exp(-amounts @ dyes)).astype(np.uint8)
    >>> MacenkoNormalizer().fit([field]).normalize(field).shape
    (24, 24, 3)
    """

    def __init__(self, *, percentile: float = 1.0, min_angle: float = 15.0) -> None:
        self.percentile = percentile
        self.min_angle = min_angle

    def fit(self, X: Iterable[RGB], y: Any = None) -> MacenkoNormalizer:
        """Learn directions, strengths and background.

        Parameters
        ----------
        X : iterable of ndarray of uint8, shape (height, width, 3)
            Training images, and no others.
        y : ignored

        Returns
        -------
        MacenkoNormalizer

        Raises
        ------
        ValueError
            If no image has a stained pixel, or the stained pixels have one colour only.
        """
        if not 0 < self.percentile < 50:
            raise ValueError(f"'percentile' must lie in (0, 50). Got {self.percentile!r} instead.")
        densities, backgrounds = [], []
        for image in X:
            background = estimate_background(image)
            stained = _stained(optical_density(image, background=background), image)
            if len(stained):
                backgrounds.append(background)
                # The same number of pixels of each image, or a large image would decide alone.
                densities.append(stained[np.linspace(0, len(stained) - 1, 2000).astype(int)])
        if not densities:
            raise ValueError("MacenkoNormalizer.fit found no stained pixel in its images.")
        directions = _stain_directions(np.concatenate(densities), self.percentile)
        if directions is None:
            raise ValueError(
                "MacenkoNormalizer.fit found one colour only; it needs images with nuclei and "
                "with eosinophilic material (red cells, granules)."
            )
        self.directions_ = directions
        self.background_ = np.median(backgrounds, axis=0)
        strengths = [_strengths(density, directions) for density in densities]
        self.strengths_ = np.median(strengths, axis=0)
        self.n_images_ = len(densities)
        return self

    def _normalized(self, image: RGB, inside: Mask) -> npt.NDArray[Any]:
        density = optical_density(image, background=estimate_background(image))
        stained = _stained(density, image)
        if len(stained) < 10:
            return image
        own = _stain_directions(stained, self.percentile)
        if own is None or _angle(*own) < self.min_angle:
            own = self.directions_
        scale = self.strengths_ / np.maximum(_strengths(stained, own), 1e-3)
        # A dye that is hardly there has no strength to measure; its traces are not blown up.
        change = np.linalg.pinv(own) @ np.diag(np.clip(scale, 0.25, 4)) @ self.directions_
        return (self.background_ + 1) * np.exp(-(density @ change)) - 1


def _stained(density: npt.NDArray[Any], image: RGB) -> npt.NDArray[np.float64]:
    return density[stained_mask(image, density)].astype(np.float64)


def _stain_directions(
    density: npt.NDArray[np.float64], percentile: float
) -> npt.NDArray[np.float64] | None:
    values, vectors = np.linalg.eigh(density.T @ density)
    if values[1] < 1e-6 * values[2]:
        return None
    plane = vectors[:, [2, 1]]
    plane = plane * np.where(plane.sum(axis=0) < 0, -1, 1)
    along = density @ plane
    angles = np.arctan2(along[:, 1], along[:, 0])
    low, high = np.percentile(angles, [percentile, 100 - percentile])
    ends = np.stack([plane @ (np.cos(a), np.sin(a)) for a in (low, high)])
    ends = np.clip(ends, 0, None)
    ends /= np.linalg.norm(ends, axis=1, keepdims=True)
    # Azure absorbs more red, eosin and haemoglobin more blue.
    return ends[np.argsort(ends[:, 2] - ends[:, 0])]


def _strengths(
    density: npt.NDArray[np.float64], directions: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.percentile(density @ np.linalg.pinv(directions), 99, axis=0)


def _angle(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(np.clip(first @ second, -1, 1))))
