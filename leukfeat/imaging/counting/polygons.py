"""Cells from polygons or label images that somebody drew on a field."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd

from leukfeat.data.cell_columns import encode_labels, object_column
from leukfeat.data.dataset import CellDataset
from leukfeat.imaging.background import remove_background
from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.counting.counting import open_field
from leukfeat.imaging.counting.field_cells import CELL_TYPES, COLUMNS
from leukfeat.imaging.counting.further_columns import add_columns
from leukfeat.imaging.counting.pixel_rings import fill_rings
from leukfeat.imaging.counting.tiff_regions import ArrayRegions, TiffRegions
from leukfeat.imaging.counting.windows import check_window, crop_mask, cut_window
from leukfeat.imaging.cropping import window_corner

__all__ = ["REGION", "cells_from_masks", "cells_from_polygons"]

_ADDED = ("window_top", "window_left", "classification")

REGION = "Region*"
"""QuPath's own class of outlines that are no objects."""

_WHOLE = 0.9
"""Share of the field from which an outline is the field's own and no cell's."""

Rings = list[np.ndarray]
"""An outline and its holes, each of shape (n, 2), column and row."""


def cells_from_polygons(
    path: str | os.PathLike[str],
    field: Any,
    polygons: Sequence[Sequence[Rings]],
    names: Sequence[str | None],
    numbers: Sequence[int | None],
    *,
    through_middles: Sequence[bool],
    **settings: Any,
) -> CellDataset:
    """Build a dataset from polygons on a field.

    Parameters
    ----------
    path : path-like
        The file of the polygons, for messages.
    field : path-like or ndarray
        The field.
    polygons : sequence
        For each cell its parts, for each part the outline and its holes.
    names : sequence of str or None
        Classification of each cell.
    numbers : sequence of int or None
        Number of each cell; ``None`` gets a new one.
    through_middles : sequence of bool
        Whether the polygon goes through the middles of its outermost pixels, counted from 0, as
        older versions wrote them; else a pixel is in if its middle, half a pixel further, is.
    **settings
        As for :func:`cells_from_masks`.

    Returns
    -------
    CellDataset
    """
    with contextlib.closing(open_field(field, None)) as regions:
        kept = _without_regions(path, polygons, names, regions.shape)
        masks = [_drawn(polygons[k], through_middles[k], regions.shape) for k in kept]
        numbers = [numbers[k] for k in kept]
        following = max((number for number in numbers if number is not None), default=0)
        given: list[int] = []
        for number in numbers:
            if number is None or number in given:
                following += 1
                number = following
            given.append(number)
        return cells_from_masks(regions, masks, [names[k] for k in kept], given, **settings)


def _without_regions(
    path: str | os.PathLike[str],
    polygons: Sequence[Sequence[Rings]],
    names: Sequence[str | None],
    shape: tuple[int, int],
) -> list[int]:
    """Return which polygons are cells; people outline what is to be analysed, too."""
    field = _WHOLE * shape[0] * shape[1]
    large = [sum(_area(part[0]) for part in parts) >= field for parts in polygons]
    regions = [k for k, name in enumerate(names) if large[k] or name == REGION]
    if regions:
        listed = ", ".join(str(k + 1) for k in regions[:6]) + (", ..." if len(regions) > 6 else "")
        warnings.warn(
            f"'{path}': left out {len(regions)} objects (number {listed} in the file), which are of "
            f"QuPath's class {REGION} or cover {100 * _WHOLE:g} % of the field of {shape[0]} x "
            f"{shape[1]} pixels: outlines of a region, not of a cell.",
            UserWarning,
            stacklevel=4,
        )
    return [k for k in range(len(polygons)) if k not in regions]


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _drawn(parts: Sequence[Rings], older: bool, shape: tuple[int, int]) -> tuple[Mask, int, int]:
    """Return the mask of a polygon, and the place of its first pixel."""
    points = np.concatenate([ring for part in parts for ring in part])
    low = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
    last = np.ceil(points.max(axis=0)).astype(int) + older
    high = np.minimum(np.maximum(last, low + 1), shape[::-1])
    if (high <= low).any() or (last <= 0).any():
        raise ValueError(
            f"A polygon around {points.mean(axis=0).round().tolist()} lies outside the field "
            f"of {shape[0]}x{shape[1]} pixels: it was drawn on another image."
        )
    size = (int(high[1] - low[1]), int(high[0] - low[0]))
    drawn = _through_middles if older else fill_rings
    mask = np.zeros(size, bool)
    for part in parts:
        mask |= drawn([ring - low for ring in part], size)
    if not mask.any():  # smaller than a pixel
        column, row = np.clip(np.floor(points.mean(axis=0) - low).astype(int), 0, high - low - 1)
        mask[row, column] = True
    return mask, int(low[1]), int(low[0])


