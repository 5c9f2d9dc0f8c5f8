"""A table with one row a cell, for spreadsheets, annotators and other programs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.dataset import UNLABELLED
from leukfeat.data.table_file import table_writer

__all__ = ["export_table"]

_EDGES = ("left", "top", "right", "bottom")
_BOX = ("x", "y", "width", "height")


def export_table(
    cells: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    probabilities: Any = None,
    predictions: Any = None,
    boxes: Any = None,
    digests: Any = None,
    relative_to: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """Write what is known of each cell as a table.

    Parameters
    ----------
    cells : CellDataset or FeatureSet
        The cells. All their columns are written but those that hold arrays.
    path : path-like, optional
        A file that ends in ``.csv`` or ``.parquet``, replaced whole if it is there. Without it
        the table is only returned.
    probabilities : array-like of shape (n_cells,) or (n_cells, n_classes), optional
        Probability of the positive class, or of every class; becomes ``probability_<class>``.
    predictions : array-like of int of shape (n_cells,), or DataFrame, optional
        Predicted labels, indices into the class names, -1 where there is none; becomes
        ``predicted``. Or the table of :meth:`leukfeat.CellClassifier.predict`, a row a cell in
        the same order: its classes need not be those of the cells, and its ``distance``,
        ``far`` and ``reason`` become columns too, so that what was in the training is marked.
    boxes : array-like of shape (n_cells, 4), optional
        Where each cell lies in its field, ``x, y, width, height`` in pixels from the upper left
        corner; becomes four columns. Default: the ``left, top, right, bottom`` of cells that
        :func:`leukfeat.imaging.find_cells` found, as these four.
    digests : array-like of str of shape (n_cells,), optional
        Digest of each cell's pixels, which finds it again where files were moved. Default: the
        ``ids`` of a feature set; becomes ``digest``.
    relative_to : path-like, optional
        Write image paths relative to this folder, with ``/``. Default: a path that is relative
        is written relative to the table's folder, from where it is read again, or whole if it
        does not lie below. Paths can hold names: look at them before the table leaves the house.

    Returns
    -------
    pandas.DataFrame
        Columns in this order: ``image`` (``None`` for an array), the box, ``label`` (the class
        name, ``None`` where unknown), ``subject``, ``group``, ``fold``, further columns,
        ``predicted``, ``probability_<class>``, ``distance``, ``far``, ``reason``, ``digest``;
        those of which nothing is known are absent.

    Raises
    ------
    ValueError
        If the ending is neither, an array has another length than there are cells, a
        probability lies outside [0, 1], a table of predictions is of other images, or an image
        is not below `relative_to`.
    ImportError
        If a Parquet file is wanted and pyarrow is not installed.

    See Also
    --------
    apply_corrections : take over labels that were corrected in such a table.

    Notes
    -----
    In a CSV file, texts that a spreadsheet would run as a formula get a leading apostrophe
    (:func:`load_csv` and :func:`apply_corrections` take it away again).

    Examples
    --------
    >>> from leukfeat import CellDataset
    >>> from leukfeat.data import export_table
    >>> cells = CellDataset.from_arrays(
    ...     ["a.png", "b.png"], ["hem", "all"], ["H1", "7"], class_names=["hem", "all"],
    ...     positive="all",
    ... )
    >>> export_table(cells, probabilities=[0.125, 0.75]).to_dict("records")[1]
    {'image': 'b.png', 'label': 'all', 'subject': '7', 'probability_all': 0.75}
    """
    write = None if path is None else table_writer(path)
    frame, class_names, ids = _known(cells)
    n_cells = len(frame)
    paths = [None if isinstance(image, np.ndarray) else image for image in frame["image"]]
    told = paths
    if relative_to is not None:
        paths = [None if p is None else _relative(p, Path(relative_to)) for p in paths]
    elif path is not None:
        folder = Path(path).expanduser().absolute().parent
        if folder != Path.cwd():
            paths = [p if p is None or os.path.isabs(p) else _from_table(p, folder) for p in paths]
    columns: dict[str, Any] = {"image": pd.Series(paths, dtype=object)}
    if boxes is None and set(_EDGES) <= {*frame}:
        left, top, right, bottom = (frame[edge].to_numpy() for edge in _EDGES)
        frame = frame.drop(columns=[*_EDGES])
        boxes = np.column_stack([left, top, right - left, bottom - top])
    if boxes is not None:
        columns |= dict(zip(_BOX, _matching("boxes", boxes, (n_cells, 4)).T, strict=True))
    if "label" in frame:
        columns["label"] = _class_of(frame["label"].to_numpy(), class_names, "label")
    for name in _ordered(frame):
        if name not in columns:
            columns[name] = frame[name].to_numpy()
    if isinstance(predictions, pd.DataFrame):
        if probabilities is not None:
            raise ValueError(
                "A table of predictions holds probabilities: leave 'probabilities' out."
            )
        columns |= _predicted(predictions, told)
    elif predictions is not None:
        codes = _matching("predictions", predictions, (n_cells,))
        columns["predicted"] = _class_of(codes, class_names, "predictions")
    if probabilities is not None:
        columns |= _probabilities(probabilities, n_cells, class_names, cells.positive)
    digests = ids if digests is None else digests
    if digests is not None:
        columns["digest"] = _matching("digests", digests, (n_cells,))
    table = pd.DataFrame(columns)
    if write is not None:
        write(table)
    return table


def _known(cells: Any) -> tuple[pd.DataFrame, tuple[str, ...], Any]:
    """Return what is known of a dataset's or a feature set's rows, and their digests."""
    if hasattr(cells, "frame"):
        return cells.frame, cells.class_names, None
    # A feature set lives in a room above this one, so it is known by what it has.
    if not hasattr(cells, "X") or not hasattr(cells, "columns"):
        raise TypeError(
            "The 'cells' parameter of export_table must be a CellDataset or a FeatureSet. "
            f"Got {type(cells).__name__} instead."
        )
    frame = pd.DataFrame(index=range(len(cells)))
    if cells.columns is not None:
        frame = cells.columns.reset_index(drop=True).copy()
    if "image" not in frame:
        frame["image"] = frame.pop("path") if "path" in frame else None
    for name, values in (("label", cells.y), ("subject", cells.subjects), ("group", cells.groups)):
        if values is not None:
            frame[name] = values
    return frame, cells.class_names, cells.ids


def _ordered(frame: pd.DataFrame) -> list[str]:
    first = [name for name in ("subject", "group", "fold") if name in frame]
    rest = [
        name
        for name in frame.columns
        if name not in ("image", "label", *first)
        and not any(isinstance(value, np.ndarray) for value in frame[name])
    ]
    if "group" in first and "subject" in first and frame["group"].equals(frame["subject"]):
        first.remove("group")
    return [*first, *rest]


def _class_of(codes: np.ndarray, class_names: tuple[str, ...], what: str) -> pd.Series:
    codes = np.asarray(codes, np.int64)
    if len(codes) and (codes.min() < UNLABELLED or codes.max() >= len(class_names)):
        raise ValueError(
            f"'{what}' must hold -1 or indices into the class names {class_names}. Got values from "
            f"{codes.min()} to {codes.max()} instead."
        )
    names = np.array([*class_names, None], dtype=object)
    return pd.Series(names[codes], dtype=object)


def _probabilities(
    given: Any, n_cells: int, class_names: tuple[str, ...], positive: str | None
) -> dict[str, np.ndarray]:
    values = np.asarray(given, np.float64)
    if values.ndim == 1 and positive is None:
        raise ValueError(
            "'probabilities' has one value a cell, but the cells have no positive class to which "
            f"it could belong. Give one column for each of {class_names}."
        )
    names = [str(positive)] if values.ndim == 1 else list(class_names)
    values = _matching(
        "probabilities", values, (n_cells,) if values.ndim == 1 else (n_cells, len(names))
    )
    if ((values < 0) | (values > 1)).any():
        raise ValueError(
            "'probabilities' must lie in [0, 1]. Got values from "
            f"{np.nanmin(values):.3g} to {np.nanmax(values):.3g}; decision values are no "
            "probabilities."
        )
    return {
        f"probability_{name}": column
        for name, column in zip(names, values.reshape(n_cells, -1).T, strict=True)
    }


def _predicted(table: pd.DataFrame, images: list[str | None]) -> dict[str, np.ndarray]:
    """Return the columns of what a classifier said of these images."""
    if len(table) != len(images):
        raise ValueError(
            f"'predictions' has {len(table)} rows, but there are {len(images)} cells. Give the "
            "table of the same cells, without rows for images that could not be read."
        )
    pairs = zip(images, table["image"], strict=True)
    other = [i for i, (own, its) in enumerate(pairs) if None not in (own, its) and own != its]
    if other and isinstance(table["image"].iloc[other[0]], str):
        i = other[0]
        raise ValueError(
            f"Row {i} of 'predictions' is of '{table['image'].iloc[i]}', but cell {i} is "
            f"'{images[i]}': give both in the same order."
        )
    columns = {"predicted": table["label"].to_numpy()}
    for name in map(str, table.columns):
        if name.startswith("p_"):
            columns[f"probability_{name.removeprefix('p_')}"] = table[name].to_numpy()
    return columns | {n: table[n].to_numpy() for n in ("distance", "far", "reason") if n in table}


def _matching(name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(given)
    if values.shape != shape:
        raise ValueError(f"'{name}' must have the shape {shape}. Got {values.shape} instead.")
    return values


def _from_table(image: str, folder: Path) -> str:
    whole = os.path.abspath(image)
    below = os.path.relpath(whole, folder)
    return whole if below.split(os.sep, 1)[0] == os.pardir else below.replace(os.sep, "/")


def _relative(image: str, folder: Path) -> str:
    # Not resolved: a link to the images must not lead the path out of the folder.
    relative = os.path.relpath(os.path.abspath(image), os.path.abspath(folder))
    if relative.split(os.sep, 1)[0] == os.pardir:
        raise ValueError(f"The image '{image}' does not lie below 'relative_to' ('{folder}').")
    return relative.replace(os.sep, "/")
