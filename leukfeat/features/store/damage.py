"""Reading what can still be read of a damaged dataset."""

from __future__ import annotations

import itertools

import h5py
import numpy as np
from numpy.typing import NDArray

__all__ = ["read_what_is_left"]


def read_what_is_left(
    dataset: h5py.Dataset, start: int, stop: int
) -> tuple[NDArray, NDArray[np.bool_]]:
    """Read a stretch of a dataset; where HDF5 cannot, chunk by chunk.

    Parameters
    ----------
    dataset : h5py.Dataset
        Chunked.
    start, stop : int
        First entry, and one past the last; the dataset may end before.

    Returns
    -------
    values : ndarray of shape (stop - start, ...)
        Zeros where nothing could be read.
    lost : ndarray of bool of shape (stop - start,)
        Which entries these are.
    """
    lost = np.zeros(stop - start, bool)
    end = min(stop, len(dataset))
    if end == stop:
        try:
            return dataset[start:stop], lost
        except OSError:
            pass
    values = np.zeros((stop - start, *dataset.shape[1:]), dataset.dtype)
    lost[max(0, end - start) :] = True
    if end <= start:
        return values, lost
    step = dataset.chunks[0]
    edges = [start, *range((start // step + 1) * step, end, step), end]
    for low, high in itertools.pairwise(edges):
        try:
            values[low - start : high - start] = dataset[low:high]
        except OSError:
            lost[low - start : high - start] = True
    return values, lost
