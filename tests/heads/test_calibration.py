import numpy as np
import pytest

from leukfeat.heads.calibration import fit_calibration


def draw(logits, rng):
    proba = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return (rng.random(len(proba))[:, None] > proba.cumsum(1)).sum(1)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_true_slope_and_intercepts_are_found(n_classes):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40_000, n_classes)) * 3
    scores[:, 0] = 0 if n_classes == 2 else scores[:, 0]
    intercepts = np.linspace(0, 1, n_classes)
    found = fit_calibration(scores, draw(0.7 * scores + intercepts, rng))
    assert found.slope == pytest.approx(0.7, abs=0.03)
    np.testing.assert_allclose(found.intercepts, intercepts, atol=0.06)


def test_scores_that_separate_keep_finite_probabilities():
    scores = np.column_stack([np.zeros(20), np.repeat([-1.0, 1.0], 10)])
    y = np.repeat([0, 1], 10)
    proba = np.exp(fit_calibration(scores, y).log_proba(scores))[:, 1]
    # Platt's softened targets: (N + 1) / (N + 2) and 1 / (N + 2)
    np.testing.assert_allclose(proba, np.where(y == 1, 11 / 12, 1 / 12), atol=1e-3)


def test_order_is_never_turned_round():
    scores = np.column_stack([np.zeros(20), np.repeat([1.0, -1.0], 10)])
    assert fit_calibration(scores, np.repeat([0, 1], 10)).slope > 0


def test_constant_scores_give_the_prevalence():
    y = np.repeat([0, 1], [30, 10])
    found = fit_calibration(np.zeros((40, 2)), y)
    np.testing.assert_allclose(np.exp(found.log_proba(np.zeros((1, 2)))), [[0.75, 0.25]], atol=0.02)
