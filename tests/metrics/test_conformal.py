import numpy as np
import pytest

from leukfeat.metrics import (
    attainable_level,
    conformal_thresholds,
    prediction_sets,
    risk_coverage,
)


def _subjects(rng, n, *, between=1.0):
    """Cells of n subjects: probability of class 1, label, subject; one class a subject."""
    sizes = rng.choice([5, 20, 60, 200], n)
    of = np.repeat(np.arange(n), sizes)
    y = of % 2
    logit = (
        np.where(y == 1, 1.0, -1.0) + between * rng.normal(size=n)[of] + rng.normal(size=len(of))
    )
    p = 1 / (1 + np.exp(-logit))
    return np.column_stack([1 - p, p]), y, of


@pytest.mark.parametrize("n", [9, 19, 50])
def test_with_one_cell_a_subject_it_is_split_conformal(n):
    rng = np.random.default_rng(n)
    p = rng.random(n)
    proba = np.column_stack([1 - p, p])
    found = conformal_thresholds(proba, np.ones(n, int), np.arange(n), level=0.9, by_class=False)
    k = int(np.ceil(0.9 * (n + 1)))
    assert found[0] == pytest.approx(1 - np.sort(1 - p)[k - 1])


@pytest.mark.parametrize("method", ["pooled", "single"])
@pytest.mark.parametrize("n", [20, 60])
def test_the_promise_is_kept_for_a_random_cell_of_a_new_subject(n, method):
    rng = np.random.default_rng(n)
    held = []
    for _ in range(250):
        limits = conformal_thresholds(*_subjects(rng, n), level=0.8, method=method)
        proba, y, of = _subjects(rng, 60)
        inside = prediction_sets(proba, limits)[np.arange(len(y)), y]
        # One random cell of each new subject: the mean over its cells.
        held.append(np.mean([inside[of == s].mean() for s in range(60)]))
    assert 0.79 <= np.mean(held) <= 0.88


def test_cells_taken_as_exchangeable_would_break_the_promise():
    rng = np.random.default_rng(5)
    held = []
    for _ in range(200):
        proba, y, _ = _subjects(rng, 20, between=2.0)
        limits = conformal_thresholds(proba, y, np.arange(len(y)), level=0.9)
        new, truth, of = _subjects(rng, 60, between=2.0)
        inside = prediction_sets(new, limits)[np.arange(len(truth)), truth]
        held.append(np.mean([inside[of == s].mean() for s in range(60)]))
    assert np.mean(held) < 0.88


def test_a_level_that_cannot_be_had_is_refused():
    proba, y, of = _subjects(np.random.default_rng(0), 20)
    assert attainable_level(10) == pytest.approx(10 / 11)
    with pytest.raises(ValueError, match=r"10 calibration subjects of class 0: at most 0.909"):
        conformal_thresholds(proba, y, of, level=0.95)
    conformal_thresholds(proba, y, of, level=0.95, by_class=False)
    with pytest.raises(ValueError, match="need the subject of every cell"):
        conformal_thresholds(proba, y, None, level=0.8)
    with pytest.raises(ValueError, match="'level' must be between"):
        conformal_thresholds(proba, y, of, level=80)
    with pytest.raises(ValueError, match="'method' must be"):
        conformal_thresholds(proba, y, of, method="cells")


def test_the_attainable_level_itself_can_be_had():
    proba, y, of = _subjects(np.random.default_rng(1), 20)
    limits = conformal_thresholds(proba, y, of, level=attainable_level(10))
    assert prediction_sets(proba, limits)[np.arange(len(y)), y].all()


def test_risk_falls_with_fewer_cells():
    table = risk_coverage([0, 0, 1, 1], [0, 1, 1, 1], [0.9, 0.5, 0.8, 0.7], n_points=4)
    assert table["coverage"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert table["error"].tolist() == [0, 0, 0, 0.25]


def test_equally_sure_cells_are_decided_together():
    table = risk_coverage([0, 1, 0, 1], [0, 0, 0, 1], [0.9, 0.5, 0.5, 0.5], n_points=4)
    assert table["coverage"].tolist() == [0.25, 1.0]


def test_the_interval_of_the_error_leaves_out_subjects():
    rng = np.random.default_rng(3)
    proba, y, of = _subjects(rng, 30)
    predicted, sure = proba.argmax(1), proba.max(1)
    by_subject = risk_coverage(y, predicted, sure, of, n_points=4)
    by_cell = risk_coverage(y, predicted, sure, n_points=4)
    assert by_subject["error"].tolist() == by_cell["error"].tolist()
    width, naive = ((t["high"] - t["low"]).iloc[-1] for t in (by_subject, by_cell))
    assert width > 2 * naive
    rates = np.bincount(of, predicted != y) / np.bincount(of)
    total = (predicted != y).sum()
    # At full coverage it is the jackknife of the overall error.
    assert by_subject["error"].iloc[-1] == pytest.approx(total / len(y))
    assert by_subject["low"].iloc[-1] < rates.mean() < by_subject["high"].iloc[-1]
