import itertools

import numpy as np
import pytest
from scipy import stats

from leukfeat.metrics import (
    SubjectStatistic,
    difference,
    figures_of_merit,
    holm,
    sign_flip_test,
    smallest_detectable_difference,
    swap_test_auroc,
)


def test_sign_flips_are_exact_for_few_subjects():
    d = np.array([0.3, -0.1, 0.2, 0.25, 0.05])
    means = [np.mean(d * signs) for signs in itertools.product([1, -1], repeat=5)]
    expected = np.mean(np.abs(means) >= abs(d.mean()) - 1e-12)
    assert sign_flip_test(d) == expected
    theirs = stats.permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(d) == pytest.approx(theirs.pvalue)


def test_sign_flips_weigh_classes_alike():
    d, strata = np.array([0.3, 0.2, -0.4]), np.array([0, 0, 1])
    signs = np.array(list(itertools.product([1, -1], repeat=3)))
    values = np.abs((signs * d)[:, :2].mean(1) + (signs * d)[:, 2]) / 2
    assert sign_flip_test(d, strata) == np.mean(values >= abs((0.25 - 0.4) / 2) - 1e-12)


def test_many_subjects_agree_with_the_t_test():
    rng = np.random.default_rng(0)
    d = rng.normal(0.4, 1, 40)
    assert sign_flip_test(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.01)


def test_the_level_holds_under_the_null():
    rng = np.random.default_rng(1)
    p = [sign_flip_test(rng.normal(size=12)) for _ in range(300)]
    assert np.mean(np.array(p) <= 0.05) <= 0.09
    areas = []
    for _ in range(150):
        codes = np.repeat(np.arange(12), 8)
        y = codes % 2
        signal = y + rng.normal(size=12)[codes]
        a, b = (signal + rng.normal(size=12)[codes] + rng.normal(size=96) for _ in "ab")
        areas.append(swap_test_auroc(y, a, np.exp(b), codes))
    assert 0.005 <= np.mean(np.array(areas) <= 0.05) <= 0.1


def test_a_swap_is_what_brute_force_finds():
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(4), 5)
    y = rng.integers(0, 2, 20)
    a, b = rng.normal(size=20) + y, rng.normal(size=20)
    ra, rb = stats.rankdata(a), stats.rankdata(b)

    def area(score):
        up, down = score[y == 1], score[y == 0]
        return ((up[:, None] > down) + 0.5 * (up[:, None] == down)).mean()

    values = []
    for pattern in itertools.product([False, True], repeat=4):
        swapped = np.array(pattern)[codes]
        values.append(abs(area(np.where(swapped, rb, ra)) - area(np.where(swapped, ra, rb))))
    expected = np.mean(np.array(values) >= values[0] - 1e-12)
    assert swap_test_auroc(y, a, b, codes) == expected
    twice = swap_test_auroc(
        *(np.tile(v, 2) for v in (y, a, b, codes)), blocks=np.repeat([0, 1], 20)
    )
    assert twice == expected


def test_a_clear_difference_is_found():
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(40), 10)
    y = codes % 2
    strong = 2 * y + rng.normal(size=400)
    assert swap_test_auroc(y, strong, rng.normal(size=400), codes) < 0.001


def test_holm():
    p = [0.01, 0.02, 0.03, 0.005, float("nan")]
    assert holm(p)[:4] == pytest.approx([0.03, 0.04, 0.04, 0.02])
    assert np.isnan(holm(p)[4])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_detectable_difference_has_the_power_that_is_asked_for():
    rng = np.random.default_rng(4)
    d = rng.normal(0, 0.1, 15)

    def figure(values):
        n = len(values)
        return SubjectStatistic(
            estimate=values.mean(),
            without=(values.sum() - values) / (n - 1),
            weights=np.ones(n),
            strata=np.zeros(n, int),
            scale="identity",
        )

    shift = smallest_detectable_difference(figure(d))
    drawn = rng.normal(shift, d.std(ddof=1), (4000, 15))
    power = np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
    assert power == pytest.approx(0.8, abs=0.03)
    assert smallest_detectable_difference(figure(d), power=0.9) > shift
    assert np.isnan(smallest_detectable_difference(figure(np.ones(3))))


def test_the_clustered_difference_of_areas_is_delongs_for_single_cells():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 150)
    a, b = y + rng.normal(size=150), y + rng.normal(size=150)

    def figure(score):
        two = np.column_stack([-score, score])
        return figures_of_merit(y, y, two, np.arange(150))["auroc"]

    error, _ = difference(figure(a), figure(b)).standard_error()

    def parts(score):
        up, down = score[y == 1], score[y == 0]
        kernel = (up[:, None] > down) + 0.5 * (up[:, None] == down)
        return kernel.mean(1), kernel.mean(0)

    (a10, a01), (b10, b01) = parts(a), parts(b)
    delong = (a10 - b10).var(ddof=1) / (y == 1).sum() + (a01 - b01).var(ddof=1) / (y == 0).sum()
    assert error == pytest.approx(delong**0.5, rel=0.01)
