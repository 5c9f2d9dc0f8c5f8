"""What tables and messages call a cell: the path of its image, not its row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.features import FeatureSet

__all__ = ["cell_names", "cell_paths", "short_names"]

_DIGEST, _SHOWN = 64, 12


def cell_paths(cells: CellDataset | FeatureSet) -> np.ndarray | None:
    """Return the path of each cell's image.

    Parameters
    ----------
    cells : CellDataset or FeatureSet
        The cells.

    Returns
    -------
    ndarray of object of shape (n_cells,) or None
        ``None`` for a cell whose image is an array; ``None`` altogether if no path is known.
    """
    if isinstance(cells, CellDataset):
        given: Any = [one if isinstance(one, str) else None for one in cells.images]
    elif cells.columns is not None and "path" in cells.columns:
        given = cells.columns["path"]
    else:
        return None
    paths = np.full(len(cells), None, object)
    paths[:] = list(given)
    paths[pd.isna(paths)] = None
    return None if all(path is None for path in paths) else paths


def cell_names(cells: CellDataset | FeatureSet) -> np.ndarray:
    """Return what each cell is called: its path, else the digest of its pixels, else its row.

    Parameters
    ----------
    cells : CellDataset or FeatureSet
        The cells.

    Returns
    -------
    ndarray of object of shape (n_cells,)

    Examples
    --------
    >>> cell_names(FeatureSet([[0.0], [1.0]], ids=["f0", ""])).tolist()
    ['f0', 'row 1']
    """
    names = np.array([f"row {i}" for i in range(len(cells))], object)
    ids = getattr(cells, "ids", None)
    for known in (ids, cell_paths(cells)):
        if known is not None:
            told = np.array([not pd.isna(one) and one != "" for one in known], bool)
            names[told] = known[told]
    return names


def short_names(names: Iterable[Any]) -> list[str]:
    """Shorten names for reading: without the folder that all share, digests cut.

    Parameters
    ----------
    names : iterable of str
        From :func:`cell_names`.

    Returns
    -------
    list of str
        Text that can be written as UTF-8: a file name need not be.

    Examples
    --------
    >>> short_names(["/data/fold_0/all/a.bmp", "/data/fold_1/hem/b.bmp"])
    ['fold_0/all/a.bmp', 'fold_1/hem/b.bmp']
    """
    given = [str(name) for name in names]
    folder = _common_folder([name for name in given if os.sep in name])
    found = []
    for name in given:
        if folder and name.startswith(folder):
            name = name[len(folder) :]
        elif len(name) == _DIGEST and os.sep not in name and "." not in name:
            name = name[:_SHOWN]
        found.append(name.encode("utf-8", "backslashreplace").decode())
    return found


def _common_folder(paths: Sequence[str]) -> str:
    if not paths or len({os.path.isabs(path) for path in paths}) > 1:
        return ""
    try:
        folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # two drives
        return ""
    return os.path.join(folder, "") if folder else ""
