import numpy as np
import pytest
from scipy import stats

from leukfeat.metrics import (
    clustered_mcnemar,
    subject_decisions,
    subject_figures,
    suspected_label_errors,
    threshold_for,
)


def test_mcnemar_of_single_cells_is_mcnemars():
    rng = np.random.default_rng(0)
    a, b = rng.random(300) < 0.8, rng.random(300) < 0.7
    only_a, only_b = (a & ~b).sum(), (b & ~a).sum()
    expected = stats.chi2.sf((only_a - only_b) ** 2 / (only_a + only_b), 1)
    assert clustered_mcnemar(a, b) == pytest.approx(expected)
    assert clustered_mcnemar(a, a) == 1
    with pytest.raises(ValueError, match="same cells"):
        clustered_mcnemar(a, b[:5])


def test_mcnemar_holds_its_level_where_cells_are_alike():
    rng = np.random.default_rng(1)
    by_subject, by_cell = [], []
    for _ in range(400):
        of = np.repeat(np.arange(40), 20)
        one, other = rng.beta(2, 2, (2, 40))
        a, b = rng.random(800) < one[of], rng.random(800) < other[of]
        by_subject.append(clustered_mcnemar(a, b, of) < 0.05)
        by_cell.append(clustered_mcnemar(a, b) < 0.05)
    assert np.mean(by_subject) < 0.09
    assert np.mean(by_cell) > 0.3


def test_a_threshold_just_reaches_what_was_asked_for():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 500)
    score = y + rng.normal(size=500)
    cut = threshold_for(y, score, sensitivity=0.9)
    assert (score[y == 1] >= cut).mean() >= 0.9
    assert (score[y == 1] > cut).mean() < 0.9
    cut = threshold_for(y, score, specificity=0.95)
    assert (score[y == 0] < cut).mean() >= 0.95
    assert (score[y == 0] < np.nextafter(cut, -np.inf)).mean() < 0.95


def test_with_subjects_each_counts_the_same():
    y = np.ones(110, int)
    score = np.r_[np.linspace(0.5, 0.9, 10), np.full(100, 0.1)]
    subjects = np.r_[np.arange(10), np.full(100, 10)]
    assert threshold_for(y, score, sensitivity=0.9) == 0.1
    assert threshold_for(y, score, subjects, sensitivity=0.9) == pytest.approx(0.5)


def test_thresholds_need_a_question_that_makes_sense():
    with pytest.raises(ValueError, match="exactly one"):
        threshold_for([0, 1], [0, 1])
    with pytest.raises(ValueError, match="no positive cells"):
        threshold_for([0, 0], [0, 1], sensitivity=0.9)
    with pytest.raises(ValueError, match=r"\(0, 1\]"):
        threshold_for([0, 1], [0, 1], specificity=95)


@pytest.mark.parametrize("how", ["log_odds", "mean", "fraction"])
def test_subjects_are_decided_from_their_cells(how):
    p = [0.9, 0.6, 0.7, 0.2, 0.3, 0.1]
    subjects = ["1", "1", "1", "H1", "H1", "H1"]
    table = subject_decisions(p, subjects, [1, 1, 1, 0, 0, 0], how=how)
    assert table["positive"].tolist() == [True, False]
    assert table["right"].all()
    figures = subject_figures(table)
    assert figures["accuracy"].estimate == 1
    exact = stats.binomtest(2, 2).proportion_ci(0.95, "exact")
    assert figures["accuracy"].low == pytest.approx(exact.low)
    with pytest.raises(ValueError, match="'how' must be"):
        subject_decisions(p, subjects, how="vote")


def test_planted_label_errors_come_first():
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 600)
    scores = 4 * np.eye(3)[truth] + rng.normal(size=(600, 3))
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    wrong = rng.permutation(600)[:30]
    y = truth.copy()
    y[wrong] = (truth[wrong] + 1) % 3
    table = suspected_label_errors(y, p, np.arange(600) // 20, class_names=["a", "b", "c"])
    assert np.isin(table["cell"][:20], wrong).mean() >= 0.95
    assert np.isin(wrong, table["cell"]).mean() >= 0.65
    assert (table["label"] != table["suggested"]).all()
    assert table["margin"].is_monotonic_decreasing
    assert table["suspected_of_subject"].between(0, 1).all()
    assert len(suspected_label_errors(truth, np.eye(3)[truth])) == 0


def test_cells_without_subject_are_counted_and_said():
    p, y = [0.9, 0.8, 0.2, 0.7, 0.6], [1, 1, 0, 1, 1]
    with pytest.warns(UserWarning, match="2 of 5 cells have no subject and are in no decision"):
        table = subject_decisions(p, ["1", "1", "H1", None, ""], y)
    assert table.index.tolist() == ["1", "H1"]
    assert table.attrs["n_without_subject"] == 2
    assert subject_decisions(p, list("aabcd"), y).attrs["n_without_subject"] == 0
    with pytest.raises(ValueError, match="None of the 5 cells has a subject"):
        subject_decisions(p, [None] * 5, y)
    for wrong, says in (
        ({"probability": [90, 80]}, "'probability' .*from 80 to 90"),
        ({"probability": [np.nan, 0.1]}, "'probability' .*1 of 2 that are nan"),
        ({"threshold": 50}, r"'threshold' .*Did you mean 0.5"),
        ({"subjects": ["a"]}, "'subjects' must have one entry a cell, 2"),
    ):
        given = {"probability": [0.1, 0.2], "subjects": ["a", "b"]} | wrong
        with pytest.raises(ValueError, match=says):
            subject_decisions(**given)
