import numpy as np
import pytest
from scipy import optimize, stats

from leukfeat.metrics import (
    SubjectStatistic,
    correct_prior_shift,
    effective_trials,
    lang_reiczigel,
    rogan_gladen,
)


def test_rogan_gladen_inverts_the_apparent_prevalence():
    for p in (0.0, 0.2, 0.9, 1.0):
        apparent = p * 0.85 + (1 - p) * (1 - 0.7)
        assert rogan_gladen(apparent, 0.85, 0.7) == pytest.approx(p)
    assert rogan_gladen(0.01, 0.9, 0.8) == 0
    with pytest.raises(ValueError, match="no better than chance"):
        rogan_gladen(0.5, 0.4, 0.6)


def test_lang_and_reiczigel_as_printed():
    """Their equations, with known counts: 23 of 150, Se 48 of 50, Sp 178 of 200."""
    x, n, k_se, n_se, k_sp, n_sp = 23, 150, 48, 50, 178, 200
    z = stats.norm.ppf(0.975)
    ap, se, sp = (x + z**2 / 2) / (n + z**2), (k_se + 1) / (n_se + 2), (k_sp + 1) / (n_sp + 2)
    p = (ap + sp - 1) / (se + sp - 1)
    a, b = se * (1 - se) / (n_se + 2), sp * (1 - sp) / (n_sp + 2)
    dp = 2 * z**2 * (p * a - (1 - p) * b)
    root = (ap * (1 - ap) / (n + z**2) + p**2 * a + (1 - p) ** 2 * b) ** 0.5
    half = z * root / (se + sp - 1)
    ours = lang_reiczigel(
        x,
        n,
        sensitivity=k_se / n_se,
        n_sensitivity=n_se,
        specificity=k_sp / n_sp,
        n_specificity=n_sp,
    )
    assert ours.low == pytest.approx(max(p + dp - half, 0))
    assert ours.high == pytest.approx(p + dp + half)


def test_it_covers_the_true_prevalence():
    rng = np.random.default_rng(0)
    se, sp, p, hits = 0.9, 0.8, 0.3, 0
    for _ in range(500):
        x = rng.binomial(100, p * se + (1 - p) * (1 - sp))
        found = lang_reiczigel(
            x,
            100,
            sensitivity=rng.binomial(50, se) / 50,
            n_sensitivity=50,
            specificity=rng.binomial(60, sp) / 60,
            n_specificity=60,
        )
        hits += p in found
    assert 0.93 <= hits / 500 <= 0.99


def test_hardly_known_heads_say_nothing():
    found = lang_reiczigel(
        5, 10, sensitivity=1.0, n_sensitivity=1, specificity=0.2, n_specificity=1
    )
    assert (found.low, found.high) == (0, 1)
    with pytest.raises(ValueError, match=r"'total' .*1 or more. Got 0"):
        lang_reiczigel(5, 0, sensitivity=0.9, n_sensitivity=9, specificity=0.9, n_specificity=9)


def test_effective_trials_of_independent_subjects_are_the_subjects():
    right = np.random.default_rng(1).random(400) < 0.8
    figure = SubjectStatistic(
        estimate=right.mean(),
        without=(right.sum() - right) / 399,
        weights=np.ones(400),
        strata=np.zeros(400, int),
    )
    assert effective_trials(figure) == pytest.approx(399, rel=0.01)


def test_the_shares_maximise_the_likelihood():
    rng = np.random.default_rng(2)
    y = rng.random(3000) < 0.15
    x = rng.normal(2.0 * y, 1)
    up = 1 / (1 + np.exp(-(2 * x - 2)))  # exact for equal classes
    p = np.column_stack([1 - up, up])
    prior, corrected = correct_prior_shift(p, [0.5, 0.5])
    assert prior[1] == pytest.approx(0.15, abs=0.02)
    best = optimize.minimize_scalar(
        lambda q: -np.log((1 - q) * p[:, 0] / 0.5 + q * p[:, 1] / 0.5).sum(),
        bounds=(1e-4, 1 - 1e-4),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert prior[1] == pytest.approx(best.x, abs=1e-4)
    np.testing.assert_allclose(corrected.sum(1), 1)
    with pytest.raises(ValueError, match="in training"):
        correct_prior_shift(p, [1.0, 0.0])
    with pytest.raises(ValueError, match="one number a class"):
        correct_prior_shift(p, [1.0])
