"""The default segmentation: nuclei, then the outline of the cell around each."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

from leukfeat.imaging.background import estimate_background, likeness
from leukfeat.imaging.conversion import RGB, Mask, foreground_mask
from leukfeat.imaging.segmentation.appearance import Appearance, look_at
from leukfeat.imaging.segmentation.nuclei import find_nuclei, group_lobes, refine_nucleus
from leukfeat.imaging.segmentation.regions import (
    fill_small_holes,
    keep_large,
    label_regions,
    window_around,
)
from leukfeat.imaging.segmentation.touching import divide, reference_area
from leukfeat.imaging.segmentation.white_cell import REACH, outline_cell

__all__ = ["cut_out_mask", "segment_cut_out", "segment_white_cells"]


_ALIKE = 0.5
"""Least correlation of neighbouring pixels in and around a nucleus; 0 is noise. That of the white cells
of the 200 development images, even with noise of 10 grey levels, is above 0.9."""

_SPREAD_OF_LOBES = 1.4
"""Area that the lobes of a nucleus take up, in areas of a round one."""


def segment_white_cells(
    image: RGB,
    *,
    background: npt.ArrayLike | None = None,
    usual_nucleus: float | None = None,
    least_nucleus: float = 0.0,
) -> tuple[npt.NDArray[np.int32], Mask]:
    """Find every white cell of an image, largest nucleus first.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    background : array_like of shape (3,), optional
        Colour of empty background; estimated if not given.
    usual_nucleus : float, optional
        Area of a nucleus in pixels, by which touching nuclei are told from one nucleus where
        the image holds too few to tell.
    least_nucleus : float, default=0.0
        Nuclei with a smaller area, all lobes together, are left out (platelets).

    Returns
    -------
    labels : ndarray of int32, shape (height, width)
        0 outside, k in cell k.
    nucleus : ndarray of bool, shape (height, width)
        The nuclei.

    Warns
    -----
    UserWarning
        If none is found and the image is grey, in which nuclei cannot be told by their colour.
    """
    labels = np.zeros(image.shape[:2], np.int32)
    nucleus = np.zeros(image.shape[:2], bool)
    if background is None:
        background = estimate_background(image)
    nuclei = find_nuclei(look_at(image, background=background))
    _, areas = label_regions(nuclei)
    if not len(areas):
        _warn_if_grey(image)
        return labels, nucleus
    # Noise is averaged over a length that grows with the cell, so that the same cell at twice
    # the size is seen alike.
    radius = np.sqrt(min(nuclei.sum(), 2 * areas.max()) / np.pi)
    coarse = look_at(image, sigma=max(0.03 * radius, 0.6), background=background)
    fine = look_at(image, sigma=max(0.018 * radius, 0.5), background=background)
    pieces, _ = label_regions(nuclei)
    reference = reference_area(pieces)
    single = usual_nucleus if reference is None else reference
    if reference is not None:
        pieces = divide(nuclei, area=reference)
    elif usual_nucleus is not None:
        pieces = divide(nuclei, area=usual_nucleus)
        # The lobes of one nucleus lie apart: their hull is larger than a round nucleus.
        reference = _SPREAD_OF_LOBES * usual_nucleus
    groups = group_lobes(pieces, coarse, reference=reference, single=single)
    sizes = np.bincount(groups.ravel())[1:]
    largest_first = [group for group in np.argsort(-sizes) + 1 if sizes[group - 1] >= least_nucleus]
    seen = [group for group in largest_first if not _is_noise(image, groups == group)]
    for number, group in enumerate(seen, start=1):
        around = window_around(groups == group, margin=1.2 * REACH * np.sqrt(sizes[group - 1]))
        window = groups[around]
        here = coarse.window(*around)
        cell = outline_cell(here, window == group, (window > 0) & (window != group))
        free = labels[around] == 0
        own = _refined(fine.window(*around), cell, window == group)
        labels[around][(cell | own) & free] = number
        nucleus[around][own & free] = True
    return labels, nucleus


def segment_cut_out(image: RGB) -> tuple[npt.NDArray[np.int32], Mask]:
    """Find the nucleus of a cell that was cut out: all around it is exactly 0.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.

    Returns
    -------
    labels : ndarray of int32, shape (height, width)
        1 in the cell.
    nucleus : ndarray of bool, shape (height, width)
        Its nucleus.
    """
    cell = cut_out_mask(image)
    radius = np.sqrt(cell.sum() / np.pi)
    # The colour of the light is not in view any more; white is what it was set to be.
    seen = look_at(image, sigma=max(0.012 * radius, 0.5), background=(255, 255, 255))
    return cell.astype(np.int32), refine_nucleus(seen, cell)


def cut_out_mask(image: RGB) -> Mask:
    """Return the cell of an image whose background is exactly 0: its largest region, holes filled.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    return fill_small_holes(keep_large(foreground_mask(image), share=1.0), area=np.inf)


def _warn_if_grey(image: RGB) -> None:
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    if np.ptp(green) and np.array_equal(red, green) and np.array_equal(green, blue):
        warnings.warn(
            "No white cell was found in this image or part of a field, which is grey (its three "
            "channels are equal): nuclei are known by their colour, and in grey most are missed. "
            "Give it in colour, or segment it by a method that takes what is dark, such as 'otsu'.",
            UserWarning,
            stacklevel=3,
        )


def _is_noise(image: RGB, region: Mask) -> bool:
    """Tell whether pixels in and around a region do not resemble their neighbours."""
    radius = float(np.sqrt(region.sum() / np.pi))
    window = image[window_around(region, margin=0.5 * radius)]
    return min(window.shape[:2]) > 1 and likeness(window) < _ALIKE


def _refined(appearance: Appearance, cell: Mask, rough: Mask) -> Mask:
    nucleus = refine_nucleus(appearance, cell)
    return nucleus if nucleus.any() else rough & cell
