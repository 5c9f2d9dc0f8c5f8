"""The cells of an audit as one table, whether they come as images or as features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.evaluation.cell_names import cell_names, short_names
from leukfeat.features import FeatureSet

__all__ = ["DIGEST_COLUMNS", "cells_table"]

DIGEST_COLUMNS = ("id", "digest", "sha256", "md5")
"""Columns of a dataset in which a digest of each image is looked for."""


def cells_table(cells: CellDataset | FeatureSet, digests: Any = None) -> pd.DataFrame:
    """Return what is known of each cell.

    Parameters
    ----------
    cells : CellDataset or FeatureSet
        The cells.
    digests : str or array-like of shape (n_cells,), optional
        A digest of each image, or the column that holds it.

    Returns
    -------
    pandas.DataFrame
        ``digest``, ``subject``, ``group``, ``label`` (name of the class), ``fold``, ``site``:
        objects, ``None`` where not known; ``image`` (path, else digest, else row) and ``shown``
        (the same, short).

    Raises
    ------
    ValueError
        If the column of digests is not there, or their number differs.
    """
    n = len(cells)
    names = list(cells.class_names)
    label = None
    if cells.y is not None:
        named = names or [str(i) for i in range(int(cells.y.max()) + 1)]
        label = [named[i] if i >= 0 else None for i in cells.y]
    found = {
        "digest": _digests(cells, digests, n),
        "subject": cells.subjects,
        "group": cells.groups,
        "label": label,
        "fold": _column(cells, "fold"),
        "site": _column(cells, "site"),
    }
    frame = pd.DataFrame(index=range(n))
    for name, values in found.items():
        column = np.full(n, None, object)
        if values is not None:
            column[:] = values
            column[pd.isna(column) | (column == "")] = None
        frame[name] = pd.Series(column, dtype=object)
    named_cells = cell_names(cells)
    frame["image"] = pd.Series(named_cells, dtype=object)
    frame["shown"] = pd.Series(short_names(named_cells), dtype=object)
    return frame


def _column(cells: Any, name: str) -> Any:
    try:
        return cells.column(name)
    except (ValueError, KeyError):
        return None


def _digests(cells: Any, digests: Any, n: int) -> Any:
    if isinstance(digests, str):
        return cells.column(digests)
    if digests is not None:
        if len(digests) != n:
            raise ValueError(f"'digests' has {len(digests)} entries for {n} cells.")
        return digests
    if isinstance(cells, FeatureSet) and cells.ids is not None:
        return cells.ids
    for name in DIGEST_COLUMNS:
        found = _column(cells, name)
        if found is not None:
            return found
    return None
