"""Tests of a difference between two heads on the same subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from leukfeat.metrics.interval import check_level
from leukfeat.metrics.jackknife import SubjectStatistic
from leukfeat.metrics.swapping import differences_by_cells, differences_by_pairs, ranked_blocks
from leukfeat.metrics.validation import binary_labels, check_count, check_share, finite_values

__all__ = ["holm", "sign_flip_test", "smallest_detectable_difference", "swap_test_auroc"]

Array = np.ndarray

_EXACT_UP_TO = 14
_PAIRS_UP_TO = 300
"""Subjects up to which counting the pairs of each two is quicker than going through the cells."""
_SIGNS_AT_ONCE = 4_000_000
_MOST_WORK = 100_000_000
"""Patterns times cells in one test: some ten seconds."""
_FLIPS_AT_LEAST = 200


def _signs(n: int, n_flips: int, random_state: int) -> Array:
    """Return +1 and -1, every pattern if there are few subjects, the identity pattern first."""
    if n <= _EXACT_UP_TO:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return (1 - 2 * bits).astype(float)
    drawn = np.random.default_rng(random_state).integers(0, 2, (n_flips, n))
    drawn[0] = 0
    return (1 - 2 * drawn).astype(float)


def _class_means(strata: Array) -> Array:
    """Return weights by which a sum over subjects is the mean over classes of class means."""
    kinds, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
    return 1.0 / (counts[codes] * len(kinds))


def sign_flip_test(
    differences: Any, strata: Any = None, *, n_flips: int = 10_000, random_state: int = 0
) -> float:
    """Return the two-sided p-value of a paired difference, by flipping signs of subjects.

    If the two heads were alike, each subject's difference could as well have had the other
    sign. The statistic is the mean over classes of the mean over subjects.

    Parameters
    ----------
    differences : array-like of float of shape (n_subjects,)
        Figure of the first head less that of the second, a subject, for example the part of
        its cells called right.
    strata : array-like of shape (n_subjects,), optional
        Class of each subject; without it all are one.
    n_flips : int, default=10000
        Patterns drawn; with 14 subjects or fewer all are tried and the test is exact.
    random_state : int, default=0
        Seed.

    Returns
    -------
    float
        At least ``1 / n_flips``.

    Raises
    ------
    ValueError
        If a difference is not finite, there is none, or lengths differ.

    References
    ----------
    .. [1] R. A. Fisher, "The Design of Experiments", 1935, section 21.

    Examples
    --------
    >>> from leukfeat.metrics import sign_flip_test
    >>> sign_flip_test([0.02, 0.03, 0.01, 0.04, 0.02])
    0.0625
    """
    d = finite_values(
        "differences", differences, "Leave out subjects for whom a head has no figure."
    )
    if d.ndim != 1 or not len(d):
        raise ValueError(
            "'differences' must hold one number a subject, of one subject at least. Got shape "
            f"{d.shape} instead."
        )
    check_count("n_flips", n_flips, 1)
    of = np.zeros(len(d)) if strata is None else np.asarray(strata)
    if of.shape != d.shape:
        raise ValueError(
            f"'strata' must hold the class of each of the {len(d)} subjects. Got shape {of.shape} "
            "instead; give one entry for each of 'differences'."
        )
    weights = _class_means(of)
    values = np.abs(_signs(len(d), n_flips, random_state) @ (d * weights))
    # Rounding must not turn a tie with the observed value into a miss.
    return float(np.mean(values >= values[0] - 1e-12 * max(float(values.max()), 1e-300)))


def swap_test_auroc(
    y: Any,
    first: Any,
    second: Any,
    codes: Any,
    *,
    blocks: Any = None,
    n_flips: int = 2000,
    random_state: int = 0,
) -> float:
    """Return the two-sided p-value of a difference in AUROC, by swapping heads within subjects.

    Scores become ranks, so that the heads' scales may differ; then the two heads' ranks are
    swapped for all cells of a subject at once. With one cell a subject this is the test of
    Venkatraman and Begg in its form for the difference in area.

    Parameters
    ----------
    y : array-like of int of shape (n_cells,)
        1 for positive cells, 0 for the others.
    first, second : array-like of float of shape (n_cells,)
        Scores of the two heads.
    codes : array-like of int of shape (n_cells,)
        Subject of each cell, from 0 on.
    blocks : array-like of int of shape (n_cells,), optional
        Cells are compared within a block only, for example within a repeat.
    n_flips : int, default=2000
        Patterns drawn; with 14 subjects or fewer all are tried. Of more than 300 subjects with
        more than 50,000 cells fewer are drawn, so that the time is bounded, but 200 at least.
    random_state : int, default=0
        Seed.

    Returns
    -------
    float

    Notes
    -----
    Memory grows with the cells, and with the square of the subjects up to 300 of them.

    References
    ----------
    .. [1] E. S. Venkatraman and C. B. Begg, "A distribution-free procedure for comparing
       receiver operating characteristic curves from a paired experiment",
       Biometrika 83 (1996), 835-848.

    Examples
    --------
    >>> from leukfeat.metrics import swap_test_auroc
    >>> swap_test_auroc([0, 0, 1, 1], [1, 2, 3, 4], [10, 20, 30, 40], [0, 1, 2, 3])
    1.0
    """
    y, codes = binary_labels("y", y), np.asarray(codes)
    scores = [
        finite_values(name, score, "Leave out cells without a score of both heads.", shape=y.shape)
        for name, score in (("first", first), ("second", second))
    ]
    check_count("n_flips", n_flips, 1)
    n = int(codes.max()) + 1
    of = np.zeros(len(codes), int) if blocks is None else np.asarray(blocks)
    ranked = ranked_blocks(y == 1, scores[0], scores[1], codes, of)
    if n <= _PAIRS_UP_TO:
        values = differences_by_pairs(ranked, _signs(n, n_flips, random_state) > 0)
    else:
        n_flips = min(n_flips, max(_FLIPS_AT_LEAST, _MOST_WORK // len(codes)))
        parts = differences_by_cells(ranked, _patterns(n, n_flips, random_state))
        values = np.concatenate([*parts])
    # Whole numbers: ties with the observed difference are exact.
    return float(np.mean(np.abs(values) >= abs(values[0])))


def _patterns(n: int, n_flips: int, random_state: int) -> Iterator[Array]:
    """Yield what `_signs` draws, some patterns at a time: where the sign is kept."""
    rng = np.random.default_rng(random_state)
    step = max(1, _SIGNS_AT_ONCE // n)
    for start in range(0, n_flips, step):
        keep = rng.integers(0, 2, (min(step, n_flips - start), n)) == 0
        if start == 0:
            keep[0] = True
        yield keep


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, for several comparisons at once.

    Parameters
    ----------
    p_values : sequence of float
        One a comparison; ``nan`` is passed through and not counted.

    Returns
    -------
    list of float

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure",
       Scandinavian Journal of Statistics 6 (1979), 65-70.

    Examples
    --------
    >>> from leukfeat.metrics import holm
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, float)
    adjusted = p.copy()
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(v) for v in adjusted]


def smallest_detectable_difference(
    figure: SubjectStatistic, *, power: float = 0.8, level: float = 0.95
) -> float:
    """Return the smallest true difference that these subjects would have shown.

    Parameters
    ----------
    figure : SubjectStatistic
        A paired difference, as :func:`difference` returns it: its spread over subjects is what
        counts, not its size.
    power : float, default=0.8
        Chance of showing it.
    level : float, default=0.95
        One less the level of the two-sided test.

    Returns
    -------
    float
        ``nan`` where a class has one subject only, or all subjects show the same difference.

    Raises
    ------
    ValueError
        If `power` or `level` is not between 0 and 1.

    Notes
    -----
    Solved for the noncentral t distribution with the figure's degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import SubjectStatistic, smallest_detectable_difference
    >>> each = np.tile([0.1, -0.1], 10)
    >>> mean = SubjectStatistic(estimate=0.0, without=-each / 19, weights=np.ones(20),
    ...                         strata=np.zeros(20, int), scale="identity")
    >>> round(smallest_detectable_difference(mean), 3)
    0.068
    """
    check_level(level)
    check_share("power", power)
    if power in (0, 1):
        raise ValueError(
            f"'power' must be between 0 and 1. Got {power}: no difference is shown never or always; "
            "give 0.8."
        )
    error, dof = figure.standard_error()
    if not np.isfinite(error) or error == 0:
        return np.nan
    critical = float(stats.t.ppf((1 + level) / 2, dof))

    def short_of_power(shift: float) -> float:
        # The other tail adds nothing at any power worth asking for.
        return float(stats.nct.sf(critical, dof, shift)) - power

    far = critical
    while short_of_power(far) < 0:
        far *= 1.2
    return float(brentq(short_of_power, 0.0, far)) * error
