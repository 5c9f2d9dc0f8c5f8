"""What can be counted in a nucleus: lobes, and the nucleoli that show."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from skimage.morphology import reconstruction

from leukfeat.imaging.conversion import RGB, Mask
from leukfeat.imaging.segmentation.regions import disc, label_regions

__all__ = ["count_lobes", "count_nucleoli"]

_NECK = 0.2
"""A neck thinner than a lobe by this part of the largest lobe's half-width parts two lobes."""

_CONTRAST = 10.0
"""Grey levels (green) by which a nucleolus is at least lighter than the chromatin around it."""

_SIZES = (0.004, 0.15)
"""Least and largest area of a nucleolus, as a part of the nucleus."""

_LEAST_RADIUS = 6.0


def count_lobes(nucleus: Mask) -> int:
    """Count the lobes of a nucleus: maxima of the distance transform that necks part.

    Parameters
    ----------
    nucleus : ndarray of bool, shape (height, width)
        Mask; its pieces count together.

    Returns
    -------
    int
        0 for an empty mask. A piece thinner than a fifth of the thickest is not counted.

    Examples
    --------
    >>> rows, columns = np.mgrid[:60, :90]
    >>> lobes = [np.hypot(rows - 30, columns - place) < 15 for place in (25, 50, 75)]
    >>> count_lobes(lobes[0]), count_lobes(np.any(lobes, axis=0))
    (1, 3)
    """
    if not nucleus.any():
        return 0
    window = np.pad(nucleus, 1).view(np.uint8)
    depth = cv2.distanceTransform(window, cv2.DIST_L2, cv2.DIST_MASK_5).astype(np.float64)
    height = _NECK * depth.max()
    domes = depth - reconstruction(depth - height, depth)
    return len(label_regions(domes > height * (1 - 1e-6))[1])


def count_nucleoli(image: RGB, nucleus: Mask) -> int:
    """Count the light spots in a nucleus that may be nucleoli.

    Spots lighter than the chromatin around them: a white top-hat (Gonzalez & Woods, section 9.8)
    of the smoothed green channel, of the size that nucleoli have. Chromatin clumps give such
    spots too; it is an estimate.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    nucleus : ndarray of bool, shape (height, width)
        Mask.

    Returns
    -------
    int
        0 for a nucleus of less than 12 pixels across, in which nothing can be seen.
    """
    area = np.count_nonzero(nucleus)
    radius = np.sqrt(area / np.pi)
    if radius < _LEAST_RADIUS:
        return 0
    pad = int(np.ceil(0.5 * radius))
    inside = np.pad(nucleus, pad)
    green = np.full(inside.shape, np.median(image[..., 1][nucleus]), np.float32)
    green[inside] = image[..., 1][nucleus]
    green = cv2.GaussianBlur(green, (0, 0), max(0.06 * radius, 0.7))
    lighter: npt.NDArray = cv2.morphologyEx(green, cv2.MORPH_TOPHAT, disc(0.35 * radius))
    deep = cv2.erode(inside.view(np.uint8), disc(0.12 * radius)) > 0
    if not deep.any():
        return 0
    level = np.median(lighter[deep])
    noise = 1.4826 * np.median(np.abs(lighter[deep] - level))
    _, areas = label_regions(deep & (lighter > max(_CONTRAST, level + 3 * noise)))
    return int(((areas >= _SIZES[0] * area) & (areas <= _SIZES[1] * area)).sum())
