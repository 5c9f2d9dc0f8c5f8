"""Cells as a label image with a table, as napari and CellProfiler know them."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from leukfeat.atomic_file import written_whole
from leukfeat.data.dataset import CellDataset
from leukfeat.data.delimited import read_text_table
from leukfeat.data.table_file import table_writer
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.counting.counting import open_field
from leukfeat.imaging.counting.overlay import check_windows
from leukfeat.imaging.counting.polygons import cells_from_masks
from leukfeat.imaging.counting.qupath import names_of
from leukfeat.imaging.reading import check_encoded, read_bytes

__all__ = ["label_image", "read_label_image", "write_label_image"]


def label_image(cells: CellDataset, shape: tuple[int, int]) -> np.ndarray:
    """Return the cells as one image of integers.

    Parameters
    ----------
    cells : CellDataset
        From :func:`find_cells`.
    shape : tuple of int
        Height and width of the field.

    Returns
    -------
    ndarray of uint16 or int32, shape (height, width)
        0 outside, the cell's ``number`` inside; ``uint16`` where the numbers allow it.

    Raises
    ------
    ValueError
        If a cell reaches beyond `shape`, or the cells do not come from :func:`find_cells`.
    """
    check_windows(cells)
    numbers = cells.column("number").astype(int) if len(cells) else np.zeros(0, int)
    kind = np.uint16 if numbers.max(initial=0) < 1 << 16 else np.int32
    labels = np.zeros(shape, kind)
    frame = cells.frame
    for i, number in enumerate(numbers):
        mask, top, left = (frame[name].iloc[i] for name in ("mask", "window_top", "window_left"))
        rows, columns = np.nonzero(mask)
        rows, columns = rows + int(top), columns + int(left)
        box = [int(f(at)) for f in (np.min, np.max) for at in (rows, columns)] if len(rows) else []
        if box and (min(box) < 0 or box[2] >= shape[0] or box[3] >= shape[1]):
            raise ValueError(
                f"Cell {number}, rows {box[0]} to {box[2]} and columns {box[1]} to {box[3]} (from 0), "
                f"does not lie within 'shape', {tuple(shape)}, which must be the height and width of "
                "the field: it is that of another field, or the two are the wrong way round."
            )
        labels[rows, columns] = number
    return labels


def write_label_image(
    cells: CellDataset, path: str | os.PathLike[str], *, shape: tuple[int, int]
) -> Path:
    """Write a label image, and beside it a table with a row a label.

    Parameters
    ----------
    cells : CellDataset
        From :func:`find_cells`.
    path : path-like
        Ends in ``.png``, ``.tif`` or ``.tiff``; the table has the same name and ends in
        ``.csv``. A PNG holds numbers up to 65,535.
    shape : tuple of int
        Height and width of the field.

    Returns
    -------
    pathlib.Path
        The table.

    Raises
    ------
    ValueError
        If the ending is another, a PNG cannot hold the numbers, or a cell reaches beyond `shape`.

    Examples
    --------
    >>> import tempfile
    >>> from leukfeat.data.procedural import make_smear
    >>> from leukfeat.imaging import find_cells
    >>> smear = make_smear(2, 10, 0, size=(240, 320), um_per_px=0.2)
    >>> cells = find_cells(smear.image)
    >>> path = Path(tempfile.mkdtemp(), "labels.png")
    >>> write_label_image(cells, path, shape=smear.owner.shape).name
    'labels.csv'
    >>> len(read_label_image(path, smear.image))
    2
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".tif", ".tiff"):
        raise ValueError(f"'{path}' must end in .png, .tif or .tiff.")
    labels = label_image(cells, shape)
    if labels.dtype != np.uint16 and path.suffix.lower() == ".png":
        raise ValueError(f"'{path}': a PNG holds numbers up to 65,535; write a .tif file.")
    frame = cells.frame.drop(columns=["image", "mask"]).rename(columns={"number": "index"})
    if "classification" not in frame:
        frame["classification"] = names_of(cells)
    if "label" in frame:
        frame = frame.drop(columns="label")
    table = path.with_suffix(".csv")
    table_writer(table)(frame)
    with written_whole(path) as partial:
        if not cv2.imwrite(str(partial), labels):
            raise OSError(f"'{path}' could not be written.")
    return table


def read_label_image(
    path: str | os.PathLike[str],
    field: Any,
    *,
    class_names: Sequence[str] | None = None,
    positive: str | None = None,
    side: int | None = None,
    margin: float = 0.1,
    background: str = "keep",
    um_per_px: float | None = None,
    **columns: Any,
) -> CellDataset:
    """Read cells from a label image, and their classes from the table beside it.

    Parameters
    ----------
    path : path-like
        The image: 0 outside, another integer in each cell. A table of the same name ending in
        ``.csv`` may hold the columns ``index`` and ``classification``; a label that it does not
        name is a cell without class, and a row without label is left out.
    field : path-like or ndarray
        The field, of the same height and width; of a large TIFF only the windows are read.
    class_names, positive, side, margin, background, um_per_px, **columns
        As for :func:`read_qupath`.

    Returns
    -------
    CellDataset
        With the columns of :func:`find_cells` and ``classification``.

    Raises
    ------
    ImageReadError
        If the file cannot be read, or announces more pixels than the field has.
    ValueError
        If it is not one channel of integers, or has another size than the field; or if the table
        lacks a column, or an index is no integer; or if a setting is not allowed.
    """
    path = Path(path)
    with contextlib.closing(open_field(field, None)) as regions:
        height, width = regions.shape
        held = _read_labels(path, max_pixels=height * width)
        fraction = held.dtype.kind == "f" and (held != np.floor(held)).any()
        if held.shape != regions.shape or fraction or held.min() < 0:
            raise ValueError(
                f"'{path}' must hold one channel of integers from 0, as large as the field "
                f"{regions.shape}. Got {held.dtype} of shape {held.shape}."
            )
        table = path.with_suffix(".csv")
        known = _read_classes(table) if table.exists() else {}
        masks, numbers = _masks_of(held)
        return cells_from_masks(
            regions,
            masks,
            [known.get(number) for number in numbers],
            numbers,
            class_names=class_names,
            positive=positive,
            side=side,
            margin=margin,
            background=background,
            um_per_px=um_per_px,
            columns=columns,
        )


def _masks_of(held: np.ndarray) -> tuple[list[tuple[Mask, int, int]], list[int]]:
    """Return the mask of each label with the place of its first pixel, and the labels."""
    # One pass over the pixels of cells, however many labels there are.
    places = np.flatnonzero(held)
    values = held.ravel()[places].astype(np.int64)
    order = np.argsort(values, kind="stable")
    places, values = places[order], values[order]
    starts = np.flatnonzero(np.diff(values, prepend=-1))
    masks: list[tuple[Mask, int, int]] = []
    numbers: list[int] = []
    if not len(values):
        return masks, numbers
    for start, stop in zip(starts, [*starts[1:], len(values)], strict=True):
        rows, columns = np.divmod(places[start:stop], held.shape[1])
        top, left = int(rows.min()), int(columns.min())
        mask = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), bool)
        mask[rows - top, columns - left] = True
        masks.append((mask, top, left))
        numbers.append(int(values[start]))
    return masks, numbers


def _read_labels(path: Path, *, max_pixels: int) -> np.ndarray:
    name = os.fspath(path)
    data, _ = read_bytes(name)
    check_encoded(data, name, max_pixels=max_pixels)
    try:
        held = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        held = None
    if held is None:
        raise ImageReadError(f"Cannot read the label image {name!r}: OpenCV could not decode it.")
    return held


def _read_classes(table: Path) -> dict[int, str]:
    frame = read_text_table(table)
    if "index" not in frame or "classification" not in frame:
        raise ValueError(
            f"'{table}' needs the columns 'index' and 'classification'. It has {list(frame)}."
        )
    known = {}
    for line, (index, name) in enumerate(
        zip(frame["index"].str.strip(), frame["classification"], strict=True), start=2
    ):
        if not index or not name.strip():
            continue
        whole = re.fullmatch(r"(\d{1,10})(?:\.0*)?", index, re.ASCII)
        if whole is None:
            raise ValueError(
                f"'{table}', line {line}: the index must be the number of a label. Got {index!r}."
            )
        known[int(whole[1])] = name
    return known
