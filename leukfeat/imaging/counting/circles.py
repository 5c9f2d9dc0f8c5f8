"""Round outlines of a known size, found by votes of their edges."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask

__all__ = ["Outlines", "circle_votes", "find_outlines", "usual_radius", "visible_share"]

Float32 = npt.NDArray[np.float32]

_LEAST_SLOPE = 0.04
"""Slope of an edge a pixel, as a share of the depth of a red cell, from which it may vote."""

_BLUR = 0.16
"""How far an outline may depart from a circle, as a standard deviation in radii."""

_FACTORS = (0.75, 0.85, 0.95, 1.05, 1.17, 1.3)
"""Sizes that cells of one field have, relative to the usual one."""


@dataclasses.dataclass(frozen=True, eq=False)
class Outlines:
    """Points where light meets dark, each with the direction towards the dark side.

    Parameters
    ----------
    points : ndarray of float32, shape (n, 2)
        Column and row.
    inwards : ndarray of float32, shape (n, 2)
        Unit vectors, column and row.
    shape : tuple of int
        Height and width of the image.
    """

    points: Float32
    inwards: Float32
    shape: tuple[int, int]


def find_outlines(light: Float32, *, depth: float, ignore: Mask, sigma: float = 2.0) -> Outlines:
    """Find the ridges of the gradient.

    Parameters
    ----------
    light : ndarray of float32, shape (height, width)
        Share of light that passed.
    depth : float
        How much darker a red cell is than the background.
    ignore : ndarray of bool, shape (height, width)
        Where no outline is looked for.
    sigma : float, default=2.0
        Standard deviation in pixels of the Gaussian that smooths it first.

    Returns
    -------
    Outlines
    """
    smooth = cv2.GaussianBlur(light, (0, 0), sigma)
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3) / 8
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3) / 8
    slope = np.hypot(across, down)
    rows, columns = np.nonzero((slope > max(_LEAST_SLOPE * depth, 1e-4)) & ~ignore)
    at = slope[rows, columns]
    towards = np.stack([across[rows, columns], down[rows, columns]], axis=1) / at[:, None]
    points = np.stack([columns, rows], axis=1).astype(np.float32)
    ridge = np.ones(len(points), bool)
    for side in (1, -1):
        if len(points):
            beside = points + side * towards
            ridge &= at >= _sample(slope, beside)
    return Outlines(points[ridge], -towards[ridge], (light.shape[0], light.shape[1]))


def circle_votes(
    outlines: Outlines, radius: float, *, factors: tuple[float, ...] = _FACTORS
) -> Float32:
    """Tell of each pixel how much of a circle around it is an outline.

    Each point of an outline votes for the centre that lies one radius inwards of it (the Hough
    transform with the direction of the gradient: Kimme et al., 1975). Cells that overlap keep
    their own centres, for an arc is enough.

    Parameters
    ----------
    outlines : Outlines
        The edges.
    radius : float
        Usual radius in pixels.
    factors : tuple of float
        Radii that are tried, relative to it.

    Returns
    -------
    ndarray of float32, shape (height, width)
        About 1 in the centre of a whole round cell; the largest over the radii.
    """
    height, width = outlines.shape
    pad = int(np.ceil(1.4 * radius))
    sigma = max(_BLUR * radius, 0.5)
    best = np.zeros((height, width), np.float32)
    for factor in factors:
        length = radius * factor
        column, row = np.rint(outlines.points + length * outlines.inwards).astype(int).T + pad
        inside = (column >= 0) & (row >= 0) & (column < width + 2 * pad) & (row < height + 2 * pad)
        wide = width + 2 * pad
        counts = np.bincount(
            row[inside] * wide + column[inside], minlength=wide * (height + 2 * pad)
        )
        votes = cv2.GaussianBlur(counts.reshape(-1, wide).astype(np.float32), (0, 0), sigma)
        share = votes[pad:-pad, pad:-pad] * np.float32(sigma**2 / length)
        np.maximum(best, share, out=best)
    return best


def visible_share(shape: tuple[int, int], radius: float) -> Float32:
    """Tell of each pixel how much of a circle around it lies within the image.

    Parameters
    ----------
    shape : tuple of int
        Height and width.
    radius : float
        In pixels.

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])[:, None]
    down, across = rows + radius * np.sin(angles), columns + radius * np.cos(angles)
    row_in = ((down >= 0) & (down < shape[0])).astype(np.float32)
    column_in = ((across >= 0) & (across < shape[1])).astype(np.float32)
    return (row_in @ column_in.T / len(angles)).astype(np.float32)


def usual_radius(outlines: Outlines, *, smallest: float, largest: float) -> float | None:
    """Return the radius at which the outlines make the most circles.

    Parameters
    ----------
    outlines : Outlines
        The edges.
    smallest, largest : float
        Radii looked at, in pixels.

    Returns
    -------
    float or None
        The radius with the largest sum of ``votes ** 3 * radius ** 1.5`` over its circles: the
        powers with which no field of the first 91 of BCCD was off by a third (chosen there).
        ``None`` if there is no circle.
    """
    from skimage.feature import peak_local_max

    if not len(outlines.points) or largest <= smallest:
        return None
    count = max(int(np.ceil(np.log(largest / smallest) / np.log(1.1))) + 1, 3)
    radii = np.geomspace(smallest, largest, count)
    covered = np.zeros(count)
    for i, radius in enumerate(radii):
        votes = circle_votes(outlines, radius, factors=(1.0,))
        peaks = peak_local_max(
            votes,
            min_distance=max(round(0.8 * radius), 1),
            threshold_abs=0.25,
            exclude_border=False,
        )
        covered[i] = (votes[tuple(peaks.T)] ** 3).sum() * radius**1.5
    if not covered.any():
        return None
    best = int(covered.argmax())
    near = slice(max(best - 1, 0), best + 2)
    return float(np.exp(np.average(np.log(radii[near]), weights=covered[near])))


def _sample(values: Float32, points: Float32) -> npt.NDArray[np.float32]:
    # remap takes at most 32,767 pixels a side, so the points are laid out as a block.
    side = 16_384
    padded = np.zeros((-(-len(points) // side) * side, 2), np.float32)
    padded[: len(points)] = points
    maps = padded.reshape(-1, side, 2)
    taken = cv2.remap(values, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR)
    return taken.ravel()[: len(points)]
