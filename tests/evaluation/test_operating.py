import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import cross_validate_heads, evaluate
from leukfeat.metrics import threshold_for


def _result(features, **settings):
    return next(
        iter(cross_validate_heads(features, LogisticRegression(), **settings).results.values())
    )


def test_thresholds_are_those_of_the_other_folds(features):
    result = _result(features, n_splits=4)
    p = result.predictions
    found = result.operating_points(sensitivity=0.9).iloc[0]
    called, cuts = np.zeros(len(p), bool), []
    for fold in range(4):
        other = p.fold != fold
        cut = threshold_for(p.y[other], p.scores[other, 1], p.subjects[other], sensitivity=0.9)
        called[~other] = p.scores[~other, 1] >= cut
        cuts.append(cut)
    assert found["class"] == "all"
    assert (found["threshold_min"], found["threshold_max"]) == (min(cuts), max(cuts))
    rates = [called[p.subjects == s].mean() for s in np.unique(p.subjects[p.y == 1])]
    assert found["sensitivity"] == pytest.approx(np.mean(rates))
    assert found["sensitivity_low"] < found["sensitivity"] < found["sensitivity_high"]
    assert 0.8 < found["sensitivity"] < 1


def test_each_class_of_many_against_the_rest(make_features):
    features = make_features(classes=("a", "b", "c"), n_subjects=45)
    result = _result(features, n_splits=3, n_repeats=2)
    table = result.operating_points(specificity=0.9)
    assert table["class"].tolist() == ["a", "b", "c"]
    assert table["specificity"].between(0.82, 0.97).all()
    assert (table["sensitivity"] > 0.2).all()
    lower = result.operating_points(specificity=0.7)
    assert (lower["sensitivity"] > table["sensitivity"]).all()


def test_a_single_test_and_two_questions_are_refused(features):
    result = _result(features, n_splits=3)
    with pytest.raises(ValueError, match="exactly one"):
        result.operating_points()
    train = np.isin(features.subjects, np.unique(features.subjects)[::2])
    head = LogisticRegression().fit(features.X[train], features.y[train])
    single = evaluate(head, features[~train])
    with pytest.raises(ValueError, match="need the folds of a cross-validation"):
        single.operating_points(sensitivity=0.9)
