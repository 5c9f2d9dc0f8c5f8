import numpy as np
import pytest

from leukfeat import fit_head
from leukfeat.heads.decision_rule import class_weights, decision_weights, threshold_of

from .conftest import make_features


def cells(rng, n_subjects=80, gap=1.2):
    """Calibrated probabilities of cells, a quarter of them positive, by subject."""
    groups = np.repeat(np.arange(n_subjects), 25)
    y = (np.arange(n_subjects) % 4 == 0)[groups].astype(int)
    score = gap * y + rng.normal(size=len(y))
    logit = gap * score - gap**2 / 2 + np.log(1 / 3)
    p = 1 / (1 + np.exp(-logit))
    return y, groups, np.column_stack([1 - p, p])


def weights_for(threshold, y, groups, proba, class_weight="balanced", positive=1):
    weights = class_weights(class_weight, np.array([0, 1]), y)
    return decision_weights(
        threshold, weights=weights, y=y, groups=groups, positive=positive, proba=proba
    )


def balanced_accuracy(weights, y, proba):
    right = (proba * weights).argmax(1) == y
    return (right[y == 0].mean() + right[y == 1].mean()) / 2


def test_balanced_is_a_cut_at_the_prevalence_and_best_for_balanced_accuracy():
    y, groups, proba = cells(np.random.default_rng(0))
    weights = weights_for("balanced", y, groups, proba)
    assert threshold_of(weights, 1) == pytest.approx(0.25)
    best = balanced_accuracy(weights, y, proba)
    for cut in (0.1, 0.4, 0.5):
        assert best > balanced_accuracy(weights_for(cut, y, groups, proba), y, proba)


def test_auto_leaves_one_half_only_where_it_pays():
    rng = np.random.default_rng(0)
    overlapping = weights_for("auto", *cells(rng))
    assert 0.25 <= threshold_of(overlapping, 1) < 0.5
    separated = weights_for("auto", *cells(rng, gap=9.0))
    assert threshold_of(separated, 1) == 0.5


def test_auto_honours_costs():
    y, groups, proba = cells(np.random.default_rng(0))
    weights = weights_for("auto", y, groups, proba, class_weight={0: 1.0, 1: 30.0})
    assert threshold_of(weights, 1) < 0.15
    assert weights_for("auto", y, groups, proba, class_weight=None) == pytest.approx(0.5)


def test_none_is_the_most_probable_class():
    assert threshold_of(weights_for(None, *cells(np.random.default_rng(0))), 1) == 0.5


def test_youden_beats_every_other_cut_on_its_rows():
    y, groups, proba = cells(np.random.default_rng(0))
    best = balanced_accuracy(weights_for("youden", y, groups, proba), y, proba)
    for cut in np.linspace(0.05, 0.95, 50):
        assert best >= balanced_accuracy(weights_for(cut, y, groups, proba), y, proba)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("what", ["sensitivity", "specificity"])
def test_operating_points_just_reach_their_level(what, positive):
    y, groups, proba = cells(np.random.default_rng(0))
    weights = weights_for((what, 0.9), y, groups, proba, positive=positive)
    cut = threshold_of(weights, positive)
    of = y == positive if what == "sensitivity" else y != positive
    called = (proba[:, positive] > cut) == (what == "sensitivity")
    assert called[of].mean() >= 0.9
    assert called[of].mean() < 0.9 + 6 / of.sum()


def test_a_number_is_the_probability_of_the_positive_class(features):
    for positive in ("all", "hem"):
        head = fit_head(features, "logistic_regression", threshold=0.8, positive=positive)
        assert head.threshold_ == pytest.approx(0.8)
        column = list(head.class_names_).index(positive)
        expected = head.predict_proba(features)[:, column] > 0.8
        np.testing.assert_array_equal(head.predict(features) == head.positive_, expected)
        np.testing.assert_array_equal(head.decision_function(features) > 0, head.predict(features))


def test_many_classes_are_weighed_too():
    features = make_features(3, n_subjects=60, gap=1.2)
    rare = features[(features.y != 2) | (np.arange(len(features)) % 6 == 0)]
    plain = fit_head(rare, "logistic_regression", threshold=None)
    balanced = fit_head(rare, "logistic_regression", threshold="balanced")
    assert balanced.threshold_ is None
    shares = np.bincount(rare.y) / len(rare)
    np.testing.assert_allclose(balanced.decision_weights_ * shares, np.full(3, 1 / sum(1 / shares)))
    recall = [np.mean(h.predict(rare)[rare.y == 2] == 2) for h in (plain, balanced)]
    assert recall[1] > recall[0]
