"""Cells of the C-NMC 2019 challenge, in every layout in which it is passed on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from leukfeat.data.cnmc_labels import find_labels_csv, read_labels_csv
from leukfeat.data.cnmc_layout import CnmcFiles, find_cnmc_files
from leukfeat.data.cnmc_names import CnmcName, group_of, parse_cnmc_name
from leukfeat.data.dataset import UNLABELLED, CellDataset
from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import FoundFile, existing_folder
from leukfeat.exceptions import CellNameError

__all__ = ["load_cnmc"]

_CLASS_NAMES = ("hem", "all")
_SPLITS = ("train", "prelim", "final")
_COLUMNS = ("image", "label", "subject", "group", "fold", "field", "cell")
_FOLD = re.compile(r"fold_\d+", re.IGNORECASE)

_Row = tuple[str, int, str | None, str | None, str | None, str | None, int | None]


def load_cnmc(
    root: str | os.PathLike[str],
    split: str = "train",
    *,
    labels_csv: str | os.PathLike[str] | None = None,
    errors: str = "raise",
) -> CellDataset:
    """Load the cells of one split of C-NMC 2019.

    Parameters
    ----------
    root : path-like
        The folder of the whole set, or that of the split. Understood are
        ``C-NMC_training_data/fold_k/{all,hem}``, the doubled ``fold_0/fold_0/all``, Kaggle's
        ``training_data``, ``validation_data`` and ``testing_data``, and TCIA's merged training
        folder (with ``all`` and ``hem`` or flat), which does not tell the fold.
    split : {"train", "prelim", "final"}, default="train"
        The training set (10,661 cells), the preliminary test set (1,867) or the final test set
        (2,586, whose labels were never published).
    labels_csv : path-like, optional
        The table of the preliminary test set with the columns ``Patient_ID`` (the original
        file name), ``new_names`` (the file on disk) and ``labels`` (1 = ALL, 0 = HEM), where
        it does not lie with the images.
    errors : {"raise", "skip"}, default="raise"
        Whether a file that does not fit is an error, or is left out and listed in ``.skipped``.

    Returns
    -------
    CellDataset
        Classes ``("hem", "all")``, positive ``"all"``. Columns: ``image`` (path), ``label``,
        ``subject`` (``"10"`` and ``"H10"`` are two people), ``group`` (subjects that share
        identical images are one group: 20+21, 51+75+78, H2+H4+H5+H6, H3+H10), ``fold`` where
        known, ``field`` (``<subject>_<image>``), ``cell``, ``split``. The final test set has
        neither labels nor subjects.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist, holds no image of the split, or the table of labels is absent.
    CellNameError
        If a name does not parse; the message shows it.
    ValueError
        If a name and its folder disagree on the class, a cell is there twice, or the table and
        the files of the preliminary test set do not match one to one.

    Notes
    -----
    The ``hem`` cells of C-NMC are normal B-lymphoid precursors, not mature lymphocytes.
    Where the merged training folder stands beside the folds, the folds are taken and the
    copies listed in ``.skipped``.

    References
    ----------
    .. [1] C-NMC 2019, The Cancer Imaging Archive, doi 10.7937/tcia.2019.dc64i46r.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import leukfeat as lf
    >>> root = pathlib.Path(tempfile.mkdtemp(), "C-NMC_training_data")
    >>> for path in ("fold_0/all/UID_20_1_1_all.bmp", "fold_0/hem/UID_h3_4_1_hem.bmp",
    ...              "fold_2/all/UID_21_1_1_all.bmp"):
    ...     (root / path).parent.mkdir(parents=True, exist_ok=True)
    ...     (root / path).touch()
    >>> cells = lf.load_cnmc(root)
    >>> cells
    CellDataset('C-NMC 2019 train': 3 cells of 3 subjects; hem 1, all 2; positive='all')
    >>> cells.frame[["subject", "group", "fold"]].to_numpy().tolist()
    [['20', '20+21', 'fold_0'], ['H3', 'H3+H10', 'fold_0'], ['21', '20+21', 'fold_2']]
    """
    if split not in _SPLITS:
        raise ValueError(
            f"The 'split' parameter of load_cnmc must be one of {_SPLITS}. Got {split!r} instead."
        )
    if labels_csv is not None and split != "prelim":
        raise ValueError(
            f"'labels_csv' belongs to split='prelim'. Got split={split!r}: the names of the "
            "training set tell its labels, and those of the final test set were never published."
        )
    folder = existing_folder(root)
    left_out = LeftOut(errors, function="load_cnmc")
    files = find_cnmc_files(folder, split, left_out)
    if split == "train":
        rows = _train_rows(files.images, folder.resolve().name, left_out)
    elif split == "prelim":
        rows = _prelim_rows(files, folder, labels_csv, left_out)
    else:
        rows = [(file.path, UNLABELLED, None, None, None, None, None) for file in files.images]
    left_out.require_any(len(rows), folder)
    columns = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
    known = {name: values for name, values in columns.items() if set(values) != {None}}
    frame = pd.DataFrame({name: pd.Series(v, dtype=object) for name, v in known.items()})
    if "cell" in known:
        frame["cell"] = frame["cell"].astype(np.int64)
    frame["split"] = split
    cells = CellDataset(frame, class_names=_CLASS_NAMES, positive="all", name=f"C-NMC 2019 {split}")
    return left_out.attach_to(cells)


def _row(path: str, name: CnmcName, fold: str | None = None) -> _Row:
    return (
        path,
        _CLASS_NAMES.index(name.label),
        name.subject,
        group_of(name.subject),
        fold,
        f"{name.subject}_{name.image}",
        name.cell,
    )


def _train_rows(images: list[FoundFile], root_name: str, left_out: LeftOut) -> list[_Row]:
    rows: dict[CnmcName, _Row] = {}
    places: dict[tuple[str, ...], tuple[str | None, str | None]] = {}
    for file in images:
        if file.folders not in places:
            places[file.folders] = _place((root_name, *file.folders))
        fold, folder_class = places[file.folders]
        try:
            name = parse_cnmc_name(file.name)
        except CellNameError as error:
            left_out.reject(file.path, str(error).rstrip("."), error=CellNameError)
            continue
        if folder_class not in (None, name.label):
            left_out.reject(
                file.path, f"the name says {name.label!r} but the folder {folder_class!r}"
            )
            continue
        first = rows.get(name)
        if first is None:
            rows[name] = _row(file.path, name, fold)
        elif (first[4] is None) != (fold is None):
            # TCIA's package holds the merged training folder beside the folds.
            kept, copy = (file.path, first[0]) if first[4] is None else (first[0], file.path)
            rows[name] = _row(kept, name, fold or first[4])
            left_out.note(copy, f"the same cell stands in a fold: '{kept}'")
        else:
            left_out.reject(file.path, f"the same cell is there twice: '{first[0]}'")
    return list(rows.values())


def _place(folders: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return the fold and the class that the folders of a file tell."""
    lower = [folder.lower() for folder in folders]
    fold = next((folder for folder in reversed(lower) if _FOLD.fullmatch(folder)), None)
    return fold, next((folder for folder in reversed(lower) if folder in _CLASS_NAMES), None)


