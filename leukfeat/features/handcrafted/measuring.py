"""From one image to one row of hand-crafted features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leukfeat.features.handcrafted.colour import COLOUR_COLUMNS, measure_colour
from leukfeat.features.handcrafted.shape import in_micrometres, measure_shape, shape_columns
from leukfeat.features.handcrafted.spec import HandcraftedSpec
from leukfeat.features.handcrafted.texture import measure_texture, texture_columns
from leukfeat.imaging.conversion import RGB, Mask, foreground_mask
from leukfeat.imaging.segmentation.segment import segment

__all__ = ["columns_of", "find_masks", "measure_cell"]


def columns_of(spec: HandcraftedSpec) -> tuple[str, ...]:
    """Return the names of the features of a space.

    Parameters
    ----------
    spec : HandcraftedSpec

    Returns
    -------
    tuple of str
    """
    names: tuple[str, ...] = ()
    if spec.texture is not None:
        names += texture_columns(spec.texture)
    if "shape" in spec.families:
        names += shape_columns(nucleus=spec.finds_nucleus)
    if "colour" in spec.families:
        names += COLOUR_COLUMNS
    if spec.unit == "um":
        nothing = np.zeros((1, len(names)), np.float32)
        names, _ = in_micrometres(names, nothing, np.ones(1))
    return names


def find_masks(image: RGB, segmentation: str) -> tuple[Mask, Mask | None]:
    """Find the cell of an image, and its nucleus where the method knows one.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    segmentation : str
        One of `SEGMENTATIONS`.

    Returns
    -------
    cell : ndarray of bool, shape (height, width)
    nucleus : ndarray of bool, shape (height, width), or None
    """
    if segmentation == "none":
        return np.ones(image.shape[:2], bool), None
    if segmentation == "background":
        return foreground_mask(image), None
    found = segment(image, method=segmentation)
    return found.cell, found.nucleus


def measure_cell(image: RGB, spec: HandcraftedSpec) -> npt.NDArray[np.float32]:
    """Measure one cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    spec : HandcraftedSpec
        What to measure, and how the cell is found; lengths are in pixels whatever its unit.

    Returns
    -------
    ndarray of float32
        In the order of its columns.
    """
    cell, nucleus = find_masks(image, spec.segmentation)
    parts = []
    if spec.texture is not None:
        parts.append(measure_texture(image, cell, spec.texture))
    if "shape" in spec.families:
        parts.append(measure_shape(cell, nucleus, image))
    if "colour" in spec.families:
        parts.append(measure_colour(image, cell))
    return np.concatenate(parts)
