"""Cells from polygons or label images that somebody drew on a field."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd

from leukfeat.data.cell_columns import encode_labels, object_column
from leukfeat.data.dataset import CellDataset
from leukfeat.imaging.conversion import RGB, Mask, to_rgb
from leukfeat.imaging.counting.field_cells import CELL_TYPES, COLUMNS
from leukfeat.imaging.counting.pixel_rings import fill_rings
from leukfeat.imaging.cropping import crop_window
from leukfeat.imaging.reading import read_image

__all__ = ["cells_from_masks", "cells_from_polygons"]

_ADDED = ("window_top", "window_left", "classification")

Rings = list[np.ndarray]
"""An outline and its holes, each of shape (n, 2), column and row."""


def cells_from_polygons(
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
    image = read_image(field) if isinstance(field, (str, os.PathLike)) else to_rgb(field)
    masks = []
    for parts, older in zip(polygons, through_middles, strict=True):
        points = np.concatenate([ring for part in parts for ring in part])
        low = np.maximum(np.floor(points.min(axis=0)).astype(int), 0)
        last = np.ceil(points.max(axis=0)).astype(int) + older
        high = np.minimum(np.maximum(last, low + 1), image.shape[1::-1])
        if (high <= low).any() or (last <= 0).any():
            raise ValueError(
                f"A polygon around {points.mean(axis=0).round().tolist()} lies outside the field "
                f"of {image.shape[0]}x{image.shape[1]} pixels: it was drawn on another image."
            )
        size = (int(high[1] - low[1]), int(high[0] - low[0]))
        drawn = _through_middles if older else fill_rings
        mask = np.zeros(size, bool)
        for part in parts:
            mask |= drawn([ring - low for ring in part], size)
        if not mask.any():  # smaller than a pixel
            column, row = np.clip(
                np.floor(points.mean(axis=0) - low).astype(int), 0, high - low - 1
            )
            mask[row, column] = True
        masks.append((mask, int(low[1]), int(low[0])))
    taken = {number for number in numbers if number is not None}
    following = max(taken, default=0)
    given = []
    for number in numbers:
        if number is None or number in given:
            following += 1
            number = following
        given.append(number)
    path = os.fspath(field) if isinstance(field, (str, os.PathLike)) else None
    return cells_from_masks(image, masks, names, given, path=path, **settings)


def _through_middles(part: Rings, shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, np.uint8)
    for k, ring in enumerate(part):
        cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], int(k == 0))
    return mask > 0


def cells_from_masks(
    image: RGB,
    masks: Sequence[tuple[Mask, int, int]],
    names: Sequence[str | None],
    numbers: Sequence[int],
    *,
    path: str | None = None,
    class_names: Sequence[str] | None = None,
    positive: str | None = None,
    side: int | None = None,
    margin: float = 0.1,
) -> CellDataset:
    """Build a dataset from masks, each with the place of its first pixel in the field.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The field.
    masks : sequence of (ndarray of bool, int, int)
        Mask, top and left of each cell.
    names : sequence of str or None
        Classification of each cell: a class, or a type of :func:`find_cells`.
    numbers : sequence of int
        Number of each cell.
    path : str, optional
        Where the field was read.
    class_names : sequence of str, optional
        The classes in order; by default the names that are no types, sorted.
    positive : str, optional
        The positive class.
    side, margin
        As for :func:`find_cells`.

    Returns
    -------
    CellDataset

    Raises
    ------
    ValueError
        If a name is neither a class nor a type.
    """
    rows: list[dict[str, Any]] = []
    for (mask, top, left), name, number in zip(masks, names, numbers, strict=True):
        at = np.argwhere(mask)
        if not len(at):
            continue
        at = at + np.array([top, left])
        first, last = at.min(axis=0), at.max(axis=0) + 1
        window = side or max(int(np.ceil((last - first).max() * (1 + 2 * margin))), 1)
        center = tuple(((first + last) / 2).tolist())
        shown = np.zeros((*mask.shape, 3), np.uint8)
        shown[mask] = 1
        inner = (center[0] - top, center[1] - left)
        place = [int(np.floor(value - window / 2 + 0.5)) for value in center]
        middle = at.mean(axis=0)
        border = (first == 0).any() or (last == image.shape[:2]).any()
        rows.append(
            {
                "image": crop_window(image, side=window, center=center, fill=255),
                "mask": crop_window(shown, side=window, center=inner)[..., 0] > 0,
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
    frame = pd.DataFrame(rows, columns=["image", "mask", "number", *COLUMNS, *_ADDED])
    for name in ("image", "mask"):
        frame[name] = object_column(row[name] for row in rows)
    classes: tuple[str, ...] = tuple(class_names or ())
    if len(rows):
        named = [row["classification"] for row in rows]
        labels = [None if name in CELL_TYPES and name not in classes else name for name in named]
        if class_names is not None or any(labels):
            frame["label"], classes = encode_labels(pd.Series(labels, dtype=object), class_names)
    if path is not None:
        frame["field"] = path
    return CellDataset(frame, class_names=classes, positive=positive, name="cells of a field")
