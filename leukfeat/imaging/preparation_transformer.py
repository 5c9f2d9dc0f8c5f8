"""A preparation as a step of a scikit-learn pipeline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin

from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.preparation import Preparation

__all__ = ["PreparationTransformer"]


class PreparationTransformer(TransformerMixin, BaseEstimator):
    """Apply a preparation to lists of images, as a step of a scikit-learn pipeline.

    There is nothing to fit: what a chain learns from images, :func:`fit_preparation` has learnt
    before. A step that is to learn in every fold is the normaliser itself,
    :class:`ReinhardNormalizer` or :class:`MacenkoNormalizer`.

    Parameters
    ----------
    preparation : Preparation
        The chain. A search may compare several: ``{"preparation": [first, second]}``.

    Examples
    --------
    >>> import numpy as np
    >>> chain = Preparation("gray_world", ("median_blur", {"size": 5}))
    >>> images = [np.full((8, 8, 3), (200, 100, 150), np.uint8)]
    >>> PreparationTransformer(chain).fit_transform(images)[0][0, 0].tolist()
    [150, 150, 150]
    """

    def __init__(self, preparation: Preparation) -> None:
        self.preparation = preparation

    def fit(self, X: Any = None, y: Any = None) -> PreparationTransformer:
        """Look at the preparation, and learn nothing.

        Parameters
        ----------
        X, y : ignored

        Returns
        -------
        PreparationTransformer

        Raises
        ------
        ValueError
            If it is no Preparation.
        """
        self._chain()
        return self

    def transform(self, X: Iterable[RGB]) -> list[RGB]:
        """Apply the preparation to each image by itself.

        Parameters
        ----------
        X : iterable of ndarray of uint8, shape (height, width, 3)
            RGB images; sizes may differ.

        Returns
        -------
        list of ndarray of uint8
        """
        chain = self._chain()
        return [chain(image) for image in X]

    def _chain(self) -> Preparation:
        if not isinstance(self.preparation, Preparation):
            raise ValueError(
                "The 'preparation' parameter of PreparationTransformer must be a Preparation. Got "
                f"{self.preparation!r} instead: Preparation('gray_world', 'clahe') makes one."
            )
        return self.preparation

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags
