"""Intervals of proportions that do not look at subjects: the exact and the usual ones."""

from __future__ import annotations

from scipy import stats

from leukfeat.metrics.interval import Interval, check_level
from leukfeat.metrics.validation import check_count

__all__ = ["clopper_pearson", "wilson"]


def _check(successes: int, trials: int, level: float) -> None:
    check_count("trials", trials, 1)
    check_count("successes", successes)
    if successes > trials:
        raise ValueError(
            f"'successes' must be from 0 to 'trials'. Got {successes} of {trials}. Give the number of "
            "trials that succeeded first, and of all trials second."
        )
    check_level(level)


def clopper_pearson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Return the exact interval of a proportion of independent trials.

    Parameters
    ----------
    successes, trials : int
        Number of successes and of trials, for example subjects that were called right.
    level : float, default=0.95
        Confidence level; the coverage is never lower.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If a number is no count, there are more successes than trials, or no trial.

    Examples
    --------
    >>> from leukfeat.metrics import clopper_pearson
    >>> print(clopper_pearson(20, 20))
    1.000 (0.832 to 1.000)
    """
    _check(successes, trials, level)
    successes, trials = int(successes), int(trials)
    tail = (1 - level) / 2
    low = stats.beta.ppf(tail, successes, trials - successes + 1) if successes else 0.0
    high = (
        stats.beta.ppf(1 - tail, successes + 1, trials - successes) if successes < trials else 1.0
    )
    return Interval(
        estimate=successes / trials,
        low=float(low),
        high=float(high),
        level=level,
        method="Clopper-Pearson",
        n_subjects=trials,
    )


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Return Wilson's score interval of a proportion of independent trials.

    For the cells of one subject. For the cells of many it is far too narrow, since the cells
    of a subject are alike.

    Parameters
    ----------
    successes, trials : int
        Number of successes and of trials.
    level : float, default=0.95
        Confidence level.

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If a number is no count, there are more successes than trials, or no trial.

    Examples
    --------
    >>> from leukfeat.metrics import wilson
    >>> print(wilson(71, 100))
    0.710 (0.615 to 0.790)
    """
    _check(successes, trials, level)
    successes, trials = int(successes), int(trials)
    bounds = stats.binomtest(successes, trials).proportion_ci(level, method="wilson")
    return Interval(
        estimate=successes / trials,
        low=float(bounds.low),
        high=float(bounds.high),
        level=level,
        method="Wilson",
        n_cells=trials,
    )
