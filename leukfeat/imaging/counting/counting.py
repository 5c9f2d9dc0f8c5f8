"""count_cells and find_cells: the cells of a whole smear field."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.cell_columns import object_column
from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.background import remove_background
from leukfeat.imaging.counting.counts import CellCounts
from leukfeat.imaging.counting.field_cells import CELL_TYPES, COLUMNS, measure_scale
from leukfeat.imaging.counting.further_columns import add_columns
from leukfeat.imaging.counting.tiff_regions import ArrayRegions, TiffRegions
from leukfeat.imaging.counting.tiles import TileCells, look_over_tiles, scale_of_tiles
from leukfeat.imaging.counting.windows import check_window, crop_mask, cut_window
from leukfeat.imaging.cropping import window_corner
from leukfeat.imaging.reading import read_image

__all__ = ["count_cells", "find_cells", "open_field"]

_LARGEST_WHOLE = 4096
"""Longest side in pixels of a field that is looked over at once if `tile` is not given."""

_TILE = 2048


def count_cells(field: Any, *, tile: int | None = None, visible: float = 0.5) -> CellCounts:
    """Count the white cells, red cells and platelets of a smear field.

    Nothing needs to be known of the scale: the size of the red cells is measured in the field,
    and every other length is relative to it. White cells are the nuclei with the colour and size
    of one, their lobes put together; red cells are round outlines, found by votes of the edges
    (Kimme, Ballard and Sklansky, 1975), so that cells on top of each other count as two;
    platelets are small purple spots.

    Parameters
    ----------
    field : path-like or ndarray
        An image file, or pixels in any form that :func:`leukfeat.imaging.to_rgb` takes.
    tile : int, optional
        Side in pixels of the tiles in which the field is worked through, so that memory is
        bounded by the tile and not by the field; a TIFF is then not read whole either (that needs
        tifffile). By default a field with a side above 4,096 pixels is taken in tiles of 2,048.
    visible : float, default=0.5
        Share of a red cell's outline that must lie within the field for it to count. At 0.5 a
        cell counts where its centre lies in the field, so that no cell counts in two
        neighbouring fields; people who draw boxes leave out more (about 0.7).

    Returns
    -------
    CellCounts

    Raises
    ------
    ImageReadError
        If the file cannot be read.
    ValueError
        If the pixels are no image, or a setting is outside its range.

    See Also
    --------
    find_cells : where they are.

    Notes
    -----
    On the last 91 fields of BCCD and on procedural fields: see the page "Whole smears".

    Examples
    --------
    >>> from leukfeat.data.procedural import make_smear
    >>> smear = make_smear(2, 20, 0, size=(360, 480), um_per_px=0.15, touching=0.0)
    >>> counts = count_cells(smear.image)
    >>> counts.white, abs(counts.red - 20) <= 2
    (2, True)
    """
    regions = open_field(field, tile)
    number = dict.fromkeys(CELL_TYPES, 0)
    radius = None
    try:
        for found in _tiles(regions, tile, visible, CELL_TYPES):
            radius = found.cells.scale.radius
            for name, count in found.cells.table.loc[found.own, "type"].value_counts().items():
                number[str(name)] += int(count)
            del found  # its masks take memory, and the next tile needs its own
    finally:
        regions.close()
    diameter = None if radius is None else 2 * radius
    return CellCounts(number["white"], number["red"], number["platelet"], diameter, regions.shape)


def find_cells(
    field: Any,
    *,
    types: str | Sequence[str] = "white",
    side: int | None = None,
    margin: float = 0.1,
    background: str = "keep",
    tile: int | None = None,
    visible: float = 0.5,
    um_per_px: float | None = None,
    **columns: Any,
) -> CellDataset:
    """Cut the cells out of a smear field, each with its box and mask.

    Parameters
    ----------
    field : path-like or ndarray
        As for :func:`count_cells`.
    types : str or sequence of str, default="white"
        Any of ``"white"``, ``"red"`` and ``"platelet"``, or ``"all"``.
    side : int, optional
        Side in pixels of the square window around each cell, so that a small cell stays small:
        take the window that the classifier was trained on. A cell that is larger is cut, and with
        it its mask, outline and label; box and ``area`` stay those of the whole. By default the
        window fits the cell, and its size is lost.
    margin : float, default=0.1
        Added on each side of the fitted window, as a fraction of the longer side of the box.
    background : {"keep", "remove"}, default="keep"
        ``"remove"`` sets what lies outside the cell to exactly 0, as in C-NMC.
    tile : int, optional
        As for :func:`count_cells`.
    visible : float, default=0.5
        As for :func:`count_cells`.
    um_per_px : float, optional
        Micrometres a pixel, kept in the column of that name.
    **columns
        Further columns, one value for all cells of the field, such as ``subject="P1"``; not those
        below.

    Returns
    -------
    CellDataset
        One row a cell, white cells first. ``image`` (the window, RGB), ``mask`` (``bool``, the
        cell within that window), ``number`` (from 1), ``type``, the box in the field ``top``,
        ``left``, ``bottom``, ``right`` (pixels, ends excluded), its centre ``row`` and
        ``column``, ``area`` (pixels), ``at_border`` (cut by the edge of the field), ``votes``
        (share of a red cell's outline that was seen), ``window_top`` and ``window_left`` (where
        the window starts in the field), ``field`` (the path, where there is one).

    Raises
    ------
    ImageReadError
        If the file cannot be read.
    ValueError
        If the pixels are no image, a setting is not allowed, or a further column has the name of
        one below.

    Examples
    --------
    >>> from leukfeat.data.procedural import make_smear
    >>> smear = make_smear(2, 20, 0, size=(360, 480), um_per_px=0.15, touching=0.0)
    >>> cells = find_cells(smear.image, side=96, subject="P1")
    >>> len(cells), cells.images[0].shape, cells.column("mask")[0].shape
    (2, (96, 96, 3), (96, 96))
    """
    given = CELL_TYPES if types == "all" else types
    wanted = (given,) if isinstance(given, str) else tuple(given)
    unknown = [name for name in wanted if name not in CELL_TYPES]
    if unknown or not wanted:
        raise ValueError(f"'types' must be among {CELL_TYPES}, or 'all'. Got {types!r} instead.")
    check_window(side, margin, background)
    regions = open_field(field, tile)
    rows: list[dict[str, Any]] = []
    try:
        for found in _tiles(regions, tile, visible, wanted):
            rows += _cut(found, wanted, regions, side, margin, background == "remove")
            del found
    finally:
        regions.close()
    rows.sort(key=lambda row: CELL_TYPES.index(row["type"]))
    names = ["image", "mask", *COLUMNS, "window_top", "window_left"]
    frame = pd.DataFrame(
        {name: [row[name] for row in rows] for name in names if name not in ("image", "mask")}
    )
    frame.insert(0, "image", object_column(row["image"] for row in rows))
    frame.insert(1, "mask", object_column(row["mask"] for row in rows))
    frame.insert(2, "number", np.arange(1, len(rows) + 1))
    if regions.path is not None:
        frame["field"] = regions.path
    add_columns(frame, um_per_px, columns)
    return CellDataset(frame, name="cells of a field")


def _cut(
    found: TileCells,
    wanted: tuple[str, ...],
    regions: ArrayRegions | TiffRegions,
    side: int | None,
    margin: float,
    remove: bool,
) -> list[dict[str, Any]]:
    rows = []
    table = found.cells.table.assign(k=found.cells.table.groupby("type").cumcount() + 1)
    kept = table[found.own & table["type"].isin(wanted)]
    for record in kept.to_dict("records"):
        row: dict[str, Any] = {str(name): value for name, value in record.items()}
        labels = found.cells.labels[row["type"]]
        long = max(row["bottom"] - row["top"], row["right"] - row["left"])
        window = side or max(int(np.ceil(long * (1 + 2 * margin))), 1)
        at = ((row["top"] + row["bottom"]) / 2, (row["left"] + row["right"]) / 2)
        inside = crop_mask(labels == row.pop("k"), window, at)
        at = (at[0] + found.top, at[1] + found.left)
        seen = (found.image, found.top, found.left)
        image = cut_window(regions, window, at, fill=0 if remove else 255, seen=seen)
        row["image"] = remove_background(image, inside) if remove else image
        row["mask"] = inside
        row["window_top"], row["window_left"] = window_corner(window, at)
        for name in ("top", "bottom", "row"):
            row[name] += found.top
        for name in ("left", "right", "column"):
            row[name] += found.left
        row["at_border"] = bool(
            row["top"] == 0
            or row["left"] == 0
            or row["bottom"] == regions.shape[0]
            or row["right"] == regions.shape[1]
        )
        rows.append(row)
    return rows


def open_field(field: Any, tile: int | None) -> ArrayRegions | TiffRegions:
    """Open a field to be read part by part, a TIFF without reading it whole where it is large.

    Parameters
    ----------
    field : path-like or ndarray
        As for :func:`count_cells`.
    tile : int, optional
        As for :func:`count_cells`.

    Returns
    -------
    ArrayRegions or TiffRegions
        To be closed.

    Raises
    ------
    ImageReadError
        If the file cannot be read.
    ValueError
        If the pixels are no image, or `tile` is below 128.
    """
    if tile is not None and (not isinstance(tile, (int, np.integer)) or tile < 128):
        raise ValueError(f"'tile' must be a whole number of at least 128 pixels. Got {tile!r}.")
    if not isinstance(field, (str, os.PathLike)):
        return ArrayRegions(field)
    name = os.fspath(field)
    if name.lower().endswith((".tif", ".tiff", ".btf")):
        if tile is not None:
            return TiffRegions(name)
        large = _large_tiff(name)
        if large is not None:
            return large
    return ArrayRegions(read_image(name), name)


def _large_tiff(name: str) -> TiffRegions | None:
    """Open a TIFF that is looked over in tiles by default, or that only tifffile reads."""
    try:
        regions = TiffRegions(name)
    except (ImportError, ImageReadError):
        return None  # what is wrong with it, if anything is, `read_image` says
    if max(regions.shape) > _LARGEST_WHOLE or regions.is_big:
        return regions
    regions.close()
    return None


def _tiles(
    regions: ArrayRegions | TiffRegions, tile: int | None, visible: float, types: tuple[str, ...]
) -> Iterator[TileCells]:
    if not 0.3 <= visible <= 1:
        raise ValueError(f"'visible' must be from 0.3 to 1. Got {visible!r} instead.")
    side = tile or (_TILE if max(regions.shape) > _LARGEST_WHOLE else max(regions.shape))
    if side >= max(regions.shape):
        whole = regions.read(slice(0, regions.shape[0]), slice(0, regions.shape[1]))
        scale = measure_scale(whole)
    else:
        scale = scale_of_tiles(regions, side)
    regions.check_range()
    return look_over_tiles(regions, side, scale=scale, visible=visible, types=types)
