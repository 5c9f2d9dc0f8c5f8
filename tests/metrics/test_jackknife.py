import dataclasses

import numpy as np
import pytest
from scipy import stats

from leukfeat.metrics import (
    SubjectStatistic,
    average,
    bootstrap_interval,
    difference,
    figures_of_merit,
    smallest_detectable_difference,
)


def _mean(rates, scale="identity", strata=None, **kw):
    n = len(rates)
    return SubjectStatistic(
        estimate=float(rates.mean()),
        without=(rates.sum() - rates) / (n - 1),
        weights=np.ones(n),
        strata=np.zeros(n, int) if strata is None else strata,
        scale=scale,
        **kw,
    )


@pytest.mark.parametrize("n", [2, 5, 40])
def test_on_the_identity_scale_the_mean_has_students_interval(n):
    rates = np.random.default_rng(n).random(n)
    interval = _mean(rates).interval(0.9)
    low, high = stats.t.interval(0.9, n - 1, rates.mean(), stats.sem(rates))
    assert (interval.low, interval.high) == (pytest.approx(low), pytest.approx(high))
    assert interval.dof == pytest.approx(n - 1)
    assert interval.n_subjects == n


def test_two_strata_give_welchs_interval():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.6, 0.2, 9), rng.normal(0.5, 0.05, 14)
    n, m = len(a), len(b)
    without = np.concatenate(
        [(a.sum() - a) / (n - 1) - b.mean(), a.mean() - (b.sum() - b) / (m - 1)]
    )
    ours = SubjectStatistic(
        estimate=a.mean() - b.mean(),
        without=without,
        weights=np.ones(n + m),
        strata=np.repeat([0, 1], [n, m]),
        scale="identity",
    ).interval()
    welch = stats.ttest_ind(a, b, equal_var=False)
    theirs = welch.confidence_interval(0.95)
    assert (ours.low, ours.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))
    assert ours.dof == pytest.approx(welch.df)


def test_a_paired_difference_has_the_paired_t_interval():
    rng = np.random.default_rng(1)
    a = rng.random(12)
    b = a - rng.normal(0.1, 0.05, 12)
    ours = difference(_mean(a), _mean(b)).interval()
    theirs = stats.ttest_rel(a, b).confidence_interval(0.95)
    assert (ours.low, ours.high) == (pytest.approx(theirs.low), pytest.approx(theirs.high))


