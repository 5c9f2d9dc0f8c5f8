"""Labels that people have corrected, taken over into a dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.data.delimited import read_text_table
from leukfeat.data.left_out import LeftOut

__all__ = ["apply_corrections"]


def apply_corrections(
    cells: CellDataset,
    corrections: str | os.PathLike[str] | pd.DataFrame,
    *,
    on: str = "image",
    label: str = "label",
    annotator: str | None = None,
    keys: Any = None,
    root: str | os.PathLike[str] | None = None,
    errors: str = "raise",
) -> CellDataset:
    """Give cells the labels that stand in a table.

    Parameters
    ----------
    cells : CellDataset
        The cells, with class names.
    corrections : path-like or pandas.DataFrame
        A CSV or Parquet file, or a frame, with the columns `on` and `label`: for example what
        `export_table` wrote, after somebody went over it. Cells that it does not name keep
        their labels, and so do those whose label is empty in it.
    on : str, default="image"
        The column that tells which cell is meant. ``"image"``: its path.
    label : str, default="label"
        The column with the corrected class name.
    annotator : str, optional
        Take only the rows with this value in the column ``annotator``.
    keys : array-like of str of shape (n_cells,), optional
        What the column `on` is compared with, for example the ``ids`` of a feature set against
        ``on="digest"``. Default: the column of `cells` of that name.
    root : path-like, optional
        Folder that relative paths in the table start from. Default: the folder of the file.
    errors : {"raise", "skip"}, default="raise"
        Whether rows that name no cell, or that contradict each other, are errors or are left out
        and listed in ``.skipped``.

    Returns
    -------
    CellDataset
        A new dataset. The column ``label_before`` holds the former class name where the label
        has changed, and ``None`` elsewhere.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a column is absent, a label is no class of `cells`, a row names no cell, or two rows
        contradict each other.

    See Also
    --------
    export_table : write the table to be corrected.
    consensus_labels : one label from those of several annotators.

    Examples
    --------
    >>> import pandas as pd
    >>> from leukfeat import CellDataset
    >>> from leukfeat.data import apply_corrections
    >>> cells = CellDataset.from_arrays(["a.png", "b.png"], ["hem", "all"], class_names=["hem", "all"])
    >>> table = pd.DataFrame({"image": ["a.png"], "label": ["all"]})
    >>> corrected = apply_corrections(cells, table)
    >>> corrected.y.tolist(), corrected.column("label_before").tolist()
    ([1, 1], ['hem', None])
    """
    left_out = LeftOut(errors, function="apply_corrections")
    table, source, folder = _table(corrections)
    required = [on, label, *([] if annotator is None else ["annotator"])]
    absent = [column for column in required if column not in table.columns]
    if absent:
        raise ValueError(
            f"{source} has no column {absent}; it has {list(table.columns)}. Name the columns with "
            "'on' and 'label'."
        )
    if annotator is not None:
        table = table[table["annotator"].astype(str) == annotator]
        if table.empty:
            raise ValueError(f"{source} has no row of the annotator {annotator!r}.")
    start = folder if root is None else Path(root).expanduser()
    positions = _positions(cells, on, keys)
    chosen = _chosen_labels(table, on, label, cells.class_names, source, start, left_out)
    labels = np.full(len(cells), -1, np.int64) if cells.y is None else cells.y.copy()
    before = labels.copy()
    for key, code in chosen.items():
        if key in positions:
            labels[positions[key]] = code
        else:
            left_out.reject(
                source.strip("'"),
                f"no cell of {cells.name!r} has the {on} {key!r}",
                remedy="name the folder of relative paths with 'root', or another key with 'on'",
            )
    names = np.array([*cells.class_names, None], dtype=object)
    frame = cells.frame.assign(label=labels)
    frame["label_before"] = pd.Series(np.where(labels != before, names[before], None), dtype=object)
    corrected = CellDataset(
        frame, class_names=cells.class_names, positive=cells.positive, name=cells.name
    )
    return left_out.attach_to(corrected)


def _table(corrections: Any) -> tuple[pd.DataFrame, str, Path]:
    """Return the table, what to call it in messages, and where its relative paths start."""
    if isinstance(corrections, pd.DataFrame):
        return corrections, "the table of corrections", Path()
    path = Path(corrections).expanduser()
    if path.suffix.lower() == ".parquet":
        if not path.is_file():
            raise FileNotFoundError(f"There is no table of corrections '{path}'.")
        return _parquet(path), f"'{path}'", path.parent
    return read_text_table(path, parameter="corrections"), f"'{path}'", path.parent


def _parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(
            f"Reading '{path}' needs pyarrow: pip install 'leukfeat[parquet]', or give a .csv file."
        ) from error
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"The table of corrections '{path}' cannot be read: {error}") from error


def _positions(cells: CellDataset, on: str, keys: Any) -> dict[str, list[int]]:
    """Return which rows have which key; identical images can share one."""
    values = cells.column(on) if keys is None else np.asarray(keys, object)
    if len(values) != len(cells):
        raise ValueError(f"'keys' has {len(values)} entries but there are {len(cells)} cells.")
    positions: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        if isinstance(value, str) and value:
            key = os.path.abspath(value) if on == "image" and keys is None else value
            positions.setdefault(key, []).append(row)
    return positions


def _chosen_labels(
    table: pd.DataFrame,
    on: str,
    label: str,
    class_names: tuple[str, ...],
    source: str,
    folder: Path,
    left_out: LeftOut,
) -> dict[str, int]:
    """Return the label of each key, where all rows of the key agree."""
    given = table[[on, label]].dropna().astype(str)
    given = given[given[label].str.strip() != ""]
    unknown = sorted(set(given[label].str.strip()) - set(class_names))
    if unknown:
        raise ValueError(
            f"The column {label!r} of {source} holds {unknown[:8]}, which are no classes of the "
            f"cells: {class_names}."
        )
    chosen: dict[str, int] = {}
    contradicted = set()
    for key, name in zip(given[on], given[label].str.strip(), strict=True):
        if on == "image":
            key = os.path.abspath(os.path.join(folder, key))
        code = class_names.index(name)
        if key not in contradicted and chosen.setdefault(key, code) != code:
            left_out.reject(
                source.strip("'"),
                f"the rows of {key!r} give it the labels {class_names[chosen[key]]!r} and {name!r}",
                remedy="choose one person with 'annotator', or combine them with consensus_labels",
            )
            contradicted.add(key)
    return {key: code for key, code in chosen.items() if key not in contradicted}
