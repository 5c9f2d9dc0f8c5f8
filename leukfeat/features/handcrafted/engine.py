"""What computes hand-crafted rows: joblib over images, a bounded number at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from importlib.metadata import version

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray

from leukfeat.features.handcrafted.measuring import columns_of, measure_cell
from leukfeat.features.handcrafted.spec import HandcraftedSpec

__all__ = ["HandcraftedEngine"]


class HandcraftedEngine:
    """Measures images in several processes; see :class:`leukfeat.features.engines.Engine`.

    Parameters
    ----------
    spec : HandcraftedSpec
        The feature space.
    n_jobs : int or None
        As joblib takes it.
    """

    def __init__(self, spec: HandcraftedSpec, n_jobs: int | None = None) -> None:
        self._spec = spec
        self._n_jobs = n_jobs
        self.n_features = len(columns_of(spec))
        self.versions = {"scikit-image": version("scikit-image"), "opencv": cv2.__version__}

    def stream(
        self, inputs: Iterable[NDArray[np.uint8]], batch_size: int
    ) -> Iterator[NDArray[np.float32]]:
        """Measure images in their order, `batch_size` of them in memory.

        Parameters
        ----------
        inputs : iterable of ndarray of uint8 of shape (height, width, 3)
            RGB.
        batch_size : int
            How many are handed to the workers together.

        Yields
        ------
        ndarray of float32 of shape (n_features,)
        """
        source = iter(inputs)
        with joblib.Parallel(n_jobs=self._n_jobs) as workers:
            # The images are drawn here, in the caller's thread: an unreadable one raises where
            # the call was made.
            while batch := list(itertools.islice(source, batch_size)):
                yield from workers(joblib.delayed(measure_cell)(one, self._spec) for one in batch)