@pytest.mark.parametrize(
    ("scale", "rates"), [("logit", [0.9, 0.99, 1.0]), ("fisher", [-0.9, 0.99])]
)
def test_bounds_stay_in_the_range(scale, rates):
    interval = _mean(np.array(rates), scale).interval()
    low = 0 if scale == "logit" else -1
    assert low <= interval.low < interval.estimate < interval.high <= 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_or_all_wrong_is_clopper_pearson_on_subjects(value):
    interval = _mean(np.full(20, value), "logit").interval()
    exact = stats.binomtest(int(20 * value), 20).proportion_ci(0.95, "exact")
    assert (interval.low, interval.high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert "Clopper-Pearson on 20 subjects" in interval.method


def test_equal_subjects_between_the_ends_have_the_bounds_of_a_perfect_figure():
    fifteen = _mean(np.full(20, 0.75), "logit").interval()
    exact = stats.binomtest(15, 20).proportion_ci(0.95, "exact")
    assert (fifteen.low, fifteen.high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert "widest interval that 20 allow" in fifteen.note
    nearly = _mean(np.full(20, 1 - 1e-9), "logit").interval()
    perfect = _mean(np.full(20, 1.0), "logit").interval()
    assert nearly.low == pytest.approx(perfect.low, abs=1e-6)
    assert nearly.high == pytest.approx(1.0)


def test_a_head_that_says_the_same_of_every_cell_has_no_balanced_accuracy_to_bound():
    subjects = np.repeat(np.arange(20), 5)
    y = subjects % 2
    figures = figures_of_merit(y, np.ones(100, int), None, subjects)
    assert not figures["balanced_accuracy"].interval().known
    assert figures["sensitivity"].interval().low == pytest.approx(0.025 ** (1 / 10))
    # One cell of five of every subject is wrong.
    called = np.where(np.arange(100) % 5 == 0, 1 - y, y)
    right = figures_of_merit(y, called, None, subjects)["sensitivity"].interval()
    assert right.known
    assert right.estimate == pytest.approx(0.8)
    assert right.low < 0.5 < 0.97 < right.high


def test_one_erring_subject_still_has_an_interval():
    interval = _mean(np.array([1.0, 1.0, 1.0, 1.0, 0.6]), "logit").interval()
    assert interval.known
    assert interval.low < 0.92 < interval.high


def test_one_subject_of_a_class_has_no_interval():
    strata = np.array([0, 0, 0, 1])
    interval = _mean(np.array([0.5, 0.6, 0.7, 0.4]), "logit", strata).interval()
    assert not interval.known
    assert "one subject only" in interval.note
    assert str(interval) == "0.550 (no interval)"


def test_equal_subjects_give_no_interval_of_length_zero():
    interval = _mean(np.full(4, 0.9), "logit").interval()
    assert interval.low < 0.5 < 0.9 < interval.high
    assert "same value" in interval.note
    two = _mean(np.full(4, 0.9), "logit", np.array([0, 0, 1, 1])).interval()
    assert not two.known
    assert not _mean(np.full(4, 0.9)).interval().known


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1.0, 0.5), (0.5, 1.0)])
def test_a_difference_that_all_subjects_share_is_as_wide_as_they_allow(a, b):
    same = difference(_mean(np.full(8, a), "logit"), _mean(np.full(8, b), "logit"))
    interval = same.interval()
    reach = 1 - 0.025 ** (1 / 8)  # Clopper and Pearson's bound for none of eight
    assert interval.estimate == a - b
    assert interval.low == pytest.approx(max(-1, a - b - reach))
    assert interval.high == pytest.approx(min(1, a - b + reach))
    assert "all subjects show the same difference" in interval.note
    assert np.isnan(smallest_detectable_difference(same))


def test_few_subjects_and_single_cells_are_noted():
    rates = np.random.default_rng(2).random(30)
    assert _mean(rates).interval().note == ""
    assert "9 subjects" in _mean(rates[:9]).interval().note
    naive = _mean(rates, unit="cell").interval()
    assert "too narrow" in naive.note
    assert naive.n_subjects is None


def test_the_average_of_repeats_leaves_a_subject_out_of_all():
    rng = np.random.default_rng(3)
    a, b = rng.random(8), rng.random(8)
    both = average([_mean(a), _mean(b)]).interval()
    direct = _mean((a + b) / 2).interval()
    assert (both.low, both.high) == (pytest.approx(direct.low), pytest.approx(direct.high))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"'level' must be between 0 and 1. Got 95"):
        _mean(np.array([0.1, 0.2])).interval(95)
    with pytest.raises(ValueError, match=r"same subjects on both sides. Got 3 and 2"):
        difference(_mean(np.arange(3.0)), _mean(np.arange(2.0)))


def test_a_figure_that_stands_on_one_subject_says_so():
    mean = _mean(np.array([0.5, 0.6, 0.7]))
    mean.without[1] = np.nan
    interval = mean.interval()
    assert not interval.known
    assert "not defined without one subject" in interval.note


def test_the_rarer_class_is_counted_where_subjects_hold_both():
    # 12 subjects with healthy cells, of whom 4 have diseased ones too.
    subjects = np.repeat(np.arange(12), 10)
    y = ((subjects < 4) & (np.arange(120) % 2 == 0)).astype(int)
    rng = np.random.default_rng(1)
    score = np.clip(0.3 * y + rng.random(120) + 0.02 * subjects, 0, 1.6) / 1.6
    figures = figures_of_merit(
        y, (score > 0.5).astype(int), np.column_stack([1 - score, score]), subjects
    )
    assert figures["auroc"].holders == figures["accuracy"].holders == (12, 4)
    for name in ("auroc", "auprc", "accuracy", "mcc"):
        note = figures[name].interval().note
        assert note == "4 subjects in the rarer class: the interval stands on them"
    assert figures["sensitivity"].interval().note == "4 subjects: the interval stands on them"
    assert figures["specificity"].interval().note == ""
    perfect = figures_of_merit(y, y, np.column_stack([1 - y, y]), subjects)["auroc"].interval()
    assert perfect.low == pytest.approx(0.025 ** (1 / 4)), "four subjects, not twelve, bound it"
    drawn = bootstrap_interval(lambda rows: y[rows].mean(), y, subjects, n_resamples=20)
    assert drawn.note.startswith("4 subjects in the rarer class")


