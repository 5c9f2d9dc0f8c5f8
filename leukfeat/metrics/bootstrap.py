"""Percentile bootstrap over subjects: for figures of merit of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from leukfeat.metrics.interval import Interval, check_level
from leukfeat.metrics.subjects import index_subjects
from leukfeat.metrics.validation import check_count

__all__ = ["ENOUGH_FOR_BOOTSTRAP", "bootstrap_interval"]

ENOUGH_FOR_BOOTSTRAP = 30
"""Below this number of subjects in a class the percentile bootstrap is clearly too short."""


def bootstrap_interval(
    statistic: Callable[[np.ndarray], float],
    y: Any,
    subjects: Any = None,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int = 0,
) -> Interval:
    """Return a percentile interval from drawing subjects with replacement.

    Subjects are drawn within their class when each holds one class. The figures of
    :func:`figures_of_merit` need none of this: their jackknife intervals cover better.

    Parameters
    ----------
    statistic : callable
        Takes row numbers (``int64``, repeats included) and returns the figure on those cells.
    y : array-like of int of shape (n_cells,)
        Labels.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell; without them cells are drawn.
    n_resamples : int, default=1000
        Number of draws. Draws for which the figure is not defined are left out.
    level : float, default=0.95
        Confidence level.
    random_state : int, default=0
        Seed.

    Returns
    -------
    Interval
        With a note when a class has fewer than 30 subjects, or subjects are not known.

    References
    ----------
    .. [1] A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application",
       Cambridge 1997, section 3.8 (clustered data).

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import bootstrap_interval
    >>> y = np.repeat([0, 1], 200)
    >>> right = np.arange(400) % 7 > 0
    >>> subjects = np.arange(400) // 10
    >>> print(bootstrap_interval(lambda rows: right[rows].mean(), y, subjects))
    0.855 (0.840 to 0.870)
    """
    check_level(level)
    check_count("n_resamples", n_resamples, 1)
    y = np.asarray(y)
    if y.ndim != 1 or not len(y):
        raise ValueError(
            f"'y' must hold one label a cell, of one cell at least. Got shape {y.shape} instead; give "
            "the labels of the cells that 'statistic' is asked about."
        )
    index = index_subjects(subjects, len(y))
    strata = index.strata(y)
    order = np.argsort(index.codes, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(index.codes, minlength=index.count))[:-1])
    members = [np.flatnonzero(strata == s) for s in np.unique(strata)]
    rng = np.random.default_rng(random_state)
    values = np.empty(n_resamples)
    for b in range(n_resamples):
        drawn = np.concatenate([rng.choice(m, len(m)) for m in members])
        values[b] = statistic(np.concatenate([rows[i] for i in drawn]))
    values = values[np.isfinite(values)]
    fewest = min(index.holders(np.unique(y, return_inverse=True)[1]))
    note = ""
    if not index.known:
        note = "no subjects: cells are taken as independent, the interval is too narrow"
    elif fewest < ENOUGH_FOR_BOOTSTRAP:
        note = f"{fewest} subjects in the rarer class: the percentile bootstrap is too short"
    low, high = (
        np.quantile(values, [(1 - level) / 2, (1 + level) / 2]) if len(values) else (np.nan, np.nan)
    )
    return Interval(
        estimate=float(statistic(np.arange(len(y)))),
        low=float(low),
        high=float(high),
        level=level,
        method=f"percentile bootstrap over {'subjects' if index.known else 'cells'}",
        n_subjects=index.count - index.alone if index.known else None,
        n_without_subject=index.alone,
        n_cells=len(y),
        note=note,
    )
