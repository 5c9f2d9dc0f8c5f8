"""Platelets: small purple spots outside white cells."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.segmentation.appearance import Appearance
from leukfeat.imaging.segmentation.regions import disc, label_regions

__all__ = ["find_platelets"]

_WORKING_RADIUS = 16.0
"""Radius in pixels of a red cell at which spots are looked for."""

_LEAST_DENSITY = 0.13
"""Optical density in red light by which a spot stands out; haemoglobin has next to none."""

_MOST_BLUE, _ABOVE_NUCLEI = 0.3, 0.1
"""Largest optical density in blue, as a share of that in red, for haemoglobin absorbs blue; and
how far above the share in the nuclei of white cells it may lie, where their dye absorbs more."""

_AREAS = (0.035, 0.4)
"""Smallest and largest area, in areas of a red cell."""

_LONGEST, _FULLEST = 2.5, 0.45
"""Most elongation of the box, and least share of it that is filled."""


def find_platelets(
    seen: Appearance, white: Mask, nucleus: Mask, radius: float
) -> npt.NDArray[np.int32]:
    """Find the platelets of a field.

    Spots that stand out from their surroundings in red light (a white top-hat as wide as a red
    cell), of the size of platelets, whose dye hardly absorbs blue. Chosen on the first 91 fields
    of BCCD.

    Parameters
    ----------
    seen : Appearance
        The field relative to its background.
    white : ndarray of bool, shape (height, width)
        White cells.
    nucleus : ndarray of bool, shape (height, width)
        Their nuclei, whose dye is that of platelets.
    radius : float
        Usual radius of a red cell, in pixels.

    Returns
    -------
    ndarray of int32, shape (height, width)
        0 outside, k in platelet k.
    """
    factor = min(_WORKING_RADIUS / radius, 1.0)
    size = [max(round(side * factor), 1) for side in white.shape[::-1]]
    small = radius * factor
    through = cv2.GaussianBlur(seen.transmittance, (0, 0), max(0.05 * radius, 0.5))
    through = cv2.resize(through, size, interpolation=cv2.INTER_AREA)
    density = -np.log(np.clip(through, 0.02, 1.1))
    near_white = cv2.resize(white.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    near_white = cv2.dilate(near_white, disc(0.17 * small))
    red = np.ascontiguousarray(density[..., 0])
    red[near_white > 0] = np.median(red)
    spots = cv2.morphologyEx(red, cv2.MORPH_TOPHAT, disc(0.85 * small)) > _LEAST_DENSITY
    spots = cv2.morphologyEx(spots.astype(np.uint8), cv2.MORPH_OPEN, disc(0.06 * small))
    labels, areas = label_regions((spots > 0) & (near_white == 0))
    cell = np.pi * small**2
    most_blue = _MOST_BLUE
    if nucleus.any():
        dye = -np.log(np.clip(np.median(seen.transmittance[nucleus], axis=0), 0.02, 1.1))
        most_blue = max(most_blue, float(dye[2] / max(dye[0], 0.1)) + _ABOVE_NUCLEI)
    keep = np.zeros(len(areas) + 1, np.int32)
    count = 0
    for number in np.flatnonzero((areas > _AREAS[0] * cell) & (areas < _AREAS[1] * cell)) + 1:
        here = labels == number
        _, _, wide, tall = cv2.boundingRect(here.astype(np.uint8))
        means = density[here].mean(axis=0)
        long = max(wide, tall) > _LONGEST * min(wide, tall)
        if long or areas[number - 1] < _FULLEST * wide * tall or means[2] > most_blue * means[0]:
            continue
        count += 1
        keep[number] = count
    numbered = keep[labels].astype(np.float32)
    if factor < 1:
        numbered = cv2.resize(numbered, white.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(white, 0, numbered).astype(np.int32)
