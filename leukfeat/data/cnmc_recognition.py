"""Telling whether a folder or a table is a part of C-NMC 2019, and which."""

from __future__ import annotations

import csv
import os
import re
from itertools import islice
from pathlib import Path

from leukfeat.data.cnmc_labels import find_labels_csv, is_labels_header
from leukfeat.data.cnmc_layout import is_numbered, split_named_by
from leukfeat.data.scanning import IMAGE_EXTENSIONS, FoundFile, is_folder, walk_files
from leukfeat.file_kind import not_a_file

__all__ = ["first_images", "is_cnmc_table", "recognise_cnmc_split"]

_SEEN = 50
_HEADER = 4096
_TEST_FOLDER = re.compile(r"test_(prelim|final)|(prelim|final)_phase", re.IGNORECASE)


def first_images(folder: Path) -> list[FoundFile]:
    """Return the first images below a folder: a layout is one thing throughout.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder.

    Returns
    -------
    list of FoundFile
        At most 50.
    """
    # What cannot be looked into is the loader's to tell.
    files = walk_files(folder, unreadable=lambda *_: None)
    images = (f for f in files if f.name.lower().endswith(IMAGE_EXTENSIONS))
    return list(islice(images, _SEEN))


def recognise_cnmc_split(folder: Path) -> str | None:
    """Tell which split of C-NMC 2019 a folder holds.

    Parameters
    ----------
    folder : pathlib.Path
        An existing folder: of the whole set, or of a split.

    Returns
    -------
    {"train", "prelim", "final"} or None
        ``"train"`` for the folder of the whole set. ``None`` if it is no part of C-NMC, or holds
        the numbered images of the preliminary test set without their table: their labels and
        subjects cannot be told then.
    """
    images = first_images(folder)
    if not images:
        return None
    named = split_named_by(folder.resolve().name)
    if named in ("prelim", "final") and all(is_numbered(image.name) for image in images):
        return _test_split(folder, {named}, sure=_is_test_folder(folder.resolve().name))
    below = list(islice(_folders(folder), _SEEN))
    seen = images + [image for place in below for image in first_images(place)]
    if any(image.name.upper().startswith("UID_") for image in seen):
        return "train"
    tests = {split_named_by(place.name) for place in below if _is_test_folder(place.name)}
    return _test_split(folder, tests, sure=True)


def is_cnmc_table(path: Path) -> bool:
    """Tell whether a file is the table of C-NMC's preliminary test set.

    Parameters
    ----------
    path : pathlib.Path
        A file.

    Returns
    -------
    bool
    """
    try:
        if not_a_file(path) is not None:
            return False
        with open(path, encoding="utf-8-sig", newline="") as file:
            return is_labels_header(next(csv.reader([file.readline(_HEADER)]), []))
    except (OSError, ValueError, csv.Error):
        return False


def _test_split(folder: Path, named: set[str | None], *, sure: bool) -> str | None:
    if "prelim" in named and _has_table(folder):
        return "prelim"
    # Many a folder that is named "final" holds 1.png: the full name must tell.
    return "final" if named == {"final"} and sure else None


def _has_table(folder: Path) -> bool:
    files = walk_files(folder, unreadable=lambda *_: None)
    tables = [f.path for f in files if f.name.lower().endswith(".csv")]
    try:
        return find_labels_csv(folder, tables) is not None
    except ValueError:  # more than one: the loader says so
        return True


def _is_test_folder(name: str) -> bool:
    return _TEST_FOLDER.search(name) is not None


def _folders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if is_folder(entry))
