"""Cells drawn over their field."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from leukfeat.data.dataset import CellDataset
from leukfeat.imaging.conversion import MAX_PIXELS, RGB
from leukfeat.imaging.counting.counting import open_field

__all__ = ["TYPE_COLOURS", "check_windows", "draw_cells", "outlines_of"]

TYPE_COLOURS: Mapping[str, tuple[int, int, int]] = {
    "white": (0, 114, 178),
    "red": (213, 94, 0),
    "platelet": (0, 158, 115),
}
"""Colours that people with any colour vision can tell apart (Okabe and Ito)."""


def draw_cells(
    field: Any,
    cells: CellDataset,
    *,
    colours: Sequence[tuple[int, int, int]] | None = None,
    texts: Sequence[str] | None = None,
    thickness: int | None = None,
    region: tuple[int, int, int, int] | None = None,
) -> RGB:
    """Draw the outlines of cells on their field.

    Parameters
    ----------
    field : path-like or ndarray
        The field: a file, or pixels in any form that :func:`leukfeat.imaging.to_rgb` takes.
    cells : CellDataset
        From :func:`find_cells`, of this field.
    colours : sequence of tuple of int, optional
        Red, green and blue of each cell; by default a colour a type.
    texts : sequence of str, optional
        Written above each cell.
    thickness : int, optional
        Width of the lines in pixels; by default a 400th of the longer side.
    region : tuple of int, optional
        Draw only this part of the field: top, left, bottom and right in pixels, ends excluded. No
        more of a large TIFF is read.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        A copy of the field, or of the part.

    Raises
    ------
    ImageReadError
        If the file cannot be read.
    ValueError
        If `colours` or `texts` has not one entry a cell, the cells have no windows, `region` is no
        part of the field, or a file has more than 100 million pixels and none is given.

    Examples
    --------
    >>> from leukfeat.data.procedural import make_smear
    >>> from leukfeat.imaging import find_cells
    >>> smear = make_smear(2, 10, 0, size=(240, 320), um_per_px=0.2)
    >>> drawn = draw_cells(smear.image, find_cells(smear.image))
    >>> drawn.shape, bool((drawn != smear.image).any())
    ((240, 320, 3), True)
    """
    for name, given in (("colours", colours), ("texts", texts)):
        if given is not None and len(given) != len(cells):
            raise ValueError(
                f"'{name}' has {len(given)} entries, but there are {len(cells)} cells."
            )
    image, top, left = _part(field, region)
    thickness = thickness or max(round(max(image.shape) / 400), 1)
    for i, (line, at) in enumerate(outlines_of(cells)):
        usual = TYPE_COLOURS.get(str(cells.column("type")[i]), (0, 0, 0))
        colour = usual if colours is None else colours[i]
        line = [ring - np.array([left, top], np.int32) for ring in line]
        if not any(_is_in_view(ring, image) for ring in line):
            continue
        cv2.polylines(image, line, True, colour, thickness, cv2.LINE_AA)
        if texts is not None and texts[i]:
            scale = 0.4 * thickness
            place = (at[1] - left, max(at[0] - top - 2 * thickness, 10 * thickness))
            cv2.putText(
                image,
                texts[i],
                place,
                cv2.FONT_HERSHEY_SIMPLEX,
                scale,
                colour,
                thickness,
                cv2.LINE_AA,
            )
    return image


def _part(field: Any, region: tuple[int, int, int, int] | None) -> tuple[RGB, int, int]:
    """Return the pixels that are drawn on, and where they lie in the field."""
    with contextlib.closing(open_field(field, None)) as regions:
        height, width = regions.shape
        if region is None and regions.path is not None and height * width > MAX_PIXELS:
            raise ValueError(
                f"'{regions.path}' has {height * width:,} pixels ({height} x {width}), and up to "
                f"{MAX_PIXELS:,} are drawn on. Give 'region', the part to be drawn: (top, left, "
                "bottom, right)."
            )
        top, left, bottom, right = region or (0, 0, height, width)
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise ValueError(
                f"'region' must be (top, left, bottom, right) within the field of {height} x "
                f"{width} pixels, ends excluded. Got {region!r} instead."
            )
        pixels = regions.read(slice(top, bottom), slice(left, right)).copy()
        regions.check_range()
        return pixels, top, left


def _is_in_view(ring: np.ndarray, image: RGB) -> bool:
    return bool(((ring >= 0) & (ring < image.shape[1::-1])).all(axis=1).any())


def outlines_of(cells: CellDataset) -> list[tuple[list[np.ndarray], tuple[int, int]]]:
    """Return each cell's outlines as points (column, row) in the field, and its box's corner."""
    check_windows(cells)
    found = []
    for row in cells.frame.to_dict("records"):
        lines, _ = cv2.findContours(
            row["mask"].astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
        )
        shift = np.array([row["window_left"], row["window_top"]], np.int32)
        found.append(([line[:, 0] + shift for line in lines], (int(row["top"]), int(row["left"]))))
    return found


def check_windows(cells: CellDataset) -> None:
    """Refuse cells of which it is not known where their masks lie in a field.

    Parameters
    ----------
    cells : CellDataset

    Raises
    ------
    ValueError
        If they do not come from :func:`find_cells`.
    """
    missing = {"mask", "window_top", "window_left", "top", "left"} - set(cells.frame.columns)
    if len(cells) and missing:
        raise ValueError(
            f"'cells' must come from find_cells: the columns {sorted(missing)} are missing."
        )
