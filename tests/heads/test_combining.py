import numpy as np
import pytest

from leukfeat.heads.combining import combine, fit_weights


def heads_of(quality, n=4000, seed=0):
    """Return log-probabilities of heads that see the class through noise of their own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    each = []
    for d in quality:
        score = d * y + rng.normal(size=n)
        logit = d * score - d * d / 2
        p = 1 / (1 + np.exp(-logit))
        each.append(np.log(np.column_stack([1 - p, p])))
    return np.array(each), y


def log_loss(log_proba, y):
    normed = log_proba - np.log(np.exp(log_proba).sum(1, keepdims=True))
    return -normed[np.arange(len(y)), y].mean()


@pytest.mark.parametrize("strategy", ["weighted", "stack"])
def test_better_heads_count_more_and_a_useless_one_nothing(strategy):
    log_proba, y = heads_of([1.5, 1.0, 0.0])
    weights = fit_weights(log_proba, y, np.ones(len(y)), strategy)
    assert weights[0] > weights[1] > weights[2]
    assert weights[2] < 0.1 * weights.sum()


def test_mixture_has_the_least_loss_on_the_simplex():
    log_proba, y = heads_of([1.5, 1.2, 0.8])
    found = fit_weights(log_proba, y, np.ones(len(y)), "weighted")
    assert found.sum() == pytest.approx(1)
    best = log_loss(combine(log_proba, found, "weighted"), y)
    for other in np.random.default_rng(0).dirichlet(np.ones(3), 200):
        assert best <= log_loss(combine(log_proba, other, "weighted"), y) + 1e-6


def test_stacking_independent_heads_adds_their_evidence():
    log_proba, y = heads_of([1.5, 1.2])
    weights = fit_weights(log_proba, y, np.ones(len(y)), "stack")
    # Independent and calibrated: the log-odds add with a weight of 1 each.
    np.testing.assert_allclose(weights, 1, atol=0.15)
    both = log_loss(combine(log_proba, weights, "stack"), y)
    assert both < min(log_loss(one, y) for one in log_proba) - 0.05


def test_row_weights_count():
    log_proba, y = heads_of([1.5, 1.5])
    log_proba[0, : len(y) // 2] = np.log(0.5)  # the first head is blind on the first half
    early = np.where(np.arange(len(y)) < len(y) // 2, 1.0, 0.01)
    weights = fit_weights(log_proba, y, early, "weighted")
    assert weights[1] > 0.9


def test_soft_vote_is_the_mean_of_probabilities():
    log_proba, y = heads_of([1.5, 1.0])
    weights = fit_weights(log_proba, y, np.ones(len(y)), "soft_vote")
    np.testing.assert_allclose(
        np.exp(combine(log_proba, weights, "soft_vote")), np.exp(log_proba).mean(0)
    )


def test_unknown_strategy():
    log_proba, y = heads_of([1.0], n=10)
    with pytest.raises(ValueError, match="Got 'vote' instead"):
        fit_weights(log_proba, y, np.ones(10), "vote")
