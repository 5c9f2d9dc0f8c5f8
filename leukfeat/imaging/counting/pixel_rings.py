"""Masks as polygons along the edges of their pixels, and polygons as masks."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask

__all__ = ["fill_rings", "rings_of"]

Ring = npt.NDArray[np.float64]

_MOST_CROSSINGS = 4_000_000
"""How many crossings of outlines and rows are worked on at once."""

_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
"""Right, down, left, up: column and row."""

_BESIDE = ((0, 0), (-1, 0), (-1, -1), (0, -1))
"""From a corner to the pixel on the right of the edge that goes so."""


def rings_of(mask: Mask) -> list[list[npt.NDArray[np.int64]]]:
    """Return the outlines of a mask along the edges of its pixels.

    A pixel at row r and column c covers c to c + 1 across and r to r + 1 down, as in QuPath and
    ImageJ, so that a polygon has the area of its pixels. (``cv2.findContours`` goes through the
    middles of pixels: a single one would be a point.)

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)

    Returns
    -------
    list of list of ndarray of int64, shape (n, 2)
        For each part its outline and its holes, as corners (column, row) that are not repeated at
        the end; outlines clockwise as one looks at the image, holes the other way. No ring touches
        itself: pixels that share no more than a corner are parts of their own.

    Examples
    --------
    >>> mask = np.array([[True, True, False], [False, False, True]])
    >>> [[ring.tolist() for ring in part] for part in rings_of(mask)]
    [[[[0, 0], [2, 0], [2, 1], [0, 1]]], [[[2, 1], [3, 1], [3, 2], [2, 2]]]]
    """
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    parts: dict[int, list[npt.NDArray[np.int64]]] = {}
    for corners, (column, row) in _walked(mask):
        ring = np.array(corners, np.int64)
        part = parts.setdefault(int(labels[row, column]), [])
        part.insert(0 if _goes_clockwise(ring) else len(part), ring)
    return [parts[number] for number in sorted(parts)]


def fill_rings(part: Sequence[Ring], shape: tuple[int, int]) -> Mask:
    """Return the pixels whose middle lies within a polygon.

    Parameters
    ----------
    part : sequence of ndarray of float, shape (n, 2)
        Its outline and its holes, column and row, closed or not; pixels as in :func:`rings_of`.
    shape : tuple of int
        Height and width of the mask.

    Returns
    -------
    ndarray of bool, shape (height, width)

    Examples
    --------
    >>> fill_rings([np.array([[0, 0], [2, 0], [2, 1], [0, 1]])], (2, 3)).astype(int).tolist()
    [[1, 1, 0], [0, 0, 0]]
    """
    height, width = shape
    changes = np.zeros((height, width + 1), np.int32)
    for ring in part:
        start, end = np.asarray(ring, np.float64), np.roll(ring, -1, axis=0).astype(np.float64)
        rows = np.stack([start[:, 1], end[:, 1]])
        # Rows whose middle an edge crosses, its lower end left out so that none counts twice.
        first, last = np.clip(np.ceil(np.sort(rows, axis=0) - 0.5), 0, height).astype(np.int64)
        counts = last - first
        block = np.cumsum(counts) // _MOST_CROSSINGS
        for some in np.split(np.arange(len(counts)), np.flatnonzero(np.diff(block)) + 1):
            edge = np.repeat(some, counts[some])
            before = np.repeat(np.cumsum(counts[some]) - counts[some], counts[some])
            row = np.arange(len(edge)) - before + first[edge]
            slope = (end[edge, 0] - start[edge, 0]) / (end[edge, 1] - start[edge, 1])
            place = start[edge, 0] + (row + 0.5 - start[edge, 1]) * slope
            column = np.clip(np.ceil(place - 0.5), 0, width).astype(np.int64)
            np.add.at(changes, (row, column), 1)
    return np.cumsum(changes, axis=1)[:, :width] % 2 == 1


def _walked(mask: Mask) -> list[tuple[list[tuple[int, int]], tuple[int, int]]]:
    """Return rings, each as its corners and a pixel of the mask beside its first edge."""
    padded = np.pad(mask, 1)
    # For each direction what lies right and left of an edge that starts at a corner.
    sides = (
        (padded[1:, 1:], padded[:-1, 1:]),
        (padded[1:, :-1], padded[1:, 1:]),
        (padded[:-1, :-1], padded[1:, :-1]),
        (padded[:-1, 1:], padded[:-1, :-1]),
    )
    edges: dict[tuple[int, int], list[int]] = {}
    for direction, (right, left) in enumerate(sides):
        for row, column in np.argwhere(right & ~left).tolist():
            edges.setdefault((column, row), []).append(direction)
    rings = []
    for begin in edges:
        while edges[begin]:
            rings += _rings_from(begin, edges)
    return rings


def _rings_from(
    begin: tuple[int, int], edges: dict[tuple[int, int], list[int]]
) -> list[tuple[list[tuple[int, int]], tuple[int, int]]]:
    """Follow edges, taking them out, back to where they begin; a loop on the way is a ring too."""
    rings: list[tuple[list[tuple[int, int]], tuple[int, int]]] = []
    path: list[tuple[tuple[int, int], int]] = []
    places: dict[tuple[int, int], int] = {}
    at, heading = begin, edges[begin][0] - 1
    while True:
        if at in places:
            path, loop = path[: places[at]], path[places[at] :]
            for corner, _ in loop:
                del places[corner]
            before = [loop[-1][1], *(way for _, way in loop)]
            (column, row), way = loop[0]
            beside = (column + _BESIDE[way][0], row + _BESIDE[way][1])
            turns = [c for (c, way), last in zip(loop, before, strict=False) if way != last]
            rings.append((turns, beside))
            if not path:
                return rings
        # Where two pixels meet at a corner, the turn to the right stays at the same pixel.
        heading = next(w for turn in (1, 0, 3) if (w := (heading + turn) % 4) in edges[at])
        edges[at].remove(heading)
        places[at] = len(path)
        path.append((at, heading))
        at = (at[0] + _STEPS[heading][0], at[1] + _STEPS[heading][1])


def _goes_clockwise(ring: npt.NDArray[np.int64]) -> bool:
    following = np.roll(ring, -1, axis=0)
    return int((ring[:, 0] * following[:, 1] - following[:, 0] * ring[:, 1]).sum()) > 0
