"""How often finding and classifying cells goes wrong, and what that leaves of a count."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import stats

from leukfeat.metrics.interval import Interval

__all__ = ["ClassifierErrors", "FindingErrors", "count_intervals"]

_DRAWS = 40_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierErrors:
    """Sensitivity and specificity of a classifier, as measured on subjects it never saw.

    Parameters
    ----------
    sensitivity, specificity : float
        From 0 to 1.
    n_sensitivity, n_specificity : float
        Number of independent trials behind each: for figures by subject
        :func:`leukfeat.metrics.effective_trials`, not the number of cells.

    Raises
    ------
    ValueError
        If a rate is outside 0 to 1, a number is below 1, or the classifier is no better than
        chance.
    """

    sensitivity: float
    n_sensitivity: float
    specificity: float
    n_specificity: float

    def __post_init__(self) -> None:
        _check_rates(self, ("sensitivity", "specificity"), ("n_sensitivity", "n_specificity"))
        if self.sensitivity + self.specificity <= 1:
            raise ValueError(
                "Sensitivity and specificity must sum to more than 1: this classifier is no better "
                f"than chance. Got {self.sensitivity} and {self.specificity}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FindingErrors:
    """Precision and recall of finding white cells.

    Parameters
    ----------
    precision, recall : float
        Part of what is found that is a white cell; part of the white cells that is found.
    n_precision, n_recall : float
        Number of independent trials behind each.

    Raises
    ------
    ValueError
        If a rate is not above 0 and at most 1, or a number is below 1.
    """

    precision: float
    n_precision: float
    recall: float
    n_recall: float

    def __post_init__(self) -> None:
        _check_rates(self, ("precision", "recall"), ("n_precision", "n_recall"))
        if not (self.precision > 0 and self.recall > 0):
            raise ValueError("'precision' and 'recall' must be above 0.")


def count_intervals(
    called: int,
    found: int,
    classifier: ClassifierErrors,
    finding: FindingErrors,
    *,
    level: float = 0.95,
    random_state: int = 0,
) -> tuple[Interval, Interval]:
    """Return how many positive and negative cells a field holds, with their intervals.

    Parameters
    ----------
    called : int
        Cells that the classifier calls positive.
    found : int
        All cells that were found.
    classifier : ClassifierErrors
        How often it is wrong.
    finding : FindingErrors
        How often finding is.
    level : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
        Seed of the draws.

    Returns
    -------
    positive, negative : Interval
        Numbers of cells; the estimate is the median, the interval the shortest that holds `level`.

    Notes
    -----
    Bayes by weighted draws, after Joseph, Gyorkos and Coupal [1]_. The four rates are drawn from
    Beta distributions (Jeffreys' prior); what was found and is no white cell is binomial; the share
    of positive cells among the rest has Jeffreys' prior too, for in many a field there is none, and
    each draw is weighted by the probability of so many calls (a normal law with the mean and
    variance of the two binomials, continuity corrected); cells that were missed are negative
    binomial and are as often positive as those found. What is found and is no cell is taken to be
    called positive as often as the rest.

    References
    ----------
    .. [1] L. Joseph, T. W. Gyorkos, L. Coupal, "Bayesian estimation of disease prevalence and the
       parameters of diagnostic tests in the absence of a gold standard", American Journal of
       Epidemiology 141 (1995), 263-272.

    Examples
    --------
    >>> sure = ClassifierErrors(sensitivity=0.9, n_sensitivity=60, specificity=0.9, n_specificity=60)
    >>> seen = FindingErrors(precision=0.97, n_precision=90, recall=0.98, n_recall=90)
    >>> positive, _ = count_intervals(10, 40, sure, seen)
    >>> positive.low <= 7 <= positive.high
    True
    """
    if not 0 <= called <= found:
        raise ValueError(f"'called' must be from 0 to 'found'. Got {called} of {found}.")
    rng = np.random.default_rng(random_state)

    def drawn(rate: float, trials: float) -> np.ndarray:
        return rng.beta(rate * trials + 0.5, (1 - rate) * trials + 0.5, _DRAWS)

    real = rng.binomial(found, drawn(finding.precision, finding.n_precision))
    recall = np.maximum(drawn(finding.recall, finding.n_recall), 1e-3)
    sensitivity = drawn(classifier.sensitivity, classifier.n_sensitivity)
    specificity = drawn(classifier.specificity, classifier.n_specificity)
    positive = rng.binomial(real, rng.beta(0.5, 0.5, _DRAWS))
    negative = real - positive
    seen = called * real / max(found, 1)
    mean = positive * sensitivity + negative * (1 - specificity)
    spread = positive * sensitivity * (1 - sensitivity) + negative * specificity * (1 - specificity)
    spread = np.sqrt(np.maximum(spread, 1e-6))
    weights = stats.norm.cdf((seen + 0.5 - mean) / spread)
    weights -= stats.norm.cdf((seen - 0.5 - mean) / spread)
    # A missed cell is one more failure before the last of those found.
    missed = np.where(real > 0, rng.negative_binomial(np.maximum(real, 1), recall), 0)
    more = rng.binomial(missed, (positive + 0.5) / (real + 1))
    note = "" if weights.sum() > 0 else "so many calls are hardly possible with these error rates"
    if not weights.sum() > 0:
        weights = np.ones(_DRAWS)
    return (
        _weighted(positive + more, weights, level, found, note),
        _weighted(negative + missed - more, weights, level, found, note),
    )


def _weighted(
    values: np.ndarray, weights: np.ndarray, level: float, found: int, note: str
) -> Interval:
    shares = np.cumsum(np.bincount(values, weights)) / weights.sum()
    before = np.concatenate([[0.0], shares[:-1]])
    # The shortest interval: where no cell at all is the likeliest, it begins with 0.
    ends = np.searchsorted(shares, before + level - 1e-9)
    starts = np.flatnonzero(ends < len(shares))
    length = ends[starts] - starts
    held = shares[ends[starts]] - before[starts]
    low = int(starts[np.lexsort((-held, length))[0]])
    high, middle = int(ends[low]), int(np.searchsorted(shares, 0.5 - 1e-9))
    return Interval(
        estimate=float(middle),
        low=float(low),
        high=float(high),
        level=level,
        method="Bayes, finding and classifying errors drawn",
        n_cells=found,
        note=note,
    )


def _check_rates(held: object, rates: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    for name in rates:
        if not 0 <= getattr(held, name) <= 1:
            raise ValueError(f"'{name}' must be from 0 to 1. Got {getattr(held, name)!r}.")
    for name in numbers:
        if not getattr(held, name) >= 1:
            raise ValueError(f"'{name}' must be at least 1. Got {getattr(held, name)!r}.")