def _through_middles(part: Rings, shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, np.uint8)
    for k, ring in enumerate(part):
        cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], int(k == 0))
    return mask > 0


def cells_from_masks(
    regions: ArrayRegions | TiffRegions,
    masks: Sequence[tuple[Mask, int, int]],
    names: Sequence[str | None],
    numbers: Sequence[int],
    *,
    class_names: Sequence[str] | None = None,
    positive: str | None = None,
    side: int | None = None,
    margin: float = 0.1,
    background: str = "keep",
    um_per_px: float | None = None,
    columns: Mapping[str, Any] | None = None,
) -> CellDataset:
    """Build a dataset from masks, each with the place of its first pixel in the field.

    Parameters
    ----------
    regions : ArrayRegions or TiffRegions
        The field, from :func:`leukfeat.imaging.counting.counting.open_field`.
    masks : sequence of (ndarray of bool, int, int)
        Mask, top and left of each cell.
    names : sequence of str or None
        Classification of each cell: a class, or a type of :func:`find_cells`.
    numbers : sequence of int
        Number of each cell.
    class_names : sequence of str, optional
        The classes in order; by default the names that are no types, sorted.
    positive : str, optional
        The positive class.
    side, margin, background, um_per_px, columns
        As for :func:`find_cells`.

    Returns
    -------
    CellDataset

    Raises
    ------
    ValueError
        If a name is neither a class nor a type, or a setting is not allowed.
    """
    check_window(side, margin, background)
    remove = background == "remove"
    rows: list[dict[str, Any]] = []
    for (mask, top, left), name, number in zip(masks, names, numbers, strict=True):
        at = np.argwhere(mask)
        if not len(at):
            continue
        at = at + np.array([top, left])
        first, last = at.min(axis=0), at.max(axis=0) + 1
        window = side or max(int(np.ceil((last - first).max() * (1 + 2 * margin))), 1)
        center = (float(first[0] + last[0]) / 2, float(first[1] + last[1]) / 2)
        inside = crop_mask(mask, window, (center[0] - top, center[1] - left))
        image = cut_window(regions, window, center, fill=0 if remove else 255)
        place = window_corner(window, center)
        middle = at.mean(axis=0)
        border = (first == 0).any() or (last == regions.shape).any()
        rows.append(
            {
                "image": remove_background(image, inside) if remove else image,
                "mask": inside,
                "number": number,
                "type": name if name in CELL_TYPES else "white",
                **dict(zip(("top", "left"), first.tolist(), strict=True)),
                **dict(zip(("bottom", "right"), last.tolist(), strict=True)),
                **dict(zip(("row", "column"), middle.tolist(), strict=True)),
                "area": len(at),
                "at_border": bool(border),
                "votes": np.nan,
                "window_top": place[0],
                "window_left": place[1],
                "classification": name,
            }
        )
    regions.check_range()
    frame = pd.DataFrame(rows, columns=["image", "mask", "number", *COLUMNS, *_ADDED])
    for name in ("image", "mask"):
        frame[name] = object_column(row[name] for row in rows)
    classes: tuple[str, ...] = tuple(class_names or ())
    if len(rows):
        named = [row["classification"] for row in rows]
        labels = [None if name in CELL_TYPES and name not in classes else name for name in named]
        if class_names is not None or any(labels):
            frame["label"], classes = encode_labels(pd.Series(labels, dtype=object), class_names)
    if regions.path is not None:
        frame["field"] = regions.path
    add_columns(frame, um_per_px, columns or {})
    return CellDataset(frame, class_names=classes, positive=positive, name="cells of a field")
