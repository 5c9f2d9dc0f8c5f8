"""The true part of positive cells from the part called positive."""

from __future__ import annotations

import numpy as np
from scipy import stats

from leukfeat.metrics.interval import Interval, check_level
from leukfeat.metrics.jackknife import SubjectStatistic
from leukfeat.metrics.validation import check_count, check_share

__all__ = ["effective_trials", "lang_reiczigel", "rogan_gladen"]


def rogan_gladen(apparent: float, sensitivity: float, specificity: float) -> float:
    """Return the prevalence behind an apparent one.

    Parameters
    ----------
    apparent : float
        Part of the cells that is called positive.
    sensitivity, specificity : float
        Of the head.

    Returns
    -------
    float
        Cut to 0 to 1.

    Raises
    ------
    ValueError
        If a share is not from 0 to 1, or sensitivity and specificity sum to 1 or less: the calls
        then say nothing.

    References
    ----------
    .. [1] W. J. Rogan and B. Gladen, "Estimating prevalence from the results of a screening
       test", American Journal of Epidemiology 107 (1978), 71-76.

    Examples
    --------
    >>> from leukfeat.metrics import rogan_gladen
    >>> round(rogan_gladen(0.31, 0.90, 0.80), 3)
    0.157
    """
    check_share("apparent", apparent)
    check_share("sensitivity", sensitivity)
    check_share("specificity", specificity)
    gain = sensitivity + specificity - 1
    if gain <= 0:
        raise ValueError(
            f"A head with sensitivity {sensitivity:.3f} and specificity {specificity:.3f} is no "
            "better than chance: the part of positive cells cannot be told from its calls. Count "
            "by hand, or use a head that tells the classes apart."
        )
    return float(np.clip((apparent + specificity - 1) / gain, 0.0, 1.0))


def effective_trials(figure: SubjectStatistic) -> float:
    """Return how many independent cells would know a rate as well as these subjects do.

    Parameters
    ----------
    figure : SubjectStatistic
        A sensitivity or specificity by subject.

    Returns
    -------
    float
        ``p (1 - p) / variance``; the number of subjects where all cells are right or wrong.
    """
    error, _ = figure.standard_error()
    p = figure.estimate
    if not np.isfinite(error) or error == 0 or p in (0.0, 1.0):
        return float((figure.weights > 0).sum())
    return p * (1 - p) / error**2


def lang_reiczigel(
    positives: float,
    total: float,
    *,
    sensitivity: float,
    n_sensitivity: float,
    specificity: float,
    n_specificity: float,
    level: float = 0.95,
) -> Interval:
    """Return the prevalence behind a count of positive calls, with its interval.

    The interval knows that sensitivity and specificity were themselves estimated. For figures
    by subject give :func:`effective_trials` as their numbers: with the numbers of cells the
    interval would be far too narrow.

    Parameters
    ----------
    positives, total : float
        Cells called positive, and all cells of the sample, taken as independent.
    sensitivity, specificity : float
        Estimates for the head.
    n_sensitivity, n_specificity : float
        Number of independent trials behind each.
    level : float, default=0.95
        Confidence level.

    Returns
    -------
    Interval
        The estimate is Rogan and Gladen's.

    Raises
    ------
    ValueError
        If the head is no better than chance, a rate is not from 0 to 1, or a number is below 1.

    References
    ----------
    .. [1] Z. Lang and J. Reiczigel, "Confidence limits for prevalence of disease adjusted for
       estimated sensitivity and specificity", Preventive Veterinary Medicine 113 (2014), 13-22.

    Examples
    --------
    >>> from leukfeat.metrics import lang_reiczigel
    >>> print(lang_reiczigel(31, 100, sensitivity=0.9, n_sensitivity=60,
    ...                      specificity=0.8, n_specificity=60))
    0.157 (0.000 to 0.327)
    """
    check_level(level)
    numbers = {"total": total, "n_sensitivity": n_sensitivity, "n_specificity": n_specificity}
    for name, number in numbers.items():
        check_count(name, number, 1, whole=False)
    check_count("positives", positives, whole=False)
    if positives > total:
        raise ValueError(
            f"'positives' must be from 0 to 'total'. Got {positives:g} of {total:g}. Give the cells "
            "called positive first, and all cells second."
        )
    estimate = rogan_gladen(positives / total, sensitivity, specificity)
    z = float(stats.norm.ppf((1 + level) / 2))
    n, n_se, n_sp = total + z * z, n_sensitivity + 2, n_specificity + 2
    apparent = (positives + z * z / 2) / n
    se = (n_sensitivity * sensitivity + 1) / n_se
    sp = (n_specificity * specificity + 1) / n_sp
    gain = se + sp - 1
    if gain <= 0:
        return Interval(
            estimate=estimate,
            low=0.0,
            high=1.0,
            level=level,
            method="Lang-Reiczigel",
            n_cells=round(total),
            note="sensitivity and specificity are too uncertain to say anything",
        )
    p = (apparent + sp - 1) / gain
    of_se, of_sp = se * (1 - se) / n_se, sp * (1 - sp) / n_sp
    shift = 2 * z * z * (p * of_se - (1 - p) * of_sp)
    variance = (apparent * (1 - apparent) / n + p * p * of_se + (1 - p) ** 2 * of_sp) / gain**2
    reach = z * variance**0.5
    return Interval(
        estimate=estimate,
        low=float(np.clip(p + shift - reach, 0, 1)),
        high=float(np.clip(p + shift + reach, 0, 1)),
        level=level,
        method="Lang-Reiczigel",
        n_cells=round(total),
    )
