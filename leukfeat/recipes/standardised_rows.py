"""Rows of images standardised as a batch: each image measured once for each standardisation."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from leukfeat.cnn import CellImages
from leukfeat.features import FeatureSet
from leukfeat.recipes.standardising import ChannelMoments, measure_standardised
from leukfeat.recipes.steps import HandcraftedStep

__all__ = ["StandardisedRows"]


class StandardisedRows:
    """Measured rows of a batch, by the moments that it is standardised with.

    Folds whose training cells have the same moments in whole grey levels share their rows, and so
    do heads and ways of splitting. A row depends on its image and on the moments alone, so sharing
    it tells a fold nothing of its test cells.

    Parameters
    ----------
    images : CellImages
        The whole batch.
    step : HandcraftedStep
        What to measure.
    cache : path-like, optional
        Folder of the feature stores. Rows are kept there under the digest of the standardised
        pixels, so that another run measures nothing again.
    n_jobs : int, optional
        Images measured at the same time.
    """

    def __init__(
        self,
        images: CellImages,
        step: HandcraftedStep,
        *,
        cache: str | os.PathLike[str] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.images = images
        self.step = step
        self.cache = cache
        self.n_jobs = n_jobs
        self._held: dict[bytes, _Held] = {}

    def take(self, moments: ChannelMoments, rows: NDArray[np.intp]) -> FeatureSet:
        """Return rows as they are under a standardisation.

        Parameters
        ----------
        moments : ChannelMoments
            Taken in whole grey levels.
        rows : ndarray of int
            Places in the batch.

        Returns
        -------
        FeatureSet
            As of :func:`measure_standardised`.
        """
        moments = moments.whole()
        held = self._held.setdefault(np.concatenate(moments).tobytes(), _Held(len(self.images)))
        missing = np.unique(rows[~held.known[rows]])
        if len(missing):
            held.keep(
                missing,
                measure_standardised(
                    self.images[missing], moments, self.step, cache=self.cache, n_jobs=self.n_jobs
                ),
            )
        asked = self.images[rows]
        return FeatureSet(
            held.X[rows],
            asked.y,
            subjects=asked.subjects,
            groups=asked.groups,
            ids=asked.ids,
            controls=asked.controls,
            class_names=asked.class_names,
            positive=asked.positive,
            columns=asked.columns,
            name=asked.name,
            feature_names=held.names,
        )


class _Held:
    def __init__(self, n_rows: int) -> None:
        self.known = np.zeros(n_rows, bool)
        self.X = np.zeros((n_rows, 0), np.float32)
        self.names: tuple[str, ...] | None = None

    def keep(self, rows: NDArray[np.intp], found: FeatureSet) -> None:
        if self.names is None:
            self.names = found.feature_names
            self.X = np.zeros((len(self.known), found.shape[1]), np.float32)
        self.X[rows] = found.X
        self.known[rows] = True
