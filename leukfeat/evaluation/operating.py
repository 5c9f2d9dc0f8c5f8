"""Operating points: a wanted sensitivity or specificity, its threshold chosen on other subjects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.evaluation.predictions import Predictions, others
from leukfeat.metrics import SubjectStatistic, average, figures_of_merit, threshold_for

if TYPE_CHECKING:
    from leukfeat.evaluation.result import Evaluation

__all__ = ["operating_points"]


def operating_points(
    result: Evaluation, *, sensitivity: float | None = None, specificity: float | None = None
) -> pd.DataFrame:
    """Return what is reached at a fixed sensitivity or specificity, for each class against the rest.

    The threshold for the cells of a fold is chosen on the out-of-fold scores of the other folds,
    so on training subjects only; what is reached is measured on the fold. What was asked for is
    therefore not what is reached, and the difference is part of the truth.

    Parameters
    ----------
    result : Evaluation
        Of a cross-validation.
    sensitivity, specificity : float, optional
        Exactly one of them, in (0, 1].

    Returns
    -------
    pandas.DataFrame
        One row a class (the positive one of two): ``class``, ``threshold`` (mean over folds),
        ``threshold_min``, ``threshold_max``, and ``sensitivity`` and ``specificity`` each with
        ``_low`` and ``_high``. Where subjects are known each counts the same.

    Raises
    ------
    ValueError
        If the head gives no scores, the result is of a single test, or not exactly one level is
        asked for.
    """
    p = result.predictions
    if p.scores is None:
        raise ValueError(f"{result.name!r} gives no scores: there is no threshold to choose.")
    if len(np.unique(p.fold)) < 2:
        raise ValueError(
            "Operating points need the folds of a cross-validation, so that thresholds are chosen "
            "on other subjects than they are tested on. For a single test choose the threshold in "
            "training: fit_head(..., threshold=('sensitivity', 0.95))."
        )
    wanted: dict[str, Any] = {"sensitivity": sensitivity, "specificity": specificity}
    classes = range(len(p.class_names)) if p.positive is None else [p.positive]
    over = "cells" if p.units is None else "subjects"
    rows = []
    for c in classes:
        if not (p.y == c).any():
            continue
        cuts: list[float] = []
        figures = [_reached(part, c, over, wanted, cuts) for part in p.repeats]
        row: dict[str, Any] = {
            "class": p.class_names[c],
            "threshold": float(np.mean(cuts)),
            "threshold_min": min(cuts),
            "threshold_max": max(cuts),
        }
        for name in ("sensitivity", "specificity"):
            found = average([one[name] for one in figures]).interval(result.level)
            row |= {name: found.estimate, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(row)
    return pd.DataFrame(rows)


def _reached(
    p: Predictions, c: int, over: str, wanted: dict[str, Any], cuts: list[float]
) -> dict[str, SubjectStatistic]:
    """Call the cells of one repeat; the thresholds are added to `cuts`."""
    up = (p.y == c).astype(np.int64)
    score = p.scores[:, c]  # type: ignore[index]
    called = np.zeros(len(up), np.int64)
    for fold in np.unique(p.fold):
        test = p.fold == fold
        rest = others(p, test)
        if len(np.unique(up[rest])) < 2:
            raise ValueError(
                f"Without the tested {p.unit}s a threshold for class {p.class_names[c]} would be "
                "chosen on cells of one kind only. Operating points need a split by subject with "
                "cells of each class on both sides."
            )
        units = None if p.units is None else p.units[rest]
        cuts.append(threshold_for(up[rest], score[rest], units, **wanted))
        called[test] = score[test] >= cuts[-1]
    return figures_of_merit(up, called, None, p.units, over=over)  # type: ignore[arg-type]
