"""Augmented rows: each goes where its parent goes, and none is ever tested."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukfeat.exceptions import LeakageError

__all__ = ["PARENT", "never_tested", "origin_ids", "parent_ids", "refuse_augmented"]

PARENT = "parent_id"
"""Column that :func:`leukfeat.imaging.augment_cells` fills: the id of the pixels of a view's cell."""


def parent_ids(data: Any) -> np.ndarray | None:
    """Return the parent of each row.

    Parameters
    ----------
    data : FeatureSet or CellDataset
        Anything with ``column()``.

    Returns
    -------
    ndarray of object of shape (n_rows,) or None
        ``None`` for a row that is a cell itself; ``None`` altogether if no row is augmented.

    Examples
    --------
    >>> from leukfeat import CellDataset
    >>> from leukfeat.imaging import augment_cells
    >>> cells = CellDataset.from_arrays([np.full((8, 8, 3), 90, np.uint8)], ["a"], ["p1"])
    >>> parent_ids(cells) is None
    True
    >>> [parent is not None for parent in parent_ids(augment_cells(cells, copies=2))]
    [False, True, True]
    """
    column = getattr(data, "column", None)
    try:
        given = None if column is None else column(PARENT)
    except ValueError:
        return None
    if given is None:
        return None
    parents = np.asarray(given, object).copy()
    parents[pd.isna(parents) | (parents == "")] = None
    return parents if any(parent is not None for parent in parents) else None


def origin_ids(data: Any) -> np.ndarray | None:
    """Return the id of the cell that each row comes from: its parent's, or its own.

    Parameters
    ----------
    data : FeatureSet or CellDataset
        Anything with ``column()``, ``ids`` or ``images``. Images are read where the ids are not
        known.

    Returns
    -------
    ndarray of object of shape (n_rows,) or None
        ``None`` altogether if no row is augmented.
    """
    origins = parent_ids(data)
    if origins is None:
        return None
    ids = getattr(data, "ids", None)
    images = getattr(data, "images", None)
    for row in np.flatnonzero([parent is None for parent in origins]):
        if ids is not None:
            origins[row] = ids[row] or None
        elif images is not None:
            origins[row] = _pixel_id(images[row])
    return origins


def refuse_augmented(data: Any, what: str) -> None:
    """Raise if rows that are to be tested are augmented.

    Parameters
    ----------
    data : FeatureSet or CellDataset
    what : str
        What the message calls them.

    Raises
    ------
    LeakageError
    """
    parents = parent_ids(data)
    if parents is None:
        return
    n = sum(parent is not None for parent in parents)
    raise LeakageError(
        f"{n} of {len(parents)} rows of {what} are augmented (column {PARENT!r}): views of a cell "
        "are no cells, and a result on them is none on patients. Test on the cells themselves: "
        f"data[pandas.isna(data.column({PARENT!r}))]."
    )


def never_tested(n_views: int, n_rows: int) -> str:
    """Return what a result must say of augmented rows."""
    return f"{n_views} of {n_rows} rows are augmented: trained on beside their cell, never tested"


def _pixel_id(image: Any) -> str:
    from leukfeat.imaging import read_image
    from leukfeat.imaging.pixel_key import pixel_key

    return pixel_key(image if isinstance(image, np.ndarray) else read_image(image)).hex()
