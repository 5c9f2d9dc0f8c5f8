import numpy as np
import pytest
from scipy import special
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from leukfeat.metrics import (
    brier_score,
    calibration_line,
    expected_calibration_error,
    fit_temperature,
    reliability_table,
)


@pytest.fixture(scope="module")
def said():
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(40), 30)
    logit = rng.normal(size=1200) + 0.5 * rng.normal(size=40)[subjects]
    y = (rng.random(1200) < special.expit(0.5 * logit + 0.3)).astype(int)
    return y, special.expit(logit), subjects


def test_brier_is_scikit_learns(said):
    y, p, subjects = said
    figure = brier_score(y, p, subjects)
    assert figure.estimate == pytest.approx(brier_score_loss(y, p))
    keep = subjects != 7
    seventh = sorted(map(str, range(40))).index("7")
    assert figure.without[seventh] == pytest.approx(brier_score_loss(y[keep], p[keep]))
    assert figure.interval().n_subjects == 40


def test_the_line_is_an_unpenalised_logistic_regression(said):
    y, p, subjects = said
    theirs = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(special.logit(p)[:, None], y)
    line = calibration_line(y, p, subjects)
    assert line["slope"].estimate == pytest.approx(theirs.coef_[0, 0], rel=1e-4)
    assert line["intercept"].estimate == pytest.approx(theirs.intercept_[0], rel=1e-4)
    assert 0.5 in line["slope"].interval()
    assert 1.0 not in line["slope"].interval()
    naive = calibration_line(y, p)
    assert naive["slope"].estimate == pytest.approx(theirs.coef_[0, 0], rel=1e-4)
    assert "no subjects" in naive["slope"].interval().note


def test_reliability_is_scikit_learns(said):
    y, p, _ = said
    table = reliability_table(y, p, n_bins=8)
    found, expected = calibration_curve(y, p, n_bins=8, strategy="quantile")
    np.testing.assert_allclose(table["found"], found)
    np.testing.assert_allclose(table["said"], expected)
    assert table["n_cells"].sum() == len(y)
    error = expected_calibration_error(y, p, n_bins=8)
    assert error == pytest.approx(np.mean(np.abs(found - expected)), abs=1e-6)


def test_the_calibration_error_of_perfect_probabilities_is_not_zero():
    rng = np.random.default_rng(1)
    p = rng.random(200)
    errors = [expected_calibration_error(rng.random(200) < p, p) for _ in range(50)]
    assert np.mean(errors) > 0.05


def test_the_temperature_maximises_the_likelihood():
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(800, 3)) * 3
    y = (scores / 2 + rng.gumbel(size=scores.shape)).argmax(1)
    found = fit_temperature(scores, y)
    grid = np.linspace(0.5, 5, 901)

    def likelihood(t):
        return special.log_softmax(scores / t, axis=1)[np.arange(800), y].mean()

    assert found == pytest.approx(grid[np.argmax([likelihood(t) for t in grid])], abs=0.01)


def test_scores_are_no_probabilities():
    with pytest.raises(ValueError, match=r"from 0 to 1. Got -2 to 3"):
        brier_score([0, 1], [-2.0, 3.0])
    with pytest.raises(ValueError, match=r"one length"):
        reliability_table([0, 1], [0.5])


@pytest.mark.parametrize(
    ("y", "p", "why"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], "part the classes without an error"),
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.9], "part the classes without an error"),
        ([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9], "part the classes without an error"),
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3 + 1e-7], "nearly the same probability"),
        ([1, 1, 1, 1], [0.1, 0.2, 0.8, 0.9], "of one class"),
    ],
)
def test_a_line_that_nothing_fixes_is_none(y, p, why):
    subjects = np.repeat(np.arange(8), 4)
    for of in (subjects, None):
        line = calibration_line(np.tile(y, 8), np.tile(p, 8), of)
        for figure in line.values():
            found = figure.interval()
            assert np.isnan([found.estimate, found.low, found.high]).all()
            assert found.note.startswith("no line fits best, since")
            assert why in found.note


def test_a_line_that_stands_on_one_subject_has_no_interval():
    y, p = np.tile([0, 0, 1, 1], 8), np.tile([0.1, 0.2, 0.8, 0.9], 8)
    p[0] = 0.95
    slope = calibration_line(y, p, np.repeat(np.arange(8), 4))["slope"].interval()
    assert np.isfinite(slope.estimate)
    assert not slope.known
    assert "it stands on that one" in slope.note
