"""Every cell of one field, in memory: what counting and finding start from."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from leukfeat.imaging.background import estimate_background, likeness
from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.counting.platelets import find_platelets
from leukfeat.imaging.counting.red_cells import (
    draw_red_cells,
    find_red_cells,
    red_cell_radius,
    red_light,
)
from leukfeat.imaging.segmentation.appearance import look_at
from leukfeat.imaging.segmentation.default import segment_white_cells
from leukfeat.imaging.segmentation.nuclei import find_nuclei
from leukfeat.imaging.segmentation.regions import label_regions

__all__ = ["CELL_TYPES", "FieldCells", "FieldScale", "look_over", "measure_scale"]

CELL_TYPES = ("white", "red", "platelet")
"""What is told apart in a field."""

_LEAST_NUCLEUS = 0.3
"""Smallest nucleus of a white cell, in areas of a red cell; platelets in clumps stay below."""

_USUAL_NUCLEUS = 2.2
"""Area of a nucleus in areas of a red cell, where the field shows too few to tell."""

_NUCLEUS_TO_RED = 0.6
"""Radius of a red cell, in radii of a nucleus, where no red cell is in view."""

_EMPTY = 12
"""Grey levels below the background that no pixel of an empty field goes."""

_ALIKE, _BLOCK = 0.5, 48
"""Correlation of neighbouring pixels that a block of so many pixels a side reaches where there is
something to see, and noise does not."""

COLUMNS = ("type", "top", "left", "bottom", "right", "row", "column", "area", "at_border", "votes")


@dataclasses.dataclass(frozen=True)
class FieldScale:
    """What must be the same in every tile of a field.

    Parameters
    ----------
    background : tuple of float
        Colour of empty background, red, green, blue.
    radius : float or None
        Usual radius of a red cell in pixels; ``None`` if there is none.
    """

    background: tuple[float, float, float]
    radius: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class FieldCells:
    """The cells of one field.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a cell: ``type``, the box ``top``, ``left``, ``bottom``, ``right`` (pixels, ends
        excluded), the centre ``row``, ``column``, ``area`` (pixels), ``at_border``, ``votes``
        (share of its outline that was seen, for red cells; ``nan`` for others).
    labels : dict of str to ndarray of int32
        Label image a type: the k-th row of that type is k.
    nucleus : ndarray of bool, shape (height, width)
        Nuclei of white cells.
    scale : FieldScale
        Background and radius.
    """

    table: pd.DataFrame
    labels: dict[str, npt.NDArray[np.int32]]
    nucleus: npt.NDArray[np.bool_]
    scale: FieldScale


def measure_scale(image: RGB) -> FieldScale:
    """Measure the background and the size of red cells.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        A field.

    Returns
    -------
    FieldScale
    """
    background = estimate_background(image)
    light = tuple(float(part) for part in background)
    if _is_empty(image, light):
        return FieldScale(light, None)  # type: ignore[arg-type]
    seen = look_at(image, background=background)
    nuclei = find_nuclei(seen)
    red = red_light(seen, nuclei)
    radius = None if red is None else red_cell_radius(red, nuclei)
    if radius is None and nuclei.any():
        _, areas = label_regions(nuclei)
        radius = _NUCLEUS_TO_RED * float(np.sqrt(areas.max() / np.pi))
    return FieldScale(light, radius)  # type: ignore[arg-type]


def look_over(
    image: RGB,
    *,
    scale: FieldScale | None = None,
    visible: float = 0.5,
    types: tuple[str, ...] = CELL_TYPES,
) -> FieldCells:
    """Find every cell of a field.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        A field.
    scale : FieldScale, optional
        Measured in this image if not given.
    visible : float, default=0.5
        Share of a red cell's outline that must lie within the field.
    types : tuple of str
        What is looked for; white cells are always found, for they hide the others.

    Returns
    -------
    FieldCells
    """
    scale = scale or measure_scale(image)
    shape = image.shape[:2]
    labels = {name: np.zeros(shape, np.int32) for name in CELL_TYPES}
    area = None if scale.radius is None else np.pi * scale.radius**2
    if _is_empty(image, scale.background):
        table = _measured(labels["white"], "white").assign(votes=np.nan)
        return FieldCells(table[list(COLUMNS)], labels, labels["white"] > 0, scale)
    labels["white"], nucleus = segment_white_cells(
        image,
        background=scale.background,
        usual_nucleus=None if area is None else _USUAL_NUCLEUS * area,
        least_nucleus=0.0 if area is None else _LEAST_NUCLEUS * area,
    )
    white = labels["white"] > 0
    votes = np.zeros(0)
    if scale.radius is not None:
        seen = look_at(image, background=scale.background)
        if "platelet" in types:
            labels["platelet"] = find_platelets(seen, white, nucleus, scale.radius)
        red = red_light(seen, white)
        if "red" in types and red is not None:
            centres, votes = find_red_cells(red, white, scale.radius, visible=visible)
            labels["red"] = draw_red_cells(red, white, centres, scale.radius)
    tables = [_measured(labels[name], name) for name in CELL_TYPES]
    tables[1]["votes"] = votes[tables[1].pop("number").to_numpy() - 1]
    table = pd.concat([part for part in tables if len(part)] or [tables[0]], ignore_index=True)
    for name in CELL_TYPES:
        labels[name] = _renumbered(labels[name])
    table["votes"] = table["votes"].astype(float) if "votes" in table else np.nan
    return FieldCells(table[list(COLUMNS)], labels, nucleus, scale)


def _is_empty(image: RGB, background: tuple[float, ...]) -> bool:
    # Most tiles of a slide can hold nothing; this is a hundred times faster than looking.
    darkest = image.min(axis=1).min(axis=0)
    return bool((np.array(background) - darkest < _EMPTY).all()) or _is_noise(image)


def _is_noise(image: RGB) -> bool:
    """Tell whether nowhere in a field pixels resemble their neighbours."""
    # Where there is a cell, the first such block ends the search.
    height, width = image.shape[:2]
    return min(height, width) > 1 and all(
        likeness(block) < _ALIKE
        for top in range(0, height, _BLOCK)
        for left in range(0, width, _BLOCK)
        if min((block := image[top : top + _BLOCK, left : left + _BLOCK]).shape[:2]) > 1
    )


def _measured(labels: npt.NDArray[np.int32], name: str) -> pd.DataFrame:
    height, width = labels.shape
    rows = []
    areas = np.bincount(labels.ravel())
    for number, found in enumerate(ndimage.find_objects(labels), start=1):
        if found is None:
            continue
        (top, bottom), (left, right) = ((part.start, part.stop) for part in found)
        inside = labels[found] == number
        at = np.argwhere(inside).mean(axis=0)
        border = top == 0 or left == 0 or bottom == height or right == width
        box = (top, left, bottom, right, float(top + at[0]), float(left + at[1]))
        rows.append((name, *box, int(areas[number]), border, number))
    return pd.DataFrame(rows, columns=[*COLUMNS[:-1], "number"]).astype({"number": int})


def _renumbered(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    present = np.unique(labels)
    present = present[present > 0]
    new = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    new[present] = np.arange(1, len(present) + 1)
    return new[labels]
