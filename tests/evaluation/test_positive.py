import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukfeat import FeatureSet, Head, cross_validate_heads, evaluate, fit_head
from leukfeat.evaluation.differences import paired_difference


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(24), 6)
    y = np.where(of % 2, "hem", "all")
    X = rng.normal(size=(144, 4)) + 1.5 * (y == "all")[:, None]
    return X, y, np.array([f"s{i}" for i in of])


def test_one_class_is_positive_in_every_row_of_a_table(cells):
    X, y, subjects = cells
    heads = {
        "mine": Head("logistic_regression", positive="all", tune=False),
        "plain": LogisticRegression(),
    }
    found = cross_validate_heads(X, heads, y, subjects=subjects, n_splits=3)
    assert {one.predictions.positive for one in found.all.values()} == {0}
    assert not any("positive class was not given" in note for note in found.notes)
    assert found["majority"].predictions.class_names[0] == "all"


def test_a_fitted_head_tells_the_positive_class_of_its_controls(cells):
    X, y, subjects = cells
    half = np.arange(144) < 72
    head = fit_head(X[half], y[half], "naive_bayes", groups=subjects[half], positive="all")
    found = evaluate(head, X[~half], y[~half], subjects=subjects[~half])
    assert found.predictions.positive == 0
    assert found.controls["majority"].predictions.positive == 0
    assert not any("positive class was not given" in note for note in found.notes)
    untold = fit_head(X[half], y[half], "naive_bayes", groups=subjects[half])
    said = evaluate(untold, X[~half], y[~half], subjects=subjects[~half]).notes
    assert any("'hem', the head's own, is taken" in note for note in said)


@pytest.mark.parametrize("told", ["all", 0, np.int64(0)])
def test_a_name_or_a_place_names_the_positive_class(cells, told):
    X, y, subjects = cells
    features = FeatureSet(
        X, (y == "hem").astype(int), subjects=subjects, class_names=("all", "hem")
    )
    head = Head("naive_bayes", positive=told, tune=False)
    found = cross_validate_heads(
        features, {"mine": head, "plain": LogisticRegression()}, n_splits=2
    )
    assert {one.predictions.positive for one in found.all.values()} == {0}


def test_heads_of_different_positive_classes_are_not_compared(cells):
    X, y, subjects = cells
    heads = {name: Head("naive_bayes", positive=name) for name in ("all", "hem")}
    with pytest.raises(ValueError, match="different classes for the positive one"):
        cross_validate_heads(X, heads, y, subjects=subjects)
    one, other = (
        cross_validate_heads(X, {n: h}, y, subjects=subjects, n_splits=3)[n]
        for n, h in heads.items()
    )
    with pytest.raises(ValueError, match="different classes for the positive one"):
        paired_difference(one, other, "sensitivity")


@pytest.mark.parametrize(("positive", "place"), [(1, 0), (2, 1), ("2", 1)])
def test_labels_that_are_not_places_name_their_own_class(cells, positive, place):
    X, y, subjects = cells
    numbers = np.where(y == "all", 1, 2)
    settings = {"positive": positive, "class_weight": {1: 50.0}, "tune": False}
    found = cross_validate_heads(
        X, "logistic_regression", numbers, subjects=subjects, n_splits=3, threshold=None, **settings
    )
    result = next(iter(found.results.values())).predictions
    assert result.class_names == ("1", "2")
    assert result.positive == place
    # The weight is that of the label 1, which then is called more often than it is there.
    weighted = cross_validate_heads(
        X,
        Head("logistic_regression", threshold="auto", calibrate=False, **settings),
        numbers,
        subjects=subjects,
        n_splits=3,
    )
    called = next(iter(weighted.results.values())).predictions.predicted
    assert (called == 0).mean() > 0.6


def test_settings_without_a_head_by_name_are_refused(cells):
    X, y, subjects = cells
    with pytest.raises(ValueError, match=r"\['threshold'\] are settings of heads given by name"):
        cross_validate_heads(X, DummyClassifier(), y, subjects=subjects, threshold=0.9)


def test_a_head_inside_a_pipeline_is_refused(cells):
    X, y, subjects = cells
    inside = make_pipeline(StandardScaler(), Head("naive_bayes"))
    with pytest.raises(ValueError, match="tuned and calibrated by cell"):
        cross_validate_heads(X, inside, y, subjects=subjects)


def test_a_level_in_percent_is_refused_before_anything_is_fit(cells):
    X, y, subjects = cells
    with pytest.raises(ValueError, match=r"Got 95 instead. Did you mean 0.95\?"):
        cross_validate_heads(X, DummyClassifier(), y, subjects=subjects, level=95)


def test_labels_of_another_type_are_the_same_labels(cells):
    X, y, subjects = cells
    numbers, half = (y == "all").astype(int), np.arange(144) < 72
    head = fit_head(X[half], numbers[half], "naive_bayes", groups=subjects[half])
    found = [
        evaluate(head, X[~half], numbers[~half].astype(kind), subjects=subjects[~half])
        for kind in (int, float, bool, str)
    ]
    assert len({one["accuracy"].estimate for one in found}) == 1