def _prelim_rows(
    files: CnmcFiles,
    folder: Path,
    labels_csv: str | os.PathLike[str] | None,
    left_out: LeftOut,
) -> list[_Row]:
    table = Path(labels_csv).expanduser() if labels_csv else find_labels_csv(folder, files.tables)
    if table is None:
        raise FileNotFoundError(
            f"The labels of the preliminary test set were not found below '{folder}' or beside it; "
            "expected C-NMC_test_prelim_phase_data_labels.csv with the columns Patient_ID, "
            "new_names, labels. Name the file with 'labels_csv'; to predict without labels use "
            "CellDataset.from_arrays(paths)."
        )
    labels = read_labels_csv(table, left_out)
    rows: dict[str, _Row] = {}
    for file in files.images:
        if file.name in rows:
            left_out.reject(file.path, f"the same cell is there twice: '{rows[file.name][0]}'")
        elif file.name not in labels:
            left_out.reject(file.path, f"this image has no row in the labels of '{table}'")
        else:
            rows[file.name] = _row(file.path, labels[file.name].original)
    absent = [new_name for new_name in labels if new_name not in rows]
    for new_name in absent:
        left_out.reject(
            table,
            f"the row of {new_name!r} has no image",
            remedy=f"complete the download (rows without image: {len(absent)} of {len(labels)})",
        )
    return list(rows.values())
