"""Cells drawn over their field."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from leukfeat.data.dataset import CellDataset
from leukfeat.imaging.conversion import RGB, to_rgb
from leukfeat.imaging.reading import read_image

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

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        A copy of the field.

    Raises
    ------
    ImageReadError
        If the file cannot be read.
    ValueError
        If `colours` or `texts` has not one entry a cell, or the cells have no windows.

    Examples
    --------
    >>> from leukfeat.data.procedural import make_smear
    >>> from leukfeat.imaging import find_cells
    >>> smear = make_smear(2, 10, 0, size=(240, 320), um_per_px=0.2)
    >>> drawn = draw_cells(smear.image, find_cells(smear.image))
    >>> drawn.shape, bool((drawn != smear.image).any())
    ((240, 320, 3), True)
    """
    is_path = isinstance(field, (str, os.PathLike))
    image = read_image(field) if is_path else to_rgb(field).copy()
    for name, given in (("colours", colours), ("texts", texts)):
        if given is not None and len(given) != len(cells):
            raise ValueError(
                f"'{name}' has {len(given)} entries, but there are {len(cells)} cells."
            )
    thickness = thickness or max(round(max(image.shape) / 400), 1)
    for i, (line, at) in enumerate(outlines_of(cells)):
        usual = TYPE_COLOURS.get(str(cells.column("type")[i]), (0, 0, 0))
        colour = usual if colours is None else colours[i]
        cv2.polylines(image, line, True, colour, thickness, cv2.LINE_AA)
        if texts is not None and texts[i]:
            scale = 0.4 * thickness
            place = (at[1], max(at[0] - 2 * thickness, 10 * thickness))
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
