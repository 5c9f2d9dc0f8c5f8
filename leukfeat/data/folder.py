"""Cells from a folder of class folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from leukfeat.data.cell_columns import object_column
from leukfeat.data.class_names import warn_of_like_names
from leukfeat.data.dataset import CellDataset
from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import (
    IMAGE_EXTENSIONS,
    checked_extensions,
    existing_folder,
    is_folder,
    is_litter,
    walk_files,
)
from leukfeat.data.subject_pattern import SubjectPattern
from leukfeat.exceptions import CellNameError

__all__ = ["load_folder"]

_SPLIT_FOLDER = re.compile(
    r"train(ing)?(_?data|_?set)?|val(id|idation)?(_?data|_?set)?|test(ing)?(_?data|_?set)?"
    r"|fold[ _-]?\d+",
    re.IGNORECASE,
)


def load_folder(
    root: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    positive: str | None = None,
    subject_pattern: str | re.Pattern[str] | None = None,
    extensions: Iterable[str] = IMAGE_EXTENSIONS,
    name: str | None = None,
    errors: str = "raise",
) -> CellDataset:
    r"""Load cells from a folder that holds one folder a class.

    Parameters
    ----------
    root : path-like
        The folder with the class folders. Images are looked for in each class folder and in
        the folders inside it; no image is opened.
    class_names : sequence of str, optional
        Names of the class folders in the order of their labels. Default: all folders, sorted.
    positive : str, optional
        The class whose detection is reported as sensitivity.
    subject_pattern : str or re.Pattern, optional
        A regular expression with a group named ``subject``, or with one group, searched in the path of each file
        below its class folder (just the file name where there are no further folders;
        the separator is ``/``). Other named groups become columns, for example
        ``(?P<slide>...)``. Without it the dataset has no subjects.
    extensions : iterable of str, default=(".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
        Endings of image files, in either case. Other files are listed in ``.skipped``; what
        operating systems leave behind (``Thumbs.db``, hidden files) is ignored.
    name : str, optional
        Name of the dataset. Default: the name of `root`.
    errors : {"raise", "skip"}, default="raise"
        Whether a name that does not match `subject_pattern`, an image outside the class
        folders, a folder that is not in `class_names` and a class folder without images are
        errors or are left out and listed in ``.skipped``.

    Returns
    -------
    CellDataset
        In the order of class, then path.

    Raises
    ------
    FileNotFoundError
        If `root`, or the folder of a class named in `class_names`, does not exist.
    CellNameError
        If a file name does not match `subject_pattern`.
    ValueError
        If there are no class folders, no images, or the folders are splits and not classes.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import leukfeat as lf
    >>> root = pathlib.Path(tempfile.mkdtemp(), "smears")
    >>> for path in ("blast/p1_001.png", "blast/p2_001.png", "normal/p3_001.png"):
    ...     (root / path).parent.mkdir(parents=True, exist_ok=True)
    ...     (root / path).touch()
    >>> lf.load_folder(
    ...     root, class_names=["normal", "blast"], positive="blast",
    ...     subject_pattern=r"(?P<subject>p\d+)_",
    ... )
    CellDataset('smears': 3 cells of 3 subjects; normal 1, blast 2; positive='blast')
    """
    folder = existing_folder(root)
    endings = checked_extensions(extensions)
    pattern = None if subject_pattern is None else SubjectPattern(subject_pattern)
    left_out = LeftOut(errors, function="load_folder")
    names = _class_folders(folder, class_names, endings, left_out)
    columns: dict[str, list[object]] = {"image": [], "label": []}
    if pattern is not None:
        columns |= pattern.empty()
    for label, class_name in enumerate(names):
        before = len(columns["image"])
        for file in walk_files(folder / class_name, unreadable=left_out.unreadable):
            if not file.name.lower().endswith(endings):
                left_out.note(file.path, f"its ending is none of {', '.join(endings)}")
                continue
            if pattern is not None:
                below = "/".join((*file.folders, file.name))
                found = pattern.read(below)
                if found is None:
                    left_out.reject(
                        file.path,
                        pattern.unread(below),
                        remedy="correct the pattern or the name",
                        error=CellNameError,
                    )
                    continue
                for column, value in found.items():
                    columns[column].append(value)
            columns["image"].append(file.path)
            columns["label"].append(label)
        if len(columns["image"]) == before:
            left_out.reject(
                folder / class_name,
                f"no image with the ending {', '.join(endings)} in this class folder",
                remedy="name the class folders in 'class_names', or their endings in 'extensions'",
            )
    left_out.require_any(len(columns["image"]), folder)
    if class_names is None:
        warn_of_like_names(names, folder)
    frame = pd.DataFrame({**columns, "image": object_column(columns["image"])})
    cells = CellDataset(frame, class_names=names, positive=positive, name=name or _name_of(folder))
    return left_out.attach_to(cells)


def _name_of(folder: Path) -> str:
    return folder.resolve().name or "cells"


def _class_folders(
    folder: Path, class_names: Sequence[str] | None, endings: tuple[str, ...], left_out: LeftOut
) -> list[str]:
    """Return the names of the class folders in the order of their labels."""
    with os.scandir(folder) as entries:
        seen = [entry for entry in entries if not is_litter(entry.name)]
    folders = sorted(entry.name for entry in seen if is_folder(entry))
    files = sorted(entry.name for entry in seen if not is_folder(entry))
    images = [name for name in files if name.lower().endswith(endings)]
    if not folders:
        raise ValueError(
            f"'{folder}' must hold one folder a class. Found {len(images)} images and no folder"
            + ("; for a flat folder use load_csv or CellDataset.from_arrays." if images else ".")
        )
    for image in images:
        left_out.reject(
            folder / image,
            f"an image beside the class folders {folders} belongs to no class",
            remedy="move it into one of them",
        )
    for other in sorted(set(files) - set(images)):
        left_out.note(folder / other, "lies beside the class folders")
    if class_names is None:
        if all(_SPLIT_FOLDER.fullmatch(name) for name in folders):
            raise ValueError(
                f"The folders in '{folder}' look like splits, not classes: {folders}. Load one at a "
                f"time, for example load_folder('{folder / folders[0]}'), or pass 'class_names'."
            )
        return folders
    if isinstance(class_names, str):
        raise ValueError(
            f"The 'class_names' parameter must be a sequence of names. Got {class_names!r} instead."
        )
    names = [str(name) for name in class_names]
    absent = [name for name in names if name not in folders]
    if absent:
        raise FileNotFoundError(
            f"'{folder}' has no folder for the classes {absent} of 'class_names'; it has {folders}."
        )
    for other in folders:
        if other not in names:
            left_out.reject(
                folder / other,
                f"this folder is not one of the 'class_names' {names}",
                remedy="add it to 'class_names' or move it away",
            )
    return names
