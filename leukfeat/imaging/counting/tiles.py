"""A large field in overlapping tiles, each cell once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.counting.field_cells import (
    CELL_TYPES,
    FieldCells,
    FieldScale,
    look_over,
    measure_scale,
)

__all__ = ["Regions", "TileCells", "look_over_tiles", "scale_of_tiles"]

_OVERLAP = 6.0
"""Margin around a tile, in radii of a red cell: more than half of the largest white cell."""

_SAMPLES = 9
"""Tiles from which the scale of the field is measured, where cells are everywhere."""

_WITH_CELLS = 3
"""Least number of tiles with cells among them, as long as there are more tiles."""


class Regions(Protocol):
    """What gives the pixels of a window."""

    shape: tuple[int, int]

    def read(self, rows: slice, columns: slice) -> RGB:
        """Return the pixels of a window."""

    def check_range(self) -> None:
        """Refuse what was read if its samples cannot be meant as they are."""


class TileCells(NamedTuple):
    """What was found in a tile.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        The tile with its margin.
    top, left : int
        Where its first pixel lies in the field.
    cells : FieldCells
        All that was found in it; places are those within the tile.
    own : ndarray of bool, shape (n_cells,)
        Whether the cell's centre lies in the tile without its margin.
    """

    image: RGB
    top: int
    left: int
    cells: FieldCells
    own: np.ndarray


def scale_of_tiles(regions: Regions, tile: int) -> FieldScale:
    """Measure background and radius from tiles spread over the field.

    Parameters
    ----------
    regions : Regions
        The field.
    tile : int
        Side of a tile in pixels.

    Returns
    -------
    FieldScale
        The median of the tiles in which red cells are in view.
    """
    corners = [
        (r, c) for r in range(0, regions.shape[0], tile) for c in range(0, regions.shape[1], tile)
    ]
    # First tiles spread over the field, then those between, until enough of them hold cells.
    stride = max(len(corners) // _SAMPLES, 1)
    order = [k for start in range(stride) for k in range(start, len(corners), stride)]
    found: list[FieldScale] = []
    for row, column in (corners[k] for k in order):
        rows = slice(row, min(row + tile, regions.shape[0]))
        columns = slice(column, min(column + tile, regions.shape[1]))
        if min(rows.stop - rows.start, columns.stop - columns.start) >= min(64, *regions.shape):
            found.append(measure_scale(regions.read(rows, columns)))
        if len(found) >= _SAMPLES and sum(s.radius is not None for s in found) >= _WITH_CELLS:
            break
    with_cells = [scale for scale in found if scale.radius is not None]
    light = np.median([scale.background for scale in with_cells or found], axis=0)
    radius = float(np.median([scale.radius for scale in with_cells])) if with_cells else None
    return FieldScale((float(light[0]), float(light[1]), float(light[2])), radius)


def look_over_tiles(
    regions: Regions,
    tile: int,
    *,
    scale: FieldScale,
    visible: float = 0.5,
    types: tuple[str, ...] = CELL_TYPES,
) -> Iterator[TileCells]:
    """Find the cells of a field tile by tile.

    Parameters
    ----------
    regions : Regions
        The field.
    tile : int
        Side of a tile in pixels, without its margin.
    scale : FieldScale
        Of the whole field.
    visible : float, default=0.5
        Share of a red cell's outline that must lie within the field.
    types : tuple of str
        What is looked for.

    Yields
    ------
    TileCells
    """
    height, width = regions.shape
    margin = int(np.ceil(_OVERLAP * (scale.radius or 0.0)))
    for row in range(0, height, tile):
        for column in range(0, width, tile):
            top, left = max(row - margin, 0), max(column - margin, 0)
            bottom, right = min(row + tile + margin, height), min(column + tile + margin, width)
            image = regions.read(slice(top, bottom), slice(left, right))
            cells = look_over(image, scale=scale, visible=visible, types=types)
            at_row = np.floor(cells.table["row"].to_numpy(float) + 0.5) + top
            at_column = np.floor(cells.table["column"].to_numpy(float) + 0.5) + left
            own = (at_row >= row) & (at_row < row + tile)
            own &= (at_column >= column) & (at_column < column + tile)
            yield TileCells(image, top, left, cells, own)
            del image, cells, own  # not while the next tile is looked over
