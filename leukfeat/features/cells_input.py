"""What may be given to extract_features, as a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from leukfeat.data.dataset import CellDataset

__all__ = ["as_dataset"]


def as_dataset(cells: Any) -> CellDataset:
    """Return cells as a dataset.

    Parameters
    ----------
    cells : CellDataset, or list of paths or RGB uint8 arrays, or array (n, height, width, 3)

    Returns
    -------
    CellDataset

    Raises
    ------
    ValueError
        If an image is neither a path nor RGB ``uint8``.
    TypeError
        If `cells` is a single path, or nothing that holds images.

    Examples
    --------
    >>> len(as_dataset(np.zeros((2, 4, 4, 3), np.uint8)))
    2
    """
    if isinstance(cells, CellDataset):
        return cells
    if isinstance(cells, (str, os.PathLike)):
        raise TypeError(
            f"'cells' must be a dataset, a list of paths or RGB uint8 arrays. Got the single path "
            f"{os.fspath(cells)!r}; for a folder use load_folder(), for one image a list."
        )
    if isinstance(cells, np.ndarray) and cells.dtype != object and cells.ndim != 4:
        raise ValueError(
            "An array of images must be RGB uint8 of shape (n, height, width, 3). "
            f"Got {cells.dtype} of shape {cells.shape} instead."
        )
    if not isinstance(cells, Iterable):
        raise TypeError(
            "'cells' must be a dataset, a list of paths or RGB uint8 arrays. "
            f"Got {type(cells).__name__} instead."
        )
    return CellDataset.from_arrays(cells)
