"""Connected regions: keeping, filling, hulls and windows."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask

__all__ = [
    "convex_hull",
    "disc",
    "distance_to",
    "fill_small_holes",
    "keep_large",
    "label_regions",
    "window_around",
]


def disc(radius: float) -> npt.NDArray[np.uint8]:
    """Return a disc as a structuring element.

    Parameters
    ----------
    radius : float
        In pixels, rounded; 0 gives a single pixel.

    Returns
    -------
    ndarray of uint8, shape (2 * radius + 1, 2 * radius + 1)
    """
    side = 2 * max(round(radius), 0) + 1
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))


def label_regions(mask: Mask) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Give the regions of a mask numbers, connected over sides and corners.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Mask.

    Returns
    -------
    labels : ndarray of int32, shape (height, width)
        0 outside, then 1, 2, ...
    areas : ndarray of int32, shape (n_regions,)
        Pixels of each region.
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return labels, stats[1:, cv2.CC_STAT_AREA]


def keep_large(mask: Mask, *, share: float) -> Mask:
    """Drop regions smaller than a share of the largest.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Mask.
    share : float
        Fraction of the largest region's area.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    labels, areas = label_regions(mask)
    if not len(areas):
        return mask
    keep = np.concatenate([[False], areas >= share * areas.max()])
    return keep[labels]


def fill_small_holes(mask: Mask, *, area: float) -> Mask:
    """Fill holes of fewer pixels than given.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Mask.
    area : float
        In pixels; ``inf`` fills every hole that does not touch the border.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=4)
    height, width = mask.shape
    left, top, wide, tall, pixels = stats.T
    closed = (left > 0) & (top > 0) & (left + wide < width) & (top + tall < height)
    fill = (pixels < area) & (closed | np.isfinite(area))
    fill[0] = False
    return mask | fill[labels]


def convex_hull(mask: Mask) -> Mask:
    """Fill the convex hull of all regions of a mask together.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Mask, not empty.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    outlines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    out = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(out, cv2.convexHull(np.concatenate(outlines)), 1)
    return out > 0


def distance_to(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the distance of each pixel to a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Mask, not empty.

    Returns
    -------
    ndarray of float32, shape (height, width)
        In pixels, 0 inside.
    """
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)


def window_around(mask: Mask, *, margin: float) -> tuple[slice, slice]:
    """Return the window around a mask, cut at the border of the image.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Mask, not empty.
    margin : float
        Pixels added on each side.

    Returns
    -------
    tuple of slice
        Rows and columns.
    """
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    pad = int(np.ceil(margin))
    rows = slice(max(top - pad, 0), min(top + height + pad, mask.shape[0]))
    columns = slice(max(left - pad, 0), min(left + width + pad, mask.shape[1]))
    return rows, columns
