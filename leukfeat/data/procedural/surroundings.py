"""What lies around a cell: plasma, and now and then the edge of a red cell."""

from __future__ import annotations

import numpy as np

from .drawing import DrawnCell
from .outline import depth_inside, polar_curve, to_points

__all__ = ["PLASMA", "put_into_plasma"]

PLASMA = (0.05, 0.06)
"""Azure and eosin of empty plasma."""

_NEIGHBOUR = 0.4
_RED_CELL = np.array([0.10, 0.35], np.float32)[:, None, None]


def put_into_plasma(rng: np.random.Generator, cell: DrawnCell) -> np.ndarray:
    """Lay a cell into plasma, beside a red cell by chance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the neighbour.
    cell : DrawnCell
        The cell.

    Returns
    -------
    ndarray of float32, shape (2, side, side)
        Azure and eosin.
    """
    side = cell.patch.side
    around = np.empty((2, side, side), np.float32)
    around[0], around[1] = PLASMA
    if rng.random() < _NEIGHBOUR:
        angle, radius = rng.random() * 2 * np.pi, 3.4 + 0.6 * rng.random()
        way = np.array([np.cos(angle), np.sin(angle)])
        ring = to_points(radius * polar_curve(rng, elongation=0.05, unevenness=0.01))
        apart = np.max(cell.outlines.cell @ way) + radius - 0.4
        solid = depth_inside(ring + way * apart, cell.patch, outside=False) / 0.5
        around += _RED_CELL * np.minimum(solid, 1)
    return around + cell.cover * (cell.dyes - around)
