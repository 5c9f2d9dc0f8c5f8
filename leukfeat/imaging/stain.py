"""What stain normalisers share: fit over training images, transform one by one, a digest."""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from leukfeat.imaging.conversion import RGB, Mask, check_rgb, foreground_mask

__all__ = ["StainNormalizer", "stained_mask"]

_MIN_OD = 0.15
"""Optical density from which a pixel counts as stained (Macenko et al., 2009)."""


class StainNormalizer(TransformerMixin, BaseEstimator, abc.ABC):
    """What the normalisers share: fit over images, transform image by image, a digest."""

    def transform(self, X: Iterable[RGB]) -> list[RGB]:
        """Normalise each image by itself.

        Parameters
        ----------
        X : iterable of ndarray of uint8, shape (height, width, 3)
            RGB images; sizes may differ.

        Returns
        -------
        list of ndarray of uint8
            A pixel that is exactly (0, 0, 0) stays so, and no other becomes so.
        """
        check_is_fitted(self)
        return [self.normalize(image) for image in X]

    def normalize(self, image: RGB) -> RGB:
        """Normalise one image.

        Parameters
        ----------
        image : ndarray of uint8, shape (height, width, 3)
            RGB image.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
        """
        check_is_fitted(self)
        image = check_rgb(image)
        inside = foreground_mask(image)
        if not inside.any():
            return image.copy()
        out = np.clip(np.rint(self._normalized(image, inside)), 0, 255).astype(np.uint8)
        out[inside & ~foreground_mask(out)] = 1
        out[~inside] = 0
        return out

    @abc.abstractmethod
    def _normalized(self, image: RGB, inside: Mask) -> npt.NDArray[Any]:
        """Return the image as float, shape (height, width, 3), in grey levels."""

    def get_fitted(self) -> dict[str, Any]:
        """Return what was learnt and the parameters, as plain JSON values.

        Returns
        -------
        dict
            Keys are parameter names and fitted attributes (ending in ``_``).
        """
        check_is_fitted(self)
        learnt = {
            key: value.tolist() if isinstance(value, np.ndarray) else value
            for key, value in vars(self).items()
            if key.endswith("_") and not key.startswith("_")
        }
        return {**self.get_params(), **learnt}

    @classmethod
    def from_fitted(cls, values: dict[str, Any]) -> Self:
        """Build a fitted normaliser from what :meth:`get_fitted` returned.

        Parameters
        ----------
        values : dict
            Parameters and fitted attributes.

        Returns
        -------
        normaliser

        Raises
        ------
        ValueError
            If a value is none of a normaliser's.
        """
        foreign = [key for key in values if key.startswith("_")]
        if foreign:
            raise ValueError(f"A {cls.__name__} has no values {foreign}.")
        new = cls(**{k: v for k, v in values.items() if not k.endswith("_")})
        for key, value in values.items():
            if key.endswith("_"):
                setattr(new, key, np.array(value) if isinstance(value, list) else value)
        return new

    @property
    def digest_(self) -> str:
        """SHA-256 (hex) of the class, its parameters and what was learnt."""
        text = json.dumps([type(self).__name__, self.get_fitted()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


def stained_mask(image: RGB, density: npt.NDArray[Any]) -> Mask:
    """Tell the stained pixels.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    density : ndarray of float, shape (height, width, 3)
        Its optical density against its own background.

    Returns
    -------
    ndarray of bool, shape (height, width)
        Mean density above 0.15, without pixels that are exactly (0, 0, 0).
    """
    return (density.mean(axis=2) > _MIN_OD) & foreground_mask(image)
