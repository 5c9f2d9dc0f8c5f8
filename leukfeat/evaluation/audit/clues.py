"""How well the label is told by what is not the cell: clue heads, by subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukfeat.evaluation.audit.file_clues import HEADER_COLUMNS
from leukfeat.evaluation.audit.finding import Finding
from leukfeat.evaluation.cross_validation import out_of_fold
from leukfeat.evaluation.result import Evaluation
from leukfeat.features import FeatureSet
from leukfeat.heads import RbfSVC
from leukfeat.imaging.controls import COLOUR_CONTROLS, SIZE_CONTROLS
from leukfeat.metrics import Interval, SubjectStatistic
from leukfeat.splitting.splitters import make_splits

__all__ = [
    "OUTSIDE",
    "WORTH_KNOWING",
    "clue_findings",
    "clue_results",
    "clue_tables",
    "cross_validate_clue",
]

WORTH_KNOWING = ("colour", "size", "file bytes")
"""Clues that real cells give too: only a nearly perfect one is called a shortcut."""

OUTSIDE = ("image size", "border", "header", "cells erased")
"""Clues that no cell gives: one that is clearly better than chance is a shortcut."""

_AT_MOST = 4000
_CHANCE, _CLEAR, _NEARLY = 0.5, 0.6, 0.9


def clue_tables(controls: pd.DataFrame | None, files: pd.DataFrame | None) -> dict[str, np.ndarray]:
    """Gather the measurements of each clue.

    Parameters
    ----------
    controls : DataFrame or None
        `CONTROL_COLUMNS` of each cell.
    files : DataFrame or None
        `FILE_COLUMNS` of each cell.

    Returns
    -------
    dict of str to ndarray of shape (n_cells, n_columns)
        Clues that are the same for every cell are left out: they tell nothing.
    """
    found: dict[str, np.ndarray] = {}
    if controls is not None:
        found["colour"] = controls[list(COLOUR_CONTROLS)].to_numpy(float)
        inner = [c for c in SIZE_CONTROLS if c not in ("height", "width")]
        found["size"] = controls[inner].to_numpy(float)
        found["image size"] = controls[["height", "width"]].to_numpy(float)
        found["border"] = controls[["border_r", "border_g", "border_b"]].to_numpy(float)
    if files is not None:
        found["header"] = files[list(HEADER_COLUMNS)].to_numpy(float)
        found["file bytes"] = files[["file_bytes"]].to_numpy(float)
    return {name: values for name, values in found.items() if _varies(values)}


def _varies(values: np.ndarray) -> bool:
    known = values[np.isfinite(values).all(axis=1)]
    return len(known) > 0 and bool((np.ptp(known, axis=0) > 0).any())


def cross_validate_clue(
    X: np.ndarray,
    cells: FeatureSet,
    *,
    name: str,
    head: Any = None,
    level: float = 0.95,
    random_state: int = 0,
) -> Evaluation | None:
    """Cross-validate a head on a clue, by subject.

    Parameters
    ----------
    X : ndarray of shape (n_cells, n_columns)
        The clue; rows with a missing value are left out.
    cells : FeatureSet
        Labels, subjects, groups and digests of the cells (its matrix is not used).
    name : str
        Name of the clue.
    head : classifier, optional
        Default: an RBF SVM, as the control heads are.
    level : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
        Seed.

    Returns
    -------
    Evaluation or None
        ``None`` where a class has too few cells or subjects to be divided.
    """
    keep = np.isfinite(X).all(axis=1) & (cells.y >= 0 if cells.y is not None else False)
    if keep.sum() > _AT_MOST:
        # More cells of the same subjects say little more, and cost the square.
        drawn = np.random.default_rng(random_state).permutation(np.flatnonzero(keep))[:_AT_MOST]
        keep = np.isin(np.arange(len(keep)), drawn)
    kept = cells[keep]
    rows = FeatureSet(
        X[keep],
        kept.y,
        subjects=kept.subjects,
        groups=kept.groups,
        ids=kept.ids,
        class_names=kept.class_names,
        positive=kept.positive,
    )
    if len(rows) < 4 or len(np.unique(rows.y)) < 2:  # type: ignore[arg-type]
        return None
    if head is None:
        head = make_pipeline(StandardScaler(), RbfSVC(C=10.0, class_weight="balanced"))
    for n_splits in (5, 3, 2):
        try:
            splits = make_splits(rows, n_splits=n_splits, random_state=random_state)
        except ValueError:
            continue
        predictions, _ = out_of_fold(rows, {name: head}, splits, controls=False)
        return Evaluation(predictions[name], name=name, level=level)
    return None


def clue_results(
    tables: Mapping[str, np.ndarray], cells: FeatureSet, *, level: float, random_state: int
) -> dict[str, Evaluation]:
    """Test every clue.

    Parameters
    ----------
    tables : mapping of str to ndarray
        From :func:`clue_tables`.
    cells : FeatureSet
        Labels and subjects.
    level : float
        Level of the intervals.
    random_state : int
        Seed.

    Returns
    -------
    dict of str to Evaluation
        Without those that could not be tested.
    """
    tested = {
        name: cross_validate_clue(X, cells, name=name, level=level, random_state=random_state)
        for name, X in tables.items()
    }
    return {name: one for name, one in tested.items() if one is not None}


def clue_findings(results: Mapping[str, Evaluation]) -> list[Finding]:
    """Judge the clues.

    Parameters
    ----------
    results : mapping of str to Evaluation
        From :func:`clue_results`, and the cells-erased test.

    Returns
    -------
    list of Finding
    """
    found = []
    for name, result in results.items():
        # The mean over pairs of subjects: over cells a few large subjects would decide.
        by_subject = result.predictions.subjects is not None
        over = "subjects" if by_subject else "cells"
        area = result.interval("auroc", over)
        what = "With the cells erased" if name == "cells erased" else f"By {name} alone"
        by = "over subjects" if by_subject else "subjects not known"
        said = f"{what} the label is told with an AUROC of {area} ({by})"
        if not area.known:
            found.append(Finding(name, "note", f"{said}."))
        elif (
            name in WORTH_KNOWING
            and area.estimate >= _NEARLY
            and _beyond_chance(result.figures["auroc", over], area)
        ):
            if area.low <= _CHANCE:
                said = said[:-1] + "; wide, since one subject makes nearly all of the errors)"
            message = (
                f"{said}. A head that knows nothing else does this well: a high figure on these "
                "cells proves little. Show it beside every result."
            )
            found.append(Finding(name, "shortcut", message))
        elif name in OUTSIDE and area.low > _CLEAR:
            message = (
                f"{said}, and this is no property of a cell: classes were acquired or processed "
                "differently. Take it away before anything is learnt (crop, mask, re-encode), or "
                "use cells acquired alike."
            )
            found.append(Finding(name, "shortcut", message))
        elif area.low > _CHANCE:
            found.append(Finding(name, "warning", f"{said}: report it beside every result."))
        else:
            found.append(Finding(name, "note", f"{said}: no better than chance can be shown."))
    return found


def _beyond_chance(figure: SubjectStatistic, area: Interval) -> bool:
    """Tell whether an area is clearly above 0.5, though its interval may reach far down.

    Near 1 the logit of the area without the one subject that makes the errors is far from that of
    all, so the interval is wide to keep its promise. How far the area is from 0.5 is asked on the
    plain scale, where that subject counts as what it is.
    """
    if area.low > _CHANCE:
        return True
    error, dof = figure.standard_error()
    if not np.isfinite(error) or error == 0:
        return False
    return bool(area.estimate - stats.t.ppf((1 + area.level) / 2, dof) * error > _CHANCE)
