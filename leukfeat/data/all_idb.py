"""The ALL-IDB images of the University of Milan: smear fields (1) and single cells (2)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import IMAGE_EXTENSIONS, FoundFile, existing_folder, walk_files
from leukfeat.exceptions import CellNameError
from leukfeat.file_kind import not_a_file

__all__ = ["load_all_idb1", "load_all_idb2"]

_NAME = re.compile(r"Im(\d+)_([01])\.[a-z]+", re.IGNORECASE | re.ASCII)


def load_all_idb1(root: str | os.PathLike[str], *, errors: str = "raise") -> CellDataset:
    r"""Load the smear fields of ALL-IDB1.

    Parameters
    ----------
    root : path-like
        The folder ``ALL_IDB1`` with ``im/ImXXX_Y.jpg`` and ``xyc/ImXXX_Y.xyc``, the folder
        ``im``, or one above that holds ALL-IDB2 too.
    errors : {"raise", "skip"}, default="raise"
        Whether a name or a table of coordinates that does not parse is an error, or the image
        is left out and listed in ``.skipped``.

    Returns
    -------
    CellDataset
        One row a field, to be segmented. Classes ``("healthy", "all")``, positive ``"all"``: a
        field of a patient with blasts in it. Columns: ``image``, ``label``, ``field`` (the
        number in the name), ``blast_centres`` (``float64`` array of shape ``(n_blasts, 2)``,
        x and y in pixels; ``None`` where there is no table). The set does not tell its subjects.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist or holds no image of the set.
    CellNameError
        If a name is not of the form ``Im001_1.jpg``.
    ValueError
        If a table of coordinates is not pairs of numbers, or an image is there twice.

    See Also
    --------
    load_all_idb2 : single cells, cropped from these fields: never train on the one and test on
        the other.

    References
    ----------
    .. [1] Donida Labati, Piuri, Scotti, "ALL-IDB: the acute lymphoblastic leukemia image database
       for image processing", ICIP 2011.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from leukfeat.data import load_all_idb1
    >>> root = pathlib.Path(tempfile.mkdtemp(), "ALL_IDB1")
    >>> for path in ("im/Im006_1.jpg", "im/Im034_0.jpg", "xyc/Im006_1.xyc"):
    ...     (root / path).parent.mkdir(parents=True, exist_ok=True)
    ...     (root / path).touch()
    >>> _ = (root / "xyc" / "Im006_1.xyc").write_text("446 62\n164 279\n")
    >>> load_all_idb1(root).column("blast_centres")[0].tolist()
    [[446.0, 62.0], [164.0, 279.0]]
    """
    left_out = LeftOut(errors, function="load_all_idb1")
    folder = existing_folder(root)
    files, tables = _find(folder, "1", left_out)
    centres: list[np.ndarray | None] = []
    rows = []
    for file, number, label in files:
        table = tables.get(os.path.splitext(file.name)[0].lower())
        try:
            coordinates = None if table is None else _read_centres(table)
        except ValueError as error:
            left_out.reject(file.path, str(error))
            continue
        centres.append(coordinates)
        rows.append((file.path, label, number))
    left_out.require_any(len(rows), folder)
    frame = pd.DataFrame(rows, columns=["image", "label", "field"])
    if tables:
        frame["blast_centres"] = pd.Series(centres, dtype=object)
    cells = CellDataset(frame, class_names=("healthy", "all"), positive="all", name="ALL-IDB1")
    return left_out.attach_to(cells)


def load_all_idb2(root: str | os.PathLike[str], *, errors: str = "raise") -> CellDataset:
    """Load the single cells of ALL-IDB2.

    Parameters
    ----------
    root : path-like
        The folder ``ALL_IDB2`` with ``img/ImXXX_Y.tif``, the folder ``img``, or one above that
        holds ALL-IDB1 too.
    errors : {"raise", "skip"}, default="raise"
        Whether a name that does not parse is an error, or the image is left out and listed in
        ``.skipped``.

    Returns
    -------
    CellDataset
        Classes ``("normal", "blast")``, positive ``"blast"``. Columns: ``image``, ``label``,
        ``number`` (the number in the name, which is not that of a field of ALL-IDB1). The set
        does not tell its subjects.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist or holds no image of the set.
    CellNameError
        If a name is not of the form ``Im001_1.tif``.
    ValueError
        If an image is there twice.

    See Also
    --------
    load_all_idb1 : the fields that these cells were cropped from.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from leukfeat.data import load_all_idb2
    >>> root = pathlib.Path(tempfile.mkdtemp(), "ALL_IDB2", "img")
    >>> root.mkdir(parents=True)
    >>> for name in ("Im001_1.tif", "Im131_0.tif"):
    ...     (root / name).touch()
    >>> load_all_idb2(root)
    CellDataset('ALL-IDB2': 2 cells; normal 1, blast 1; positive='blast')
    """
    left_out = LeftOut(errors, function="load_all_idb2")
    folder = existing_folder(root)
    files, _ = _find(folder, "2", left_out)
    frame = pd.DataFrame(
        [(file.path, label, int(number)) for file, number, label in files],
        columns=["image", "label", "number"],
    )
    cells = CellDataset(frame, class_names=("normal", "blast"), positive="blast", name="ALL-IDB2")
    return left_out.attach_to(cells)


def _find(
    root: Path, which: str, left_out: LeftOut
) -> tuple[list[tuple[FoundFile, str, int]], dict[str, str]]:
    """Return the images with number and label, and the coordinate files by their stems."""
    other = re.compile(rf"all[_ -]?idb[_ -]?{'2' if which == '1' else '1'}", re.IGNORECASE)
    whole = root.resolve()
    # The folder of the images does not bear the name of its set.
    told = whole.parent.name if whole.name.lower() in ("im", "img") else whole.name
    if other.search(told):
        raise FileNotFoundError(
            f"'{root}' is the other set by its name; load it with load_all_idb"
            f"{'2' if which == '1' else '1'}, or give the folder of ALL_IDB{which}."
        )
    images: dict[str, tuple[FoundFile, str, int]] = {}
    tables: dict[str, str] = {}
    for file in walk_files(
        root, enter=lambda name: not other.search(name), unreadable=left_out.unreadable
    ):
        stem, ending = os.path.splitext(file.name)
        match = _NAME.fullmatch(file.name)
        if ending.lower() == ".xyc":
            tables[stem.lower()] = file.path
        elif ending.lower() not in IMAGE_EXTENSIONS:
            left_out.note(file.path, "not an image")
        elif match is None:
            left_out.reject(
                file.path,
                f"the file name {file.name!r} does not parse; expected ImXXX_Y with Y 0 or 1, such "
                "as Im001_1",
                error=CellNameError,
            )
        elif stem.lower() in images:
            left_out.reject(
                file.path, f"the same image is there twice: '{images[stem.lower()][0].path}'"
            )
        else:
            images[stem.lower()] = (file, match[1], int(match[2]))
    if not images:
        expected = "im/Im001_1.jpg" if which == "1" else "img/Im001_1.tif"
        raise FileNotFoundError(
            f"No image of ALL-IDB{which} was found below '{root}'; expected paths such as "
            f"ALL_IDB{which}/{expected}."
        )
    # The tables lie in a folder of their own; given the folder of the images, look beside it.
    if which == "1" and not tables and (beside := root.resolve().parent / "xyc").is_dir():
        tables = {
            os.path.splitext(file.name)[0].lower(): file.path
            for file in walk_files(beside, unreadable=left_out.unreadable)
            if file.name.lower().endswith(".xyc")
        }
    return sorted(images.values(), key=lambda found: int(found[1])), tables


def _read_centres(table: str) -> np.ndarray:
    kind = not_a_file(table)
    if kind is not None:
        raise ValueError(f"the coordinates '{table}' are {kind}, not a file")
    words = Path(table).read_text(encoding="utf-8").split()
    try:
        numbers = np.array([float(word) for word in words])
        if not np.isfinite(numbers).all():  # float() takes "nan" and "inf"
            raise ValueError
        return numbers.reshape(-1, 2)
    except ValueError:
        raise ValueError(
            f"the coordinates in '{table}' must be pairs of finite numbers, x and y in pixels; found "
            f"{len(words)} words beginning with {words[:4]}"
        ) from None
