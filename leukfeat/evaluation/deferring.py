"""What a head may leave open: sets of classes for a new subject's cell, and cells left to a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.evaluation.predictions import Predictions, others
from leukfeat.metrics import (
    SubjectStatistic,
    average,
    conformal_thresholds,
    figures_of_merit,
    index_subjects,
    prediction_sets,
    risk_coverage,
)
from leukfeat.metrics.conformal import check_attainable

if TYPE_CHECKING:
    from leukfeat.evaluation.result import Evaluation

__all__ = ["LEVELS", "conformal_report", "conformal_sets", "result_risk_coverage"]

LEVELS = (0.8, 0.9, 0.95)
"""Promised coverages that reports look at."""

_PARTS = 200
_MEASURED = ("threshold", "classes", "one_class", "no_class")


def conformal_sets(result: Evaluation, *, level: float = 0.9) -> pd.DataFrame:
    """Test sets of classes that should hold the truth of one random cell of a new subject.

    The sets are calibrated on other subjects than they are tested on: those of the other folds
    of a cross-validation, or all the other test subjects of a single test. With K calibration
    subjects of a class at most ``K / (K + 1)`` can be promised.

    Parameters
    ----------
    result : Evaluation
        Of cells with known subjects, with probabilities.
    level : float, default=0.9
        The promised coverage, for cells of each class.

    Returns
    -------
    pandas.DataFrame
        One row a class: ``class``, ``level``, ``subjects`` (the fewest of that class that a set
        was calibrated on), ``threshold`` (mean probability from which the class is in the set),
        ``holds`` with ``holds_low`` and ``holds_high`` (how often the set held the truth, every
        subject counted the same), and of the cells of the class ``classes`` (mean number in the
        set), ``one_class`` and ``no_class`` (part of the sets).

    Raises
    ------
    ValueError
        If the level cannot be promised from so few subjects (the message says what can), subjects
        are not known, or the head gives no probabilities.

    Notes
    -----
    For a single test the promise is exact: the head was fitted before, and subjects are
    exchangeable. In a cross-validation each fold's head is calibrated on scores of the other
    folds' heads, which are alike but not the same: the promise holds about, and the table shows
    how nearly.

    References
    ----------
    .. [1] R. Dunn, L. Wasserman and A. Ramdas, "Distribution-free prediction sets for two-layer
       hierarchical models", JASA 2022, arXiv 1809.07441.
    """
    p = result.predictions
    _check_probabilities(result, "sets of classes are made of")
    if p.units is None or pd.isna(p.units).any():
        raise ValueError(
            "A set for a new subject's cell needs the subject of every cell, and "
            f"{'none is' if p.units is None else 'not all are'} known here."
        )
    count, c = min(_calibration_subjects(p))
    if not count:
        raise ValueError(
            f"For some tested cells no other {p.unit} of class {p.class_names[c]} is left to "
            "calibrate on: their own is on both sides. Sets for a new subject need a split by "
            "subject."
        )
    check_attainable(level, count, p.class_names[c])
    each = [_tested(part, level) for part in p.repeats]
    rows = []
    for c, name in enumerate(p.class_names):
        found = average([one[c][0] for one in each]).interval(result.level)
        more = {key: float(np.mean([one[c][1][key] for one in each])) for key in _MEASURED}
        rows.append(
            {
                "class": name,
                "level": level,
                "subjects": min(one[c][1]["subjects"] for one in each),
                "threshold": more.pop("threshold"),
                "holds": found.estimate,
                "holds_low": found.low,
                "holds_high": found.high,
                **more,
            }
        )
    return pd.DataFrame(rows)


def _check_probabilities(result: Evaluation, what: str) -> None:
    scores = result.predictions.scores
    if scores is None or scores.min() < 0 or scores.max() > 1:
        raise ValueError(
            f"{result.name!r} gives no probabilities, which {what}: use a head with predict_proba."
        )


def _tested(p: Predictions, level: float) -> list[tuple[SubjectStatistic, dict[str, float]]]:
    """Calibrate and test one repeat: for each class how often the truth was held, and the rest."""
    proba: np.ndarray = p.scores  # type: ignore[assignment]
    units: np.ndarray = p.units  # type: ignore[assignment]
    inside = np.zeros(proba.shape, bool)
    cuts, calibrated = [], []
    for test in _sides(p):
        rest = others(p, test)
        limits = conformal_thresholds(
            proba[rest],
            p.y[rest],
            units[rest],
            level=level,
            class_names=p.class_names,
        )
        inside[test] = prediction_sets(proba[test], limits)
        cuts.append(limits)
        calibrated.append(
            [pd.Series(units[rest & (p.y == c)]).nunique() for c in range(len(limits))]
        )
    size = inside.sum(1)
    found = []
    for c in range(proba.shape[1]):
        here = p.y == c
        held = figures_of_merit(
            here.astype(np.int64), inside[:, c].astype(np.int64), None, units, over="subjects"
        )["sensitivity"]
        more = {
            "subjects": int(np.min(calibrated, axis=0)[c]),
            "threshold": float(np.mean(cuts, axis=0)[c]),
            "classes": float(size[here].mean()),
            "one_class": float((size[here] == 1).mean()),
            "no_class": float((size[here] == 0).mean()),
        }
        found.append((held, more))
    return found


def _calibration_subjects(p: Predictions) -> Iterator[tuple[int, int]]:
    """Yield on how many subjects of each class (its number comes second) each set is calibrated."""
    for part in p.repeats:
        units: np.ndarray = part.units  # type: ignore[assignment]
        for test in _sides(part):
            rest = others(part, test)
            for c in range(len(part.class_names)):
                yield pd.Series(units[rest & (part.y == c)]).nunique(), c


def _sides(p: Predictions) -> Iterator[np.ndarray]:
    """Yield the cells that are tested together: a fold, or a subject of a single test."""
    part = p.fold
    if len(np.unique(part)) < 2:
        index = index_subjects(p.units, len(p))
        part = index.codes % min(index.count, _PARTS)
    for one in np.unique(part):
        yield part == one


def conformal_report(result: Evaluation, levels: Sequence[float] = LEVELS) -> list[dict[str, Any]]:
    """Return the sets at each level that a report looks at, or why there are none.

    Parameters
    ----------
    result : Evaluation
        Any.
    levels : sequence of float, default=LEVELS
        Promised coverages.

    Returns
    -------
    list of dict
        One a level: ``level``, and ``classes`` (rows of :func:`conformal_sets`) or ``refused``.
    """
    found: list[dict[str, Any]] = []
    for level in levels:
        try:
            rows = conformal_sets(result, level=level).to_dict("records")
        except ValueError as error:
            found.append({"level": level, "refused": str(error)})
        else:
            found.append({"level": level, "classes": rows})
    return found


def result_risk_coverage(result: Evaluation, *, n_points: int = 20) -> pd.DataFrame:
    """Show how the error falls when the cells of which the head is least sure are left open.

    Parameters
    ----------
    result : Evaluation
        With probabilities; of several repeats the first.
    n_points : int, default=20
        Rows of the table, at most.

    Returns
    -------
    pandas.DataFrame
        As :func:`leukfeat.metrics.risk_coverage`; sureness is the probability of the class that
        was called.

    Raises
    ------
    ValueError
        If the head gives no probabilities.
    """
    _check_probabilities(result, "sureness is told by")
    p = result.predictions.repeats[0]
    sure = p.scores[np.arange(len(p)), p.predicted]  # type: ignore[index]
    return risk_coverage(p.y, p.predicted, sure, p.units, n_points=n_points, level=result.level)
