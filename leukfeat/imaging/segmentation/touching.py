"""Nuclei that touch: divided by the watershed of the distance transform."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.segmentation.regions import label_regions

__all__ = ["divide", "reference_area"]


def reference_area(labels: npt.NDArray[np.int32], *, at_least: int = 6) -> float | None:
    """Return the area of a single nucleus of this image, if enough of them stand alone.

    A kidney-shaped nucleus and two nuclei that touch have the same outline: only the size of
    their neighbours tells them apart.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        Regions, 0 outside.
    at_least : int, default=6
        Number of single nuclei needed; fewer might be the lobes of one nucleus.

    Returns
    -------
    float or None
        Median area in pixels of the convex regions (area at least 0.92 of the convex hull's)
        that do not touch the border; ``None`` if there are too few.
    """
    height, width = labels.shape
    outlines, _ = cv2.findContours(
        (labels > 0).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    found = []
    for outline in outlines:
        left, top, wide, tall = cv2.boundingRect(outline)
        area, hull = cv2.contourArea(outline), cv2.contourArea(cv2.convexHull(outline))
        free = left > 0 and top > 0 and left + wide < width and top + tall < height
        if free and area > 0.92 * hull > 0:
            found.append(area)
    if len(found) < at_least:
        return None
    large = np.array(found)[np.array(found) > 0.3 * np.max(found)]
    return float(np.median(large)) if len(large) >= at_least else None


def divide(mask: Mask, *, area: float) -> npt.NDArray[np.int32]:
    """Give regions numbers, those that are several touching objects divided.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        Objects.
    area : float
        Area of a single object, in pixels. A region above 1.5 times that is divided at the
        watershed of its distance transform, if every piece then has at least 0.3 of it.

    Returns
    -------
    ndarray of int32, shape (height, width)
        0 outside, then 1, 2, ...

    Examples
    --------
    >>> rows, columns = np.mgrid[:40, :60]
    >>> first = (rows - 20) ** 2 + (columns - 20) ** 2 < 144
    >>> second = (rows - 20) ** 2 + (columns - 40) ** 2 < 144
    >>> int(divide(first | second, area=450).max())
    2
    """
    labels, areas = label_regions(mask)
    radius = np.sqrt(area / np.pi)
    following = len(areas) + 1
    for number in np.flatnonzero(areas > 1.5 * area) + 1:
        left, top, wide, tall = cv2.boundingRect((labels == number).astype(np.uint8))
        window = labels[top : top + tall, left : left + wide]
        region = np.pad(window == number, 1)
        depth = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        depth = cv2.GaussianBlur(depth, (0, 0), max(0.1 * radius, 0.5))
        apart = max(round(0.8 * radius), 1)
        peaks = peak_local_max(
            depth, min_distance=apart, threshold_abs=0.35 * radius, labels=region.astype(np.int32)
        )
        if len(peaks) < 2:
            continue
        markers = np.zeros(region.shape, np.int32)
        markers[tuple(peaks.T)] = np.arange(len(peaks)) + 1
        pieces = watershed(-depth, markers, mask=region)[1:-1, 1:-1]
        if np.bincount(pieces[pieces > 0])[1:].min() < 0.3 * area:
            continue
        later = pieces > 1
        window[later] = pieces[later] - 2 + following
        following += len(peaks) - 1
    return labels
