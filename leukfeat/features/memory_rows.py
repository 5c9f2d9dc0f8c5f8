"""Rows kept in memory, where no cache was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.store.reader import Rows

__all__ = ["MemoryRows"]


class MemoryRows:
    """Takes blocks like a store's writer, and gives rows back by key.

    Parameters
    ----------
    capacity : int
        Rows at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._places: dict[bytes, int] = {}
        self._features: NDArray[np.float32] | None = None
        self._controls: NDArray[np.float32] | None = None

    def append(
        self,
        keys: Sequence[bytes],
        features: NDArray[np.float32],
        controls: NDArray[np.float32],
        versions: Mapping[str, str],
    ) -> None:
        """Keep a block."""
        if self._features is None or self._controls is None:
            # One allocation of the final size: growing would hold everything twice.
            self._features = np.empty((self._capacity, features.shape[1]), np.float32)
            self._controls = np.empty((self._capacity, controls.shape[1]), np.float32)
        start = len(self._places)
        self._features[start : start + len(keys)] = features
        self._controls[start : start + len(keys)] = controls
        self._places.update({key: start + i for i, key in enumerate(keys)})

    def take(self, keys: Sequence[bytes]) -> Rows | None:
        """Return rows in the order of the keys; ``None`` if nothing was ever kept."""
        if self._features is None or self._controls is None:
            return None
        places = np.array([self._places[key] for key in keys], int)
        if np.array_equal(places, np.arange(self._capacity)):
            features, controls = self._features, self._controls
        else:
            features, controls = self._features[places], self._controls[places]
        return Rows(features, controls, np.zeros(len(keys), bool))
