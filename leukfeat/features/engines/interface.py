"""What extraction asks of an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Engine"]


class Engine(Protocol):
    """A loaded network with its preprocessing inside, ready for RGB ``uint8``.

    Attributes
    ----------
    n_features : int
        Length of a row.
    versions : dict of str to str
        Versions of the libraries that compute.
    """

    n_features: int
    versions: dict[str, str]

    def stream(
        self, inputs: Iterable[NDArray[np.uint8]], batch_size: int
    ) -> Iterator[NDArray[np.float32]]:
        """Compute one row for each input, in the order of the inputs.

        Parameters
        ----------
        inputs : iterable of ndarray of uint8 of shape (height, width, 3)
            RGB at the network's input size; drawn from lazily, a few batches ahead at most.
        batch_size : int
            How many may be computed together.

        Yields
        ------
        ndarray of float32 of shape (n_features,)
        """
        ...
