"""The paired difference between two results on the same cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from leukfeat.evaluation.predictions import Predictions
from leukfeat.metrics import (
    difference,
    index_subjects,
    sign_flip_test,
    smallest_detectable_difference,
    swap_test_auroc,
)

if TYPE_CHECKING:
    from leukfeat.evaluation.result import Evaluation

__all__ = ["paired_difference"]


def paired_difference(
    a: Evaluation, b: Evaluation, metric: str, *, over: str = "cells", level: float = 0.95
) -> dict[str, Any]:
    """Compare two results on the same cells.

    Parameters
    ----------
    a, b : Evaluation
        Results of two heads.
    metric : str
        Figure of merit.
    over : {"cells", "subjects"}, default="cells"
        Whether every cell or every subject counts the same.
    level : float, default=0.95
        Level of the interval.

    Returns
    -------
    dict
        ``difference``, ``low``, ``high``, ``p``, ``test``, ``detectable``.

    Raises
    ------
    KeyError
        If a result lacks the figure.
    ValueError
        If the results are not of the same cells, or of another positive class.
    """
    a.interval(metric, over), b.interval(metric, over)
    p, q = a.predictions, b.predictions
    if len(p) != len(q) or not (p.y == q.y).all() or not (p.cells == q.cells).all():
        raise ValueError(f"{a.name!r} and {b.name!r} were not tested on the same cells in order.")
    if p.positive != q.positive:
        raise ValueError(
            f"{a.name!r} and {b.name!r} take different classes for the positive one "
            f"({p.positive} and {q.positive} of {list(p.class_names)})."
        )
    if _same(p, q):
        nothing = {"difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
        return {**nothing, "test": "the same predictions", "detectable": np.nan}
    figure = difference(a.figures[metric, over], b.figures[metric, over])
    found = figure.interval(level)
    p_value, test = _test(p, q, metric, over, figure)
    return {
        "difference": found.estimate,
        "low": found.low,
        "high": found.high,
        "p": p_value,
        "test": test,
        "detectable": smallest_detectable_difference(figure, level=level),
    }


def _same(p: Predictions, q: Predictions) -> bool:
    """Say whether two heads are one: they answer every cell alike, to the last bit."""
    if p.scores is None or q.scores is None:
        return p.scores is q.scores and bool((p.predicted == q.predicted).all())
    return bool((p.predicted == q.predicted).all()) and np.array_equal(p.scores, q.scores)


def _test(p: Predictions, q: Predictions, metric: str, over: str, figure: Any) -> tuple[float, str]:
    if p.units is not None:
        if metric == "auroc" and over == "cells" and p.positive is not None:
            codes = index_subjects(p.single_units, len(p)).codes
            value = swap_test_auroc(
                p.y == p.positive,
                p.scores[:, p.positive],  # type: ignore[index]
                q.scores[:, p.positive],  # type: ignore[index]
                codes,
                blocks=p.repeat,
            )
            return value, f"heads swapped by {p.unit}"
        base = metric.partition("[")[0]
        if over == "subjects" and base in (
            "accuracy",
            "balanced_accuracy",
            "sensitivity",
            "specificity",
        ):
            return sign_flip_test(_by_subject(p, q, metric)), f"signs flipped by {p.unit}"
    error, dof = figure.standard_error()
    if not np.isfinite(error):
        return np.nan, ""
    if error == 0:
        return (1.0, "no difference") if figure.estimate == 0 else (np.nan, "")
    return float(2 * stats.t.sf(abs(figure.estimate) / error, dof)), f"leave one {p.unit} out, t"


def _by_subject(p: Predictions, q: Predictions, metric: str) -> np.ndarray:
    """Return what each subject adds to the difference: its classes share one sign."""
    base, _, of = metric.partition("[")
    frame = pd.DataFrame({"subject": p.single_units, "y": p.y})
    frame["d"] = (p.predicted == p.y).astype(float) - (q.predicted == q.y)
    if base in ("sensitivity", "specificity"):
        c = p.class_names.index(of[:-1]) if of else p.positive
        frame = frame[(frame["y"] == c) == (base == "sensitivity")]
        if base == "specificity":
            called = (p.predicted == c).astype(float) - (q.predicted == c)
            frame["d"] = -called[frame.index]
    each = frame.groupby(["subject", "y"])["d"].mean()
    # Accuracy over subjects is the mean over all of them, balanced accuracy the mean of classes.
    if base == "accuracy":
        each = each / len(each)
    else:
        of_class = each.groupby(level="y")
        each = each / of_class.transform("size") / of_class.ngroups
    return each.groupby(level="subject").sum().to_numpy()
