"""What a result does not stand on: files and cells that were left out, each with the reason."""

from __future__ import annotations

from typing import Any

import pandas as pd

from leukfeat.evaluation.cell_names import cell_names, short_names
from leukfeat.features import FeatureSet
from leukfeat.splitting.groups import name_some

__all__ = ["left_out_cells", "left_out_notes", "left_out_rows"]

NO_LABEL = "no label"


def left_out_cells(features: FeatureSet) -> pd.DataFrame:
    """List what an evaluation of these features leaves out.

    Parameters
    ----------
    features : FeatureSet
        The cells, unlabelled ones included.

    Returns
    -------
    pandas.DataFrame
        ``path`` and ``reason``: what was skipped before, then the unlabelled cells.
    """
    skipped = features.skipped[["path", "reason"]].astype(object)
    if features.y is None or (features.y >= 0).all():
        return skipped.reset_index(drop=True)
    unlabelled = pd.DataFrame(
        {"path": cell_names(features)[features.y < 0], "reason": NO_LABEL}, dtype=object
    )
    return pd.concat([skipped, unlabelled], ignore_index=True)


def left_out_notes(left_out: pd.DataFrame) -> tuple[str, ...]:
    """Say what is left out, naming a few.

    Parameters
    ----------
    left_out : DataFrame
        From :func:`left_out_cells`.

    Returns
    -------
    tuple of str
    """
    names = short_names(left_out["path"])
    bare = (left_out["reason"] == NO_LABEL).to_numpy(bool)
    files = [name for name, unlabelled in zip(names, bare, strict=True) if not unlabelled]
    cells = [name for name, unlabelled in zip(names, bare, strict=True) if unlabelled]
    notes = []
    if files:
        notes.append(
            f"{len(files)} {'file was' if len(files) == 1 else 'files were'} left out: {name_some(files, at_most=3)}"
        )
    if cells:
        notes.append(
            f"{len(cells)} unlabelled {'cell is' if len(cells) == 1 else 'cells are'} left out: {name_some(cells, at_most=3)}"
        )
    return tuple(notes)


def left_out_rows(left_out: pd.DataFrame) -> list[list[str]]:
    """Lay out all that is left out, for a table.

    Parameters
    ----------
    left_out : DataFrame
        From :func:`left_out_cells`.

    Returns
    -------
    list of list of str
        Short name and reason.
    """

    def text(value: Any) -> str:
        return str(value).encode("utf-8", "backslashreplace").decode().replace("\n", " ")

    names = short_names(left_out["path"])
    return [[name, text(why)] for name, why in zip(names, left_out["reason"], strict=True)]
