"""Writing cells to a folder in the layout and the names of C-NMC 2019."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from ..dataset import CellDataset

__all__ = ["write_cnmc_tree"]

_TRAIN, _PRELIM = "C-NMC_training_data", "C-NMC_test_prelim_phase_data"
_SPLITS = ("train", "prelim")


def write_cnmc_tree(
    cells: CellDataset, root: str | os.PathLike[str], *, split: str = "train"
) -> Path:
    """Write cells as BMP files that `leukfeat.load_cnmc` reads.

    Parameters
    ----------
    cells : CellDataset
        Labelled images in memory with a subject each, from `make_cells`. The columns ``field``
        (numbered within the subject) and ``fold`` are used where they exist.
    root : path-like
        Folder of the whole set; made if it does not exist. The folder of the split must not
        exist in it.
    split : {"train", "prelim"}, default="train"
        ``"train"`` writes ``C-NMC_training_data/fold_0/all/UID_101_1_1_all.bmp`` and so on;
        ``"prelim"`` numbered files, and their names in a table of labels beside them.

    Returns
    -------
    pathlib.Path
        `root`, for ``load_cnmc(root, split)``. The files are in the order of the cells within
        each folder's names, not in that of the dataset.

    Raises
    ------
    ValueError
        If a cell has no label, no subject or no array, or a name of C-NMC cannot say what is
        known of it: there, subjects ``H...`` have `hem` cells only and the others `all` cells.
    FileExistsError
        If the folder of the split is there already.

    Examples
    --------
    >>> import tempfile
    >>> import leukfeat as lf
    >>> from leukfeat.data.procedural import make_cells, write_cnmc_tree
    >>> root = write_cnmc_tree(make_cells(4, 12, size=32), tempfile.mkdtemp())
    >>> lf.load_cnmc(root)
    CellDataset('C-NMC 2019 train': 12 cells of 4 subjects; hem 2, all 10; positive='all')
    """
    if split not in _SPLITS:
        raise ValueError(
            f"The 'split' parameter of write_cnmc_tree must be one of {_SPLITS}. "
            f"Got {split!r} instead."
        )
    names = _names(cells)
    root = Path(root)
    folder = root / (_TRAIN if split == "train" else _PRELIM)
    if folder.exists():
        raise FileExistsError(
            f"'{folder}' exists already; write_cnmc_tree does not mix two datasets. Remove it, or "
            "give another 'root'."
        )
    if split == "train":
        folds = cells.column("fold") if "fold" in cells.frame else ["fold_0"] * len(cells)
        places = [
            folder / fold / name.rsplit("_", 1)[1].removesuffix(".bmp") / name
            for fold, name in zip(folds, names, strict=True)
        ]
    else:
        places = [folder / f"{i + 1}.bmp" for i in range(len(cells))]
    for place, image in zip(places, cells.images, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        _, coded = cv2.imencode(".bmp", np.ascontiguousarray(image[:, :, ::-1]))
        place.write_bytes(coded.tobytes())
    if split == "prelim":
        table = pd.DataFrame(
            {"Patient_ID": names, "new_names": [p.name for p in places], "labels": cells.y}
        )
        table.to_csv(root / f"{_PRELIM}_labels.csv", index=False)
    return root


def _names(cells: CellDataset) -> list[str]:
    labels, subjects = cells.y, cells.subjects
    if labels is None or subjects is None or cells.class_names != ("hem", "all"):
        raise ValueError(
            "write_cnmc_tree needs cells with labels of the classes ('hem', 'all') and with "
            f"subjects, as make_cells gives them. Got {cells!r}."
        )
    frame = pd.DataFrame({"subject": subjects, "label": labels})
    known = cells.frame
    frame["field"] = known["field"] if "field" in known else frame.groupby("subject").cumcount()
    # A field is numbered by its first appearance in the subject, as images are in C-NMC.
    frame["image"] = frame.groupby("subject")["field"].transform(lambda f: pd.factorize(f)[0]) + 1
    frame["cell"] = frame.groupby(["subject", "image"]).cumcount() + 1
    images = cells.images
    for i, (label, subject) in enumerate(zip(labels, subjects, strict=True)):
        number = str(subject).removeprefix("H")
        healthy = str(subject).startswith("H")
        if not number.isdigit() or label not in (0, 1) or healthy != (label == 0):
            raise ValueError(
                f"Cell {i} (subject {subject!r}, label {label}) cannot be named as in C-NMC 2019, "
                "where 'H' and a number is a healthy subject with cells of class 'hem' (0), and a "
                "number alone a patient with cells of class 'all' (1). Wrong labels cannot be "
                "told by such names: make the cells with label_noise=0."
            )
        if not isinstance(images[i], np.ndarray):
            raise ValueError(
                f"Cell {i} is the file {images[i]!r}; write_cnmc_tree writes images in "
                "memory. Copy the file instead."
            )
    columns = (frame["subject"], frame["image"], frame["cell"], labels)
    return [
        f"UID_{subject}_{image}_{cell}_{cells.class_names[label]}.bmp"
        for subject, image, cell, label in zip(*columns, strict=True)
    ]
