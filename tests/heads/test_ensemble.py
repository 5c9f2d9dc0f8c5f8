import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from leukfeat import FeatureSet, FeatureSpec, Head
from leukfeat.exceptions import SpecMismatchError
from leukfeat.heads import Ensemble, fit_ensemble

from .conftest import make_features

PAIR = [LogisticRegression(), GaussianNB()]
BLIND = DummyClassifier(strategy="prior")


def sees(*columns):
    """Return a head that sees some of the features only."""
    return make_pipeline(
        ColumnTransformer([("kept", "passthrough", list(columns))]), LogisticRegression()
    )


@pytest.mark.parametrize("strategy", ["soft_vote", "weighted", "stack"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_members_decide_together(strategy, n_classes):
    features = make_features(n_classes, n_subjects=24, gap=3)
    ensemble = fit_ensemble(features, heads=PAIR, strategy=strategy, nested=0)
    assert ensemble.score(make_features(n_classes, n_subjects=24, gap=3, seed=1)) > 0.8
    assert ensemble.weights_.sum() == pytest.approx(1)
    assert ensemble.predict_proba(features).shape == (len(features), n_classes)
    assert ensemble.class_names_ == features.class_names


@pytest.mark.parametrize("strategy", ["weighted", "stack"])
def test_heads_that_see_different_things_are_better_together(strategy):
    features, new = (make_features(n_subjects=40, gap=2, seed=seed) for seed in (0, 1))
    ensemble = fit_ensemble(features, heads=[sees(0), sees(1)], strategy=strategy)
    assert (ensemble.weights_ >= 0.1).all()
    assert ensemble.notes_ == ()
    found = ensemble.difference_["balanced_accuracy"]
    assert found["estimate"] == pytest.approx(found["ensemble"] - found["member"])
    assert found["n_subjects"] == 40
    assert 0 < found["low"] < found["estimate"] < found["high"]
    assert ensemble.score(new) > max(member.score(new) for member in ensemble.members_) + 0.02


@pytest.mark.parametrize("strategy", ["weighted", "stack"])
def test_it_says_when_one_head_was_enough(strategy):
    features = make_features(gap=2.5, n_subjects=30)
    ensemble = fit_ensemble(features, heads=[BLIND, "svm"], strategy=strategy, nested=0)
    assert ensemble.notes_[0].startswith("one head was enough: svm")
    assert ensemble.weights_[1] > 0.9


def test_all_members_are_judged_on_the_same_folds_of_subjects(features):
    ensemble = fit_ensemble(features, heads=PAIR, nested=0)
    one, other = (member.out_of_fold_ for member in ensemble.members_)
    np.testing.assert_array_equal(one["fold"], other["fold"])
    for subject in np.unique(features.subjects):
        assert len(set(one["fold"][features.subjects[one["row"]] == subject])) == 1


def test_n_best_keeps_the_best_by_out_of_fold_score(features):
    ensemble = fit_ensemble(features, heads=[BLIND, *PAIR], n_best=2, nested=0)
    scores = ensemble.member_scores_
    assert len(scores) == 3
    assert ensemble.member_names_ == ("LogisticRegression", "GaussianNB")
    table = ensemble.summary()
    assert table.loc["DummyClassifier", "weight"] == 0
    assert table["weight"].sum() == pytest.approx(1)
    assert ensemble.best_member_ == table["out_of_fold_score"].idxmax()


def test_heads_may_stand_in_the_place_of_y(features):
    ensemble = fit_ensemble(features, ["naive_bayes", "logistic_regression"], nested=0, tune=False)
    assert ensemble.member_names_ == ("naive_bayes", "logistic_regression")


def test_settings_of_a_head_object_are_kept(features):
    own = Head("svm", param_grid={"C": [3.0]})
    ensemble = fit_ensemble(features, heads=[own, GaussianNB()], nested=0)
    assert ensemble.members_[0].estimator_[-1].C == 3.0


def test_spec_subjects_and_controls_are_kept():
    features = make_features(controls=True)
    ensemble = fit_ensemble(features, heads=PAIR, nested=0)
    assert len(ensemble.train_subjects_) == 18
    assert set(ensemble.control_heads_) == {"majority", "colour", "size"}
    np.testing.assert_array_equal(
        ensemble.control_heads_["colour"].out_of_fold_["fold"], ensemble.out_of_fold_["fold"]
    )
    with pytest.raises(SpecMismatchError):
        ensemble.predict(FeatureSet(features.X, spec=FeatureSpec(crop=224)))


def test_nested_difference_of_a_head_with_itself_is_nothing(features):
    twice = [LogisticRegression(), LogisticRegression()]
    ensemble = fit_ensemble(features, heads=twice, nested=3)
    assert ensemble.member_names_ == ("LogisticRegression 1", "LogisticRegression 2")
    found = ensemble.difference_
    assert found["folds"] == 3
    assert sum(found["chosen"].values()) == 3
    assert found["balanced_accuracy"]["estimate"] == pytest.approx(0, abs=0.02)
    assert found["auroc"]["estimate"] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": ["svm"]}, "must be two or more"),
        ({"heads": "svm"}, "must be two or more"),
        ({"heads": PAIR, "strategy": "vote"}, "Got 'vote' instead"),
        ({"heads": PAIR, "n_best": 3}, "between 1 and the number of heads"),
        ({"heads": PAIR, "n_best": 1.5}, "whole number.*Got 1.5"),
        ({"heads": PAIR, "n_best": True}, "whole number.*Got True"),
        ({"heads": PAIR, "nested": 1}, "2 or more.*Got 1 instead"),
        ({"heads": PAIR, "nested": -2}, "2 or more.*Got -2"),
        ({"heads": PAIR, "nested": "five"}, "2 or more.*Got 'five'"),
        ({"heads": PAIR, "scoring": "f1"}, "Got 'f1' instead"),
    ],
)
def test_wrong_options(features, options, message):
    with pytest.raises(ValueError, match=message):
        fit_ensemble(features, **options)


