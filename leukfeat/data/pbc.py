"""Normal peripheral blood cells from the Hospital Clinic of Barcelona."""

from __future__ import annotations

import os
import re

import pandas as pd

from leukfeat.data.class_folders import find_in_class_folders
from leukfeat.data.dataset import CellDataset
from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import existing_folder
from leukfeat.exceptions import CellNameError

__all__ = ["load_pbc"]

_CLASSES = (
    "basophil",
    "eosinophil",
    "erythroblast",
    "ig",
    "lymphocyte",
    "monocyte",
    "neutrophil",
    "platelet",
)
_NAME = re.compile(r"([A-Z]+)_(\d+)\.[a-z]+", re.IGNORECASE | re.ASCII)


def load_pbc(root: str | os.PathLike[str], *, errors: str = "raise") -> CellDataset:
    """Load the single normal cells of the PBC set (Acevedo et al. 2020), in eight classes.

    Parameters
    ----------
    root : path-like
        The folder with ``basophil``, ``eosinophil``, ``erythroblast``, ``ig`` (immature
        granulocytes), ``lymphocyte``, ``monocyte``, ``neutrophil`` and ``platelet``, or one
        above it.
    errors : {"raise", "skip"}, default="raise"
        Whether a name that does not parse is an error, or is left out and listed in
        ``.skipped``.

    Returns
    -------
    CellDataset
        Columns: ``image``, ``label``, ``subtype`` (the letters in the file name: the folder
        ``ig`` holds ``MY``, ``MMY`` and ``PMY``, the folder ``neutrophil`` ``BNE`` and ``SNE``)
        and ``number``. There are no subjects and no positive class: all cells are normal.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist or holds no image of the set.
    CellNameError
        If a name is not of the form ``BA_100102.jpg``.

    References
    ----------
    .. [1] Mendeley Data, doi 10.17632/snkd93bnjr.1.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from leukfeat.data import load_pbc
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for path in ("neutrophil/BNE_100878.jpg", "ig/MY_7.jpg"):
    ...     (root / path).parent.mkdir(parents=True, exist_ok=True)
    ...     (root / path).touch()
    >>> load_pbc(root).column("subtype").tolist()
    ['MY', 'BNE']
    """
    left_out = LeftOut(errors, function="load_pbc")
    found = find_in_class_folders(existing_folder(root), {c: c for c in _CLASSES}, left_out)
    rows = []
    for file, told in found:
        match = _NAME.fullmatch(file.name)
        if match is None:
            left_out.reject(
                file.path,
                f"the file name {file.name!r} does not parse; expected letters and a number, such "
                "as BA_100102.jpg",
                error=CellNameError,
            )
        else:
            rows.append((file.path, _CLASSES.index(told), match[1].upper(), int(match[2])))
    left_out.require_any(len(rows), root)
    frame = pd.DataFrame(rows, columns=["image", "label", "subtype", "number"])
    frame = frame.sort_values("label", kind="stable", ignore_index=True)
    return left_out.attach_to(CellDataset(frame, class_names=_CLASSES, name="PBC"))
