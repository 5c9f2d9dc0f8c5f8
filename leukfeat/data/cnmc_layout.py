"""Where the images of each split of C-NMC 2019 lie, in the layouts in which it is passed on."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import IMAGE_EXTENSIONS, FoundFile, walk_files

__all__ = ["CnmcFiles", "find_cnmc_files", "is_numbered", "split_named_by"]

_MARKS = {
    "prelim": re.compile(r"test_prelim|prelim_phase|^validation_data$|^prelim$", re.IGNORECASE),
    "final": re.compile(r"test_final|final_phase|^testing_data$|^final$", re.IGNORECASE),
    "train": re.compile(r"train|^fold_\d+$", re.IGNORECASE),
}
# Kaggle's testing_data and validation_data have been seen with the other test set inside, so
# only the folders that cannot hold the wanted split are passed by.
_CLOSED = {
    "prelim": re.compile(r"test_final|final_phase|train|^fold_\d+$", re.IGNORECASE),
    "final": re.compile(r"test_prelim|prelim_phase|train|^fold_\d+$", re.IGNORECASE),
    "train": re.compile(
        r"test_(prelim|final)|(prelim|final)_phase|^(validation|testing)_data$", re.IGNORECASE
    ),
}
_NUMBERED = re.compile(r"(\d+)\.[a-z]+", re.IGNORECASE | re.ASCII)


class CnmcFiles(NamedTuple):
    """The files found for one split."""

    images: list[FoundFile]
    """Images, in the order of folders and names; numbered ones in the order of their numbers."""
    tables: list[str]
    """Paths of CSV files that lie in the same part of the tree."""


def find_cnmc_files(root: Path, split: str, left_out: LeftOut) -> CnmcFiles:
    """Find the images of one split below the folder of the whole set or of the split.

    Parameters
    ----------
    root : pathlib.Path
        An existing folder.
    split : {"train", "prelim", "final"}
        Which split.
    left_out : LeftOut
        Takes the files that are not of the split.

    Returns
    -------
    CnmcFiles

    Raises
    ------
    FileNotFoundError
        If there is no image of that split.

    Notes
    -----
    The innermost folder whose name tells a split decides. Where no folder does, names do:
    ``UID_...`` is a training image, a mere number a test image.
    """
    own_mark = split_named_by(root.resolve().name)
    marks: dict[tuple[str, ...], str | None] = {}
    marked: list[FoundFile] = []
    unmarked: list[FoundFile] = []
    tables: list[str] = []
    for file in walk_files(
        root,
        enter=lambda name: not _CLOSED[split].search(name),
        unreadable=left_out.unreadable,
    ):
        if file.folders not in marks:
            marks[file.folders] = _innermost_mark(file.folders, own_mark)
        mark = marks[file.folders]
        lower = file.name.lower()
        if lower.endswith(".csv"):
            tables.append(file.path)
        elif not lower.endswith(IMAGE_EXTENSIONS):
            left_out.note(file.path, "not an image")
        elif mark == split:
            marked.append(file)
        elif mark is not None:
            left_out.note(file.path, f"lies in a folder of the split {mark!r}")
        elif is_numbered(file.name) == (split == "train"):
            expected = "UID_..." if split == "train" else "a number"
            left_out.note(file.path, f"its name is not of the split {split!r} ({expected})")
        else:
            unmarked.append(file)
    if marked and split != "train":
        for file in unmarked:
            left_out.note(file.path, f"lies outside the folder of the split {split!r}")
        unmarked = []
    images = [*unmarked, *marked]
    if not images:
        raise FileNotFoundError(_nothing_found(root, split, own_mark))
    if split != "train":
        images.sort(key=_by_number)
    return CnmcFiles(images, tables)


def split_named_by(folder: str) -> str | None:
    """Return the split that a folder's name tells.

    Examples
    --------
    >>> split_named_by("C-NMC_test_prelim_phase_data")
    'prelim'
    """
    return next((mark for mark, pattern in _MARKS.items() if pattern.search(folder)), None)


def is_numbered(name: str) -> bool:
    """Tell whether a file is named as the test images are: a mere number.

    Examples
    --------
    >>> is_numbered("17.bmp"), is_numbered("UID_1_1_1_all.bmp")
    (True, False)
    """
    return _NUMBERED.fullmatch(name) is not None


def _innermost_mark(folders: tuple[str, ...], own_mark: str | None) -> str | None:
    for folder in reversed(folders):
        mark = split_named_by(folder)
        if mark is not None:
            return mark
    return own_mark


def _by_number(file: FoundFile) -> tuple[int, str]:
    match = _NUMBERED.fullmatch(file.name)
    return (int(match[1]) if match else -1, file.name)


def _nothing_found(root: Path, split: str, own_mark: str | None) -> str:
    expected = {
        "train": "C-NMC_training_data/fold_0/all/UID_..._all.bmp",
        "prelim": "C-NMC_test_prelim_phase_data/1.bmp",
        "final": "C-NMC_test_final_phase_data/1.bmp",
    }[split]
    inside = sorted(os.listdir(root))
    shown = ", ".join(inside[:6]) + (", ..." if len(inside) > 6 else "")
    hint = (
        f"The name of this folder says that it is the split {own_mark!r}; pass split={own_mark!r}, "
        "or the folder above it."
        if own_mark not in (None, split)
        else "Give the folder of the whole set or that of the split."
    )
    return (
        f"No image of the C-NMC 2019 split {split!r} was found below '{root}', which holds "
        f"{f'{len(inside)} entries ({shown})' if inside else 'nothing'}; expected paths such as "
        f"{expected}. {hint}"
    )