def test_what_is_fitted_is_kept_where_it_cannot_be_compared():
    # Two subjects a class: an outer fold leaves one, which cannot be divided again.
    features = make_features(n_subjects=4, gap=3)
    ensemble = fit_ensemble(features, heads=PAIR, cv=2, nested=2)
    assert ensemble.difference_ == {}
    assert any(
        note.startswith("not compared with its best member: Class") for note in ensemble.notes_
    )
    assert ensemble.predict(features).shape == (len(features),)


def test_many_heads_that_share_are_neither_one_nor_none(features):
    ensemble = fit_ensemble(features, heads=[GaussianNB()] * 11, strategy="soft_vote", nested=0)
    assert ensemble.notes_[0].startswith("no head has a weight of 0.1 or more; the largest of 11")


def test_a_member_may_name_its_positive_class(features):
    assert features.class_names == ("hem", "all")
    by_name = Head("naive_bayes", positive="hem")
    ensemble = fit_ensemble(features, heads=[by_name, "logistic_regression"], nested=2, tune=False)
    assert ensemble.difference_["folds"] == 2
    assert all(member.positive_ == ensemble.positive_ for member in ensemble.members_)


def test_it_shows_weights_and_the_difference_from_its_best_member(features):
    ensemble = Ensemble(PAIR)
    assert repr(ensemble).startswith("Ensemble(heads=[LogisticRegression")
    assert "\n" not in repr(ensemble).replace("\n         ", "")
    ensemble = fit_ensemble(features, heads=PAIR, nested=3)
    weights, balanced, auroc = ensemble.remarks()[:3]
    assert weights.startswith("weights (weighted): ")
    assert f"{ensemble.summary().index[0]} {ensemble.weights_.max():.2f}" in weights
    found = ensemble.difference_["auroc"]
    assert f"auroc: {found['estimate']:+.3f} ({found['low']:+.3f} to" in auroc
    assert "144 cells of 18 subjects that neither had seen (3 outer folds)" in balanced
    for shown in (
        repr(ensemble),
        ensemble._repr_html_(),
        clone(ensemble).fit(features)._repr_html_(),
    ):
        assert "LogisticRegression" in shown
    assert balanced in repr(ensemble)
    assert balanced in ensemble._repr_html_()
    assert "<th>weight</th>" in ensemble._repr_html_()
    assert "weight" not in Ensemble(PAIR, class_weight=None)._repr_html_()[:200]


def test_a_tie_is_said(features):
    twice = [GaussianNB(), GaussianNB(), BLIND]
    ensemble = fit_ensemble(features, heads=twice, n_best=1, nested=0)
    assert ensemble.member_names_ == ("GaussianNB 1",)
    ties = [note for note in ensemble.notes_ if note.startswith("tie: ")]
    assert "GaussianNB 1, GaussianNB 2 have the best" in ties[0]
    assert "the first named are kept to make 1" in ties[1]


def test_clone_is_unfitted_with_the_same_parameters():
    ensemble = Ensemble(PAIR, strategy="stack")
    assert clone(ensemble).get_params()["strategy"] == "stack"
    assert not hasattr(clone(ensemble), "members_")