def test_what_rounding_leaves_is_no_spread():
    # A head that calls everything one class: each class is all right or all wrong.
    without = 0.25 + np.array([0, 1, -1, 0, 1, 0, 0, -1]) * 2**-53
    figure = SubjectStatistic(
        estimate=0.25, without=without, weights=np.ones(8), strata=np.repeat([0, 1], 4)
    )
    assert not figure.interval().known
    assert "same value" in figure.interval().note


def test_a_class_whose_subjects_are_all_alike_is_said_to_be():
    rates = np.array([0.7, 0.8, 0.9, 0.6, 1.0, 1.0, 1.0, 1.0])
    strata = np.repeat([0, 1], 4)
    without = [
        (np.delete(rates[:4], i).mean() + 1) / 2 if i < 4 else (rates[:4].mean() + 1) / 2
        for i in range(8)
    ]
    figure = SubjectStatistic(
        estimate=(rates[:4].mean() + 1) / 2,
        without=np.array(without),
        weights=np.ones(8),
        strata=strata,
    )
    assert "subjects of one class do not move it" in figure.interval().note


def _few_normal_subjects(mixed):
    """Three subjects of class 0 and forty of class 1, the last of which may hold two cells of 0."""
    rng = np.random.default_rng(3)
    codes = np.repeat(np.arange(43), 30)
    y = (codes >= 3).astype(int)
    if mixed:
        y[-2:] = 0
    score = 1.5 * y + 0.8 * rng.normal(size=43)[codes] + rng.normal(size=len(y))
    return y, np.column_stack([-score, score]), codes


@pytest.mark.parametrize("over", ["cells", "subjects"])
def test_one_subject_of_both_classes_does_not_multiply_the_degrees_of_freedom(over):
    dof = {}
    for mixed in (False, True):
        y, scores, subjects = _few_normal_subjects(mixed)
        figures = figures_of_merit(y, (scores[:, 1] > 0.7).astype(int), scores, subjects, over=over)
        for name in ("auroc", "balanced_accuracy", "accuracy"):
            dof.setdefault(name, []).append(figures[name].interval().dof)
            assert figures[name].standard_error()[1] < 45
    assert dof["auroc"][0] < 4
    for name in ("auroc", "balanced_accuracy"):
        assert dof[name][1] < dof[name][0] + 4, name


def test_a_class_that_one_subject_holds_leaves_hardly_a_degree_of_freedom():
    y, scores, subjects = _few_normal_subjects(mixed=False)
    y[:] = 1
    y[:15] = 0  # half the cells of one subject
    figures = figures_of_merit(y, (scores[:, 1] > 0.7).astype(int), scores, subjects)
    assert figures["auroc"].interval().dof is None, "not defined without it"
    assert figures["balanced_accuracy"].interval().dof < 3
    assert figures["accuracy"].interval().dof > 10, "its cells are few of all"


def test_means_and_differences_keep_the_classes_apart():
    y, scores, subjects = _few_normal_subjects(mixed=True)
    one = figures_of_merit(y, (scores[:, 1] > 0.7).astype(int), scores, subjects)["auroc"]
    other = figures_of_merit(y, y, scores + scores**3, subjects)["auroc"]
    noise = np.random.default_rng(0).normal(size=scores.shape)
    third = figures_of_merit(y, y, scores + noise, subjects)["auroc"]
    assert average([one, other]).interval().dof == pytest.approx(one.interval().dof)
    apart = difference(one, third)
    assert apart.by_class is not None
    alone = dataclasses.replace(apart, by_class=None).interval().dof
    assert apart.interval().dof < 0.8 * alone
