"""Red cells of a field: where they are, and what each covers."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu

from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.counting.circles import (
    circle_votes,
    find_outlines,
    usual_radius,
    visible_share,
)
from leukfeat.imaging.segmentation.appearance import Appearance
from leukfeat.imaging.segmentation.regions import disc, fill_small_holes

__all__ = ["RedLight", "draw_red_cells", "find_red_cells", "red_cell_radius", "red_light"]

_WORKING_RADIUS = 30.0
"""Radius in pixels to which a field is reduced before red cells are looked for."""

_SEARCH_SIDE = 640
"""Longer side in pixels to which a field is reduced to find the usual radius."""

_LEAST_VOTES = 0.32
"""Share of a circle that must be an outline: on procedural fields fewer and fewer cells are lost down
to here, and none is made up."""

_APART = 1.0
"""Least distance of two centres, in radii."""

_LEAST_STAINED = 0.25
"""Share of the disc around a centre that must be darker than background."""

_LIMIT = 0.45
"""Where between background and red cell the limit is drawn."""


class RedLight(NamedTuple):
    """Green light, and how dark a red cell is in it.

    Parameters
    ----------
    light : ndarray of float32, shape (height, width)
        Share of green light that passed.
    depth : float
        How much less of it passes a red cell.
    """

    light: npt.NDArray[np.float32]
    depth: float

    @property
    def stained(self) -> Mask:
        """True where there is material."""
        return self.light < 1 - _LIMIT * self.depth


def red_light(seen: Appearance, white: Mask) -> RedLight | None:
    """Measure how dark red cells are.

    Parameters
    ----------
    seen : Appearance
        The field relative to its background.
    white : ndarray of bool, shape (height, width)
        White cells.

    Returns
    -------
    RedLight or None
        ``None`` if nothing but background is in view.
    """
    light = np.minimum(seen.transmittance[..., 1], 1.05)
    step = max(1, int(np.sqrt(light.size / 100_000)))
    some = light[::step, ::step][~white[::step, ::step]]
    if not len(some) or np.ptp(some) < 0.03:
        return None
    dark = some[some < threshold_otsu(some)]
    depth = 1 - float(np.median(dark)) if len(dark) else 0.0
    return RedLight(light, depth) if depth > 0.03 else None


def red_cell_radius(red: RedLight, white: Mask) -> float | None:
    """Estimate the radius of the red cells of a field, in pixels.

    Parameters
    ----------
    red : RedLight
        From :func:`red_light`.
    white : ndarray of bool, shape (height, width)
        White cells, or their nuclei.

    Returns
    -------
    float or None
        ``None`` if nothing round is in view.
    """
    factor = min(_SEARCH_SIDE / max(white.shape), 1.0)
    light, ignore = _reduced(red.light, white, factor)
    largest = 0.2 * min(light.shape)
    for sigma in (2.0, 1.0):
        outlines = find_outlines(light, depth=red.depth, ignore=ignore, sigma=sigma)
        radius = usual_radius(outlines, smallest=4 * sigma, largest=max(largest, 16))
        if radius is not None and (radius > 6 * sigma or sigma == 1.0):
            return radius / factor
    return None


def find_red_cells(
    red: RedLight, white: Mask, radius: float, *, visible: float = 0.5
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Find the centres of red cells.

    Parameters
    ----------
    red : RedLight
        From :func:`red_light`.
    white : ndarray of bool, shape (height, width)
        White cells.
    radius : float
        Usual radius of a red cell, in pixels.
    visible : float, default=0.5
        Share of a cell's outline that must lie within the field.

    Returns
    -------
    centres : ndarray of float64, shape (n, 2)
        Row and column, within the field.
    votes : ndarray of float64, shape (n,)
        Share of the visible circle that is an outline; about 1 for a round cell that lies free.
    """
    factor = min(_WORKING_RADIUS / radius, 1.0)
    light, ignore = _reduced(red.light, white, factor)
    small = radius * factor
    sigma = float(np.clip(small / 20, 0.7, 2.0))
    outlines = find_outlines(light, depth=red.depth, ignore=ignore, sigma=sigma)
    votes = circle_votes(outlines, small)
    in_view = visible_share(outlines.shape, small)
    votes /= np.maximum(in_view, 0.5)
    votes[ignore | (in_view < visible)] = 0
    stained = (light < 1 - _LIMIT * red.depth).astype(np.float32)
    kernel = disc(0.9 * small).astype(np.float32)
    share = cv2.filter2D(stained, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    votes[share < _LEAST_STAINED] = 0
    # Distances in a circle: in a square, as by default, a neighbour on the diagonal is lost.
    peaks = peak_local_max(
        votes,
        footprint=disc(0.4 * small),
        min_distance=max(round(_APART * small), 1),
        p_norm=2,
        threshold_abs=_LEAST_VOTES,
        exclude_border=False,
    )
    centres = (peaks + 0.5) / factor - 0.5
    inside = np.clip(centres, 0, np.array(white.shape) - 1.0)
    return inside, votes[tuple(peaks.T)].astype(np.float64)


def draw_red_cells(
    red: RedLight, white: Mask, centres: npt.NDArray[np.float64], radius: float
) -> npt.NDArray[np.int32]:
    """Share the stained pixels out among red cells: to the nearest centre within reach.

    Parameters
    ----------
    red : RedLight
        From :func:`red_light`.
    white : ndarray of bool, shape (height, width)
        White cells.
    centres : ndarray of float64, shape (n, 2)
        Row and column.
    radius : float
        Usual radius, in pixels.

    Returns
    -------
    ndarray of int32, shape (height, width)
        0 outside, k in cell k.
    """
    labels = np.zeros(white.shape, np.int32)
    nearest = np.full(white.shape, np.inf, np.float32)
    stained = fill_small_holes(red.stained & ~white, area=0.5 * np.pi * radius**2) & ~white
    reach = int(np.ceil(1.35 * radius))
    for number, (row, column) in enumerate(centres, start=1):
        top, left = max(int(row) - reach, 0), max(int(column) - reach, 0)
        window = (slice(top, int(row) + reach + 1), slice(left, int(column) + reach + 1))
        down = np.arange(top, top + nearest[window].shape[0])[:, None] - row
        across = np.arange(left, left + nearest[window].shape[1])[None] - column
        distance = np.hypot(down, across).astype(np.float32)
        core = distance < 1.5
        own = ((stained[window] & (distance < reach)) | core) & (distance < nearest[window])
        labels[window][own] = number
        nearest[window][own] = distance[own]
    return labels


def _reduced(
    light: npt.NDArray[np.float32], white: Mask, factor: float
) -> tuple[npt.NDArray[np.float32], Mask]:
    ignore = white.astype(np.uint8)
    if factor < 1:
        size = [max(round(side * factor), 1) for side in light.shape[::-1]]
        light = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
        ignore = cv2.resize(ignore, size, interpolation=cv2.INTER_NEAREST)
    return light, cv2.dilate(ignore, disc(4)) > 0 if ignore.any() else ignore > 0
