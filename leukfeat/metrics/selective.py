"""How the error falls when doubtful cells are left to a person, with intervals by subject."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukfeat.metrics.interval import check_level
from leukfeat.metrics.jackknife import SubjectStatistic
from leukfeat.metrics.subjects import SubjectIndex, index_subjects
from leukfeat.metrics.validation import check_count, finite_values

__all__ = ["risk_coverage"]

Array = np.ndarray


def risk_coverage(
    y: Any,
    predicted: Any,
    confidence: Any,
    subjects: Any = None,
    *,
    n_points: int = 20,
    level: float = 0.95,
) -> pd.DataFrame:
    """Show how the error falls when only the surest cells are decided.

    Parameters
    ----------
    y, predicted : array-like of int of shape (n_cells,)
        True and predicted classes.
    confidence : array-like of float of shape (n_cells,)
        Higher for surer cells, for example the probability of the predicted class.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell; without them cells are taken as independent, and the intervals are
        too narrow.
    n_points : int, default=20
        Rows of the table, at most: equally sure cells are decided together.
    level : float, default=0.95
        Level of the intervals, at each point on its own.

    Returns
    -------
    pandas.DataFrame
        ``coverage`` (part of the cells decided), ``error`` among them with ``low`` and ``high``,
        ``confidence`` of the least sure of them, and ``subjects`` (or cells, where subjects are
        not known) that have a cell decided.

    References
    ----------
    .. [1] R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification",
       JMLR 11 (2010).

    Examples
    --------
    >>> from leukfeat.metrics import risk_coverage
    >>> table = risk_coverage([0, 0, 1, 1], [0, 1, 1, 1], [0.9, 0.5, 0.8, 0.7], n_points=2)
    >>> table[["coverage", "error"]].to_numpy().tolist()
    [[0.5, 0.0], [1.0, 0.25]]
    """
    y = np.asarray(y, np.int64)
    check_count("n_points", n_points, 1)
    check_level(level)
    if y.ndim != 1 or not len(y) or np.shape(predicted) != y.shape:
        raise ValueError(
            "'y' and 'predicted' must hold one class a cell, of one cell at least. Got shapes "
            f"{y.shape} and {np.shape(predicted)}; give both of the same cells."
        )
    remedy = "Leave these cells out, or predict them again."
    sure = finite_values("confidence", confidence, remedy, shape=y.shape)
    wrong = y != np.asarray(predicted)
    index = index_subjects(subjects, len(y))
    falling = np.sort(sure)[::-1]
    at = np.unique(np.ceil(np.linspace(1 / n_points, 1, n_points) * len(y)).astype(int)) - 1
    rows = []
    for cut in np.unique(falling[at])[::-1]:
        decided = sure >= cut
        figure = _error(y, wrong, decided, index)
        found = figure.interval(level)
        rows.append(
            (
                float(decided.mean()),
                found.estimate,
                found.low,
                found.high,
                float(cut),
                int((figure.weights > 0).sum()),
            )
        )
    names = ["coverage", "error", "low", "high", "confidence", "subjects"]
    return pd.DataFrame(rows, columns=names)


def _error(y: Array, wrong: Array, decided: Array, index: SubjectIndex) -> SubjectStatistic:
    cells = np.bincount(index.codes[decided], minlength=index.count).astype(float)
    errors = np.bincount(index.codes[decided & wrong], minlength=index.count).astype(float)
    strata = index.strata(y)
    if min(int((cells[strata == s] > 0).sum()) for s in np.unique(strata)) < 2:
        # Nearly all cells of a class are left to a person: the subjects are taken together.
        strata = np.zeros(index.count, np.int64)
    rest = cells.sum() - cells
    return SubjectStatistic(
        estimate=float(errors.sum() / cells.sum()),
        without=np.where(rest > 0, (errors.sum() - errors) / np.maximum(rest, 1), np.nan),
        weights=cells,
        strata=strata,
        n_cells=int(decided.sum()),
        unit="subject" if index.known else "cell",
        alone=index.alone,
    )
