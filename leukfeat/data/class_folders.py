"""Images of a published set whose classes are folders of known names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import IMAGE_EXTENSIONS, FoundFile, walk_files
from leukfeat.exceptions import CellNameError

__all__ = ["find_in_class_folders", "last_number"]

_DIGITS = re.compile(r"[0-9]+")


def find_in_class_folders(
    root: Path,
    classes: Mapping[str, str],
    left_out: LeftOut,
    *,
    closed: re.Pattern[str] | None = None,
    opened: re.Pattern[str] | None = None,
) -> list[tuple[FoundFile, str]]:
    """Find images below folders whose names tell the class.

    Parameters
    ----------
    root : pathlib.Path
        The folder of the set, one above it, or that of one class.
    classes : mapping of str to str
        The class that each folder name (in lower case) stands for. The innermost decides.
    left_out : LeftOut
        Takes the files that are in no such folder.
    closed : re.Pattern, optional
        Folders whose names match are not entered.
    opened : re.Pattern, optional
        Only files below a folder whose name matches are taken.

    Returns
    -------
    list of (FoundFile, str)
        Files with their classes, in the order of folders and names.

    Raises
    ------
    FileNotFoundError
        If there is no image.
    """
    own = root.resolve().name
    found = []
    for file in walk_files(
        root,
        enter=lambda name: not (closed and closed.search(name)),
        unreadable=left_out.unreadable,
    ):
        folders = (own, *file.folders)
        told = next((classes[f] for f in map(str.lower, reversed(folders)) if f in classes), None)
        if not file.name.lower().endswith(IMAGE_EXTENSIONS):
            left_out.note(file.path, "not an image")
        elif told is None:
            left_out.note(file.path, "lies in the folder of no class")
        elif opened is not None and not any(map(opened.search, folders)):
            left_out.note(file.path, f"lies in no folder named like {opened.pattern!r}")
        else:
            found.append((file, told))
    if not found:
        inside = sorted(os.listdir(root))
        raise FileNotFoundError(
            f"No image was found in a class folder below '{root}'; expected one folder for each of "
            f"{sorted(set(classes.values()))}, found {inside[:8]}{' ...' if inside[8:] else ''}."
        )
    return found


def last_number(name: str) -> int:
    """Return the last number in a file name.

    Parameters
    ----------
    name : str
        The file name, without folders.

    Returns
    -------
    int

    Raises
    ------
    CellNameError
        If there is none.

    Examples
    --------
    >>> last_number("WBC-Malignant-Pro-089.jpg")
    89
    """
    numbers = _DIGITS.findall(os.path.splitext(name)[0])
    if not numbers:
        raise CellNameError(
            f"The file name {name!r} holds no number; expected one before its ending"
        )
    return int(numbers[-1])
