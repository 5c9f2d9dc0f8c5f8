"""Cells from whatever the user has: a table, C-NMC's tree, class folders, or loose images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from leukfeat.exceptions import CellNameError

from .cell_columns import object_column
from .cnmc import load_cnmc
from .cnmc_recognition import first_images, is_cnmc_table, recognise_cnmc_split
from .csv_file import load_csv
from .dataset import CellDataset
from .folder import load_folder
from .left_out import LeftOut
from .scanning import IMAGE_EXTENSIONS, existing_folder, walk_files
from .subject_pattern import SubjectPattern

__all__ = ["LAYOUTS", "load_cells"]

LAYOUTS = ("auto", "csv", "cnmc", "folder", "images")
"""Layouts that :func:`load_cells` understands."""


def load_cells(
    source: str | os.PathLike[str],
    *,
    layout: str = "auto",
    class_names: Sequence[str] | None = None,
    positive: str | None = None,
    subject_pattern: str | None = None,
    cnmc_split: str | None = None,
    errors: str = "raise",
) -> CellDataset:
    r"""Load cells from a table, C-NMC's tree, a folder a class, or a folder of images.

    Parameters
    ----------
    source : path-like
        A CSV file, a folder, or one image. The table of C-NMC's preliminary test set stands for its images.
    layout : {"auto", "csv", "cnmc", "folder", "images"}, default="auto"
        ``"auto"`` takes a file as ``"csv"``, or as ``"images"`` if it ends as an image does; a folder in which an image is named ``UID_...``, and
        C-NMC's folders of numbered test images, as ``"cnmc"``; one whose images lie in subfolders
        as ``"folder"`` (a folder a class); and one with loose images as ``"images"``, which have no
        labels.
    class_names, positive : optional
        As in :func:`load_folder` and :func:`load_csv`; not for C-NMC, which has its own.
    subject_pattern : str, optional
        For ``"folder"`` and ``"images"``: where the path below the folder tells the subject (see
        :func:`load_folder`). Subjects need no labels: the cells of new patients are predicted so.
    cnmc_split : {"train", "prelim", "final"}, optional
        For ``"cnmc"``: which part (see :func:`load_cnmc`). Default: what the folder is named, and
        ``"train"`` for the folder of the whole set. The preliminary test set is recognised where
        its table of labels lies with the images; without it they are ``"images"``.
    errors : {"raise", "skip"}, default="raise"
        With ``"skip"``, entries that cannot be used are left out and listed in ``.skipped``.

    Returns
    -------
    CellDataset

    Raises
    ------
    FileNotFoundError
        If there is nothing at `source`, or no image in it.
    ValueError
        If `layout` is not known, or a parameter does not belong to it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import leukfeat as lf
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for path in ("benign/p1_1.png", "malignant/p2_1.png", "malignant/p3_1.png"):
    ...     (root / path).parent.mkdir(exist_ok=True)
    ...     (root / path).touch()
    >>> cells = lf.load_cells(root, subject_pattern=r"(?P<subject>p\d+)_")
    >>> cells.subjects.tolist()
    ['p1', 'p2', 'p3']
    """
    if layout not in LAYOUTS:
        raise ValueError(f"'layout' must be one of {LAYOUTS}. Got {layout!r} instead.")
    path = Path(source).expanduser()
    labels = path if path.is_file() and is_cnmc_table(path) else None
    if layout == "auto":
        layout = _guess(path, is_cnmc=cnmc_split is not None or labels is not None)
    for name, given, owners in (
        ("class_names", class_names, ("folder", "csv")),
        ("subject_pattern", subject_pattern, ("folder", "images")),
        ("cnmc_split", cnmc_split, ("cnmc",)),
    ):
        if given is not None and layout not in owners:
            told = " or ".join(f"layout={owner!r}" for owner in owners)
            raise ValueError(
                f"{name!r} belongs to {told}, and {str(path)!r} was read as "
                f"{layout!r}; pass {told} if that is what it is."
            )
    if layout == "csv":
        return load_csv(path, class_names=class_names, positive=positive, errors=errors)
    if layout == "cnmc":
        if labels is not None:
            return load_cnmc(path.parent, cnmc_split or "prelim", labels_csv=labels, errors=errors)
        split = cnmc_split or recognise_cnmc_split(existing_folder(path, parameter="source"))
        return load_cnmc(path, split or "train", errors=errors)
    if layout == "folder":
        return load_folder(
            path,
            class_names=class_names,
            positive=positive,
            subject_pattern=subject_pattern,
            errors=errors,
        )
    pattern = None if subject_pattern is None else SubjectPattern(subject_pattern)
    left_out = LeftOut(errors, function="load_cells")
    if path.is_file() and _is_image(path.name):
        return _loose_images([(str(path), path.name)], path, path.stem, pattern, left_out)
    folder = existing_folder(path, parameter="source")
    files = _images(folder, left_out)
    if not files:
        raise FileNotFoundError(
            f"No image in {str(folder)!r}: expected files that end in {', '.join(IMAGE_EXTENSIONS)}."
        )
    return _loose_images(files, folder, folder.resolve().name or "cells", pattern, left_out)


def _guess(path: Path, *, is_cnmc: bool) -> str:
    if is_cnmc:
        return "cnmc"
    if path.is_file():
        return "images" if _is_image(path.name) else "csv"
    folder = existing_folder(path, parameter="source")
    if recognise_cnmc_split(folder) is not None:
        return "cnmc"
    images = first_images(folder)
    return "folder" if images and all(file.folders for file in images) else "images"


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_EXTENSIONS)


def _images(folder: Path, left_out: LeftOut) -> list[tuple[str, str]]:
    """Return path, and path below the folder, of every image; the rest is noted."""
    found = []
    for file in walk_files(folder, unreadable=left_out.unreadable):
        if _is_image(file.name):
            found.append((file.path, "/".join((*file.folders, file.name))))
        else:
            left_out.note(file.path, "its ending is none of an image that leukfeat reads")
    return found


def _loose_images(
    files: Sequence[tuple[str, str]],
    source: Path,
    name: str,
    pattern: SubjectPattern | None,
    left_out: LeftOut,
) -> CellDataset:
    columns: dict[str, list[object]] = {"image": []}
    if pattern is not None:
        columns |= pattern.empty()
    for path, below in files:
        found = {} if pattern is None else pattern.read(below)
        if found is None:
            left_out.reject(
                path,
                pattern.unread(below),  # type: ignore[union-attr]
                remedy="correct the pattern or the name",
                error=CellNameError,
            )
            continue
        for column, value in {"image": path, **found}.items():
            columns[column].append(value)
    left_out.require_any(len(columns["image"]), source)
    frame = pd.DataFrame({**columns, "image": object_column(columns["image"])})
    return left_out.attach_to(CellDataset(frame, name=name))
