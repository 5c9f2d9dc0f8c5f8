"""Reinhard's colour transfer, fitted on training images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.background import estimate_background
from leukfeat.imaging.colour_spaces import optical_density, rgb_to_lab
from leukfeat.imaging.conversion import RGB, Mask, check_rgb
from leukfeat.imaging.stain import StainNormalizer, stained_mask

__all__ = ["ReinhardNormalizer"]


class ReinhardNormalizer(StainNormalizer):
    """Give every image the mean and spread of the training images in Lab.

    Reinhard et al., *IEEE Comput. Graph. Appl.* 21 (2001), in CIE Lab. The moments are taken
    over stained pixels only (optical density above 0.15 against the image's own background):
    over the whole image they would measure how much of it is empty. It assumes the same
    mixture of nucleus, cytoplasm and red cells in each image; an image of one lymphocyte is
    pulled towards the mean of all.

    Parameters
    ----------
    match_spread : bool, default=True
        Match standard deviations as well as means.

    Attributes
    ----------
    mean_ : ndarray of shape (3,)
        Mean over training images of the mean L*, a*, b* of stained pixels.
    std_ : ndarray of shape (3,)
        The same of the standard deviation.
    n_images_ : int
        Images that had stained pixels.

    Examples
    --------
    >>> import numpy as np
    >>> dark, pale = (np.full((20, 20, 3), 230, np.uint8) for _ in range(2))
    >>> dark[5:15, 5:15] = (90, 40, 130)
    >>> pale[5:15, 5:15] = (150, 110, 180)
    >>> ReinhardNormalizer().fit([dark]).normalize(pale)[10, 10].tolist()
    [90, 40, 130]
    """

    def __init__(self, *, match_spread: bool = True) -> None:
        self.match_spread = match_spread

    def fit(self, X: Iterable[RGB], y: Any = None) -> ReinhardNormalizer:
        """Learn the target colours.

        Parameters
        ----------
        X : iterable of ndarray of uint8, shape (height, width, 3)
            Training images, and no others: this is what the digest in a feature spec stands for.
        y : ignored

        Returns
        -------
        ReinhardNormalizer

        Raises
        ------
        ValueError
            If no image has a stained pixel.
        """
        moments = [m for m in (_lab_moments(check_rgb(image)) for image in X) if m is not None]
        if not moments:
            raise ValueError("ReinhardNormalizer.fit found no stained pixel in its images.")
        self.mean_, self.std_ = np.mean(moments, axis=0)
        self.n_images_ = len(moments)
        return self

    def _normalized(self, image: RGB, inside: Mask) -> npt.NDArray[Any]:
        moments = _lab_moments(image)
        if moments is None:
            return image
        mean, std = moments
        ratio = self.std_ / np.maximum(std, 1e-3) if self.match_spread else np.ones(3)
        lab = (rgb_to_lab(image) - mean) * ratio + self.mean_
        lab[..., 0] = np.clip(lab[..., 0], 0, 100)
        return cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB) * 255


def _lab_moments(image: RGB) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
    density = optical_density(image, background=estimate_background(image))
    chosen = stained_mask(image, density)
    if not chosen.any():
        return None
    lab = rgb_to_lab(image)[chosen].astype(np.float64)
    return lab.mean(axis=0), lab.std(axis=0)
