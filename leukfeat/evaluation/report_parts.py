"""Parts of the page of a result: how the cells came there, the folds, the worst cells' images."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from leukfeat.evaluation.cell_names import short_names
from leukfeat.evaluation.evidence_pictures import evidence_picture
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.reading import read_image

if TYPE_CHECKING:
    from leukfeat.evaluation.result import Evaluation

__all__ = ["data_flow", "split_rows", "wrong_images"]

_SIDE = 192
_HOW = {
    "group": "split by subject",
    "random": "split at random, cell by cell",
    "official": "divided by the official folds",
    "leave_one_out": "left out one {by} at a time",
}


def data_flow(result: Evaluation) -> str:
    """Say how the cells came to be judged.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
    """
    p, about = result.predictions, result.about
    said = []
    if len(result.left_out):
        said.append(f"{len(result.left_out):,} files or cells were left out (listed below).")
    plan = about.get("split")
    if plan is None:
        trained = about.get("training_cells")
        subjects = about.get("training_subjects")
        of = f" of {subjects:,} subjects" if subjects else ""
        said.append(
            f"The head was fitted before{f' on {trained:,} cells{of}' if trained else ''}, and "
            f"tested once on {p.n_cells:,} cells."
        )
    else:
        how = _HOW[plan["split"]].format(by=plan["by"] or "group")
        if plan["split"] == "group" and p.n_subjects is None:
            how = "split cell by cell, identical images kept together (SUBJECTS NOT KNOWN)"
        said.append(
            f"{p.n_cells:,} cells were {how} into {plan['n_splits']} folds, "
            f"{'once' if plan['n_repeats'] == 1 else str(plan['n_repeats']) + ' times'}, seed {plan['random_state']}"
            f"{', with embargo' if plan['embargo'] else ''}."
        )
        said.append(
            "In each fold everything that is learnt (scaling, settings, calibration, threshold) was "
            "learnt on the training side; each cell was predicted by heads that did not see it."
        )
    return " ".join(said)


def split_rows(result: Evaluation) -> tuple[list[str], list[list[str]]]:
    """Lay out the test sides: cells and subjects of each class in each fold.

    Parameters
    ----------
    result : Evaluation
        Of a cross-validation.

    Returns
    -------
    header : list of str
    rows : list of list of str
        One a fold, of every repeat.
    """
    p = result.predictions
    many = len(np.unique(p.repeat)) > 1
    unit = f"{p.unit}s" if p.units is not None else ""
    rows = []
    for repeat, fold in sorted(set(zip(p.repeat.tolist(), p.fold.tolist(), strict=True))):
        here = (p.repeat == repeat) & (p.fold == fold)
        row = [f"repeat {repeat + 1}, fold {fold + 1}" if many else f"fold {fold + 1}"]
        for c in range(len(p.class_names)):
            mine = here & (p.y == c)
            of = "" if p.units is None else f" of {pd.Series(p.units[mine]).nunique():,} {unit}"
            row.append(f"{int(mine.sum()):,}{of}")
        rows.append(row)
    return ["", *p.class_names], rows


def wrong_images(
    wrong: pd.DataFrame, maps: Callable[[np.ndarray], np.ndarray] | None = None
) -> list[tuple[np.ndarray, str]]:
    """Read the images of wrongly called cells, small, with what they are and were called.

    Parameters
    ----------
    wrong : DataFrame
        From :meth:`Evaluation.most_wrong`.
    maps : callable, optional
        From an RGB image to where its evidence lies.

    Returns
    -------
    list of (ndarray of uint8, str)
        An image that cannot be read is black, and its caption says so.

    Raises
    ------
    ValueError
        If the cells have no paths.
    """
    if "path" not in wrong or wrong["path"].isna().any():
        raise ValueError(
            "images=True reads the most wrong cells by their paths, and these cells have none: "
            "extract features of image files, or leave images=False."
        )
    shown = []
    for path, name, (_, row) in zip(
        wrong["path"], short_names(wrong["path"]), wrong.iterrows(), strict=True
    ):
        said = f"{name}: {row['true']}, called {row['predicted']}"
        try:
            image = read_image(path)
        except (ImageReadError, OSError):
            shown.append((np.zeros((_SIDE, _SIDE, 3), np.uint8), f"{said} (cannot be read)"))
            continue
        if maps is not None:
            image = evidence_picture(maps, image)
        scale = _SIDE / max(image.shape[:2])
        size = tuple(max(1, round(n * scale)) for n in image.shape[1::-1])
        shown.append((np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)), said))
    return shown
