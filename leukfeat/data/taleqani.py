"""The smear fields of acute lymphoblastic leukemia from Taleqani Hospital, Tehran."""

from __future__ import annotations

import os
import re

import numpy as np
import pandas as pd

from leukfeat.data.class_folders import find_in_class_folders, last_number
from leukfeat.data.dataset import CellDataset
from leukfeat.data.left_out import LeftOut
from leukfeat.data.scanning import existing_folder
from leukfeat.exceptions import CellNameError

__all__ = ["load_taleqani"]

_STAGES = ("Benign", "Early", "Pre", "Pro")
_FOLDERS = {stage.lower(): stage for stage in _STAGES}
_FOLDERS |= {
    f"[malignant] {word}": stage
    for word, stage in (("early pre-b", "Early"), ("pre-b", "Pre"), ("pro-b", "Pro"))
}
_SEGMENTED = re.compile(r"segmented", re.IGNORECASE)


def load_taleqani(
    root: str | os.PathLike[str],
    *,
    binary: bool = False,
    segmented: bool = False,
    block_size: int = 100,
    errors: str = "raise",
) -> CellDataset:
    """Load the smear fields of the Taleqani set (Ghaderzadeh et al. 2022).

    Parameters
    ----------
    root : path-like
        The folder with ``Benign``, ``Early``, ``Pre`` and ``Pro`` (or ``[Malignant] Pre-B`` and
        so on), or one above it.
    binary : bool, default=False
        Whether the classes are ``("benign", "malignant")``, positive ``"malignant"``, and not
        the four folders. The folder is then kept in the column ``stage``.
    segmented : bool, default=False
        Whether to take the set's masked copies (the folder ``Segmented``) and not the originals.
    block_size : int, default=100
        How many consecutive file numbers make one ``block``.
    errors : {"raise", "skip"}, default="raise"
        Whether a name without number is an error, or is left out and listed in ``.skipped``.

    Returns
    -------
    CellDataset
        The four classes have no positive one. Columns: ``image``, ``label``, ``number`` (the
        number in the file name) and ``block``. There are no subjects.

    Raises
    ------
    FileNotFoundError
        If `root` does not exist or holds no image of the set.
    ValueError
        If `block_size` is no whole number from 1, or `root` is the folder of the masked copies
        and `segmented` is not said.

    Notes
    -----
    The set does not tell its 89 patients, and a random split puts fields of one smear on both
    sides: in the three malignant classes, images with close numbers have like colours (the
    correlation of nine colour percentiles within a class is 0.4 to 0.75 between numbers 2
    apart and at most 0.11 between numbers 100 apart; the benign images show none). Some
    neighbours are byte-identical. Grouping by ``block`` keeps most neighbours together. It is a
    substitute for subjects, not a proof of independence.

    References
    ----------
    .. [1] doi 10.34740/KAGGLE/DSV/2175623.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from leukfeat.data import load_taleqani
    >>> root = pathlib.Path(tempfile.mkdtemp(), "Original")
    >>> for path in ("Benign/WBC-Benign-001.jpg", "Pro/WBC-Malignant-Pro-101.jpg"):
    ...     (root / path).parent.mkdir(parents=True, exist_ok=True)
    ...     (root / path).touch()
    >>> cells = load_taleqani(root, binary=True)
    >>> cells
    CellDataset('Taleqani': 2 cells; benign 1, malignant 1; positive='malignant')
    >>> cells.column("block").tolist()
    ['Benign-1', 'Pro-2']
    """
    if not isinstance(block_size, (int, np.integer)) or block_size < 1:
        raise ValueError(
            "The 'block_size' parameter must be a whole number, at least 1. "
            f"Got {block_size!r} instead."
        )
    left_out = LeftOut(errors, function="load_taleqani")
    folder = existing_folder(root)
    if not segmented and _SEGMENTED.search(folder.resolve().name):
        raise ValueError(
            f"'{root}' holds the masked copies by its name. Give segmented=True to take them, or "
            "the folder 'Original'."
        )
    found = find_in_class_folders(
        folder,
        _FOLDERS,
        left_out,
        closed=None if segmented else _SEGMENTED,
        opened=_SEGMENTED if segmented else None,
    )
    rows = []
    for file, stage in found:
        try:
            number = last_number(file.name)
        except CellNameError as error:
            left_out.reject(file.path, str(error), error=CellNameError)
            continue
        rows.append((file.path, stage, number, f"{stage}-{(number - 1) // block_size + 1}"))
    left_out.require_any(len(rows), root)
    frame = pd.DataFrame(rows, columns=["image", "stage", "number", "block"])
    codes = frame["stage"].map(_STAGES.index)
    frame = frame.assign(label=codes).sort_values(["label", "number"], kind="stable")
    if not binary:
        cells = CellDataset(frame.drop(columns="stage"), class_names=_STAGES, name="Taleqani")
        return left_out.attach_to(cells)
    frame["label"] = (frame["label"] > 0).astype(int)
    cells = CellDataset(
        frame, class_names=("benign", "malignant"), positive="malignant", name="Taleqani"
    )
    return left_out.attach_to(cells)
