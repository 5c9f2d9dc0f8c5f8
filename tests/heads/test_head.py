import hashlib
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from leukfeat import FeatureSet, FeatureSpec, Head, fit_head
from leukfeat.exceptions import LeakageWarning, SpecMismatchError
from leukfeat.heads import as_stock_svc
from leukfeat.splitting import SubjectKFold

from .conftest import make_features


@pytest.mark.parametrize("name", ["svm", "linear_svm", "logistic_regression"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_named_heads_learn_and_answer(name, n_classes):
    train, test = make_features(n_classes, gap=3), make_features(n_classes, gap=3, seed=1)
    head = fit_head(train, name)
    assert head.score(test) > 0.8
    proba = head.predict_proba(test)
    assert proba.shape == (len(test), n_classes)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert head.decision_function(test).shape == ((len(test),) if n_classes == 2 else proba.shape)
    assert head.predict(test).dtype == np.int64
    assert head.class_names_ == train.class_names


def test_random_forest_is_a_head():
    head = fit_head(make_features(gap=3), "random_forest", param_grid={"n_estimators": [20]}, cv=3)
    assert head.score(make_features(gap=3, seed=1)) > 0.8
    assert head.estimator_[-1].n_jobs is None


def test_the_estimator_kept_is_a_stock_pipeline(features):
    head = fit_head(features)
    scaler, svc = head.estimator_
    assert type(scaler) is StandardScaler
    stock = Pipeline([("scaler", scaler), ("classifier", as_stock_svc(svc))])
    assert type(stock[-1]) is SVC
    np.testing.assert_allclose(
        stock.decision_function(features.X), head.estimator_.decision_function(features.X)
    )


def test_inner_folds_hold_out_whole_subjects(features):
    head = fit_head(features, "logistic_regression")
    out = head.out_of_fold_
    folds_of_subject = pd.Series(out["fold"]).groupby(features.subjects[out["row"]]).nunique()
    assert (folds_of_subject == 1).all()
    assert head.split_note_ == ""


def test_images_that_two_subjects_share_stay_together(features):
    features.ids[0] = features.ids[8]
    out = fit_head(features, "logistic_regression").out_of_fold_
    first, second = features.subjects[0], features.subjects[8]
    assert first != second
    assert out["fold"][0] == out["fold"][8]


def test_groups_of_a_bare_array_are_used_and_without_them_a_note_says_so(features):
    head = fit_head(features.X, features.y, "logistic_regression", groups=features.subjects)
    same = fit_head(features, "logistic_regression")
    np.testing.assert_array_equal(head.out_of_fold_["fold"], same.out_of_fold_["fold"])
    np.testing.assert_allclose(head.predict_proba(features.X), same.predict_proba(features))
    assert head.split_note_ == ""
    alone = fit_head(features.X, features.y, "logistic_regression")
    assert alone.split_note_ == "no subjects: cells of one patient may stand on both sides"


def test_a_random_split_is_asked_for_and_noted(features):
    head = fit_head(features, "logistic_regression", split="random")
    assert "cells of one patient stand on both sides" in head.split_note_
    by_subject = pd.Series(head.out_of_fold_["fold"]).groupby(features.subjects).nunique()
    assert (by_subject > 1).any()


def test_subject_leakage_inflates_what_random_folds_report():
    """Labels carry nothing but the subject: by subject nothing can be learnt."""
    features = make_features(gap=0, shift=3, n_subjects=20)
    by_subject = fit_head(features, "svm").cv_results_["pooled_test_score"].max()
    random = fit_head(features, "svm", split="random").cv_results_["pooled_test_score"].max()
    assert random > 0.9
    assert by_subject < 0.75


def test_search_equals_grid_search_with_the_same_folds(features):
    folds = list(SubjectKFold(5).split(features.X, features.y, features.subjects))
    head = fit_head(features, "svm", cv=folds)
    gamma = [g / features.shape[1] for g in (1.0, 0.3, 0.1)]
    search = GridSearchCV(
        Pipeline([("s", StandardScaler()), ("c", SVC(class_weight="balanced"))]),
        {"c__C": [1.0, 10.0, 100.0], "c__gamma": gamma},
        cv=folds,
        scoring="balanced_accuracy",
    ).fit(features.X, features.y)
    ours = pd.DataFrame(head.cv_results_)
    ours = ours.sort_values(["param_classifier__C", "param_classifier__gamma_factor"])
    theirs = pd.DataFrame(search.cv_results_).sort_values(["param_c__C", "param_c__gamma"])
    np.testing.assert_allclose(
        ours["mean_test_score"], theirs["mean_test_score"].astype(float), atol=1e-3
    )


def test_calibration_equals_scikit_learns_sigmoid_on_the_same_folds(features):
    folds = list(SubjectKFold(5).split(features.X, features.y, features.subjects))
    head = fit_head(features, LogisticRegression(), cv=folds, class_weight=None)
    stock = CalibratedClassifierCV(LogisticRegression(), cv=folds, ensemble=False)
    stock.fit(features.X, features.y)
    np.testing.assert_allclose(
        head.predict_proba(features), stock.predict_proba(features.X), atol=2e-3
    )


def test_calibration_keeps_probabilities_honest_under_balanced_weights():
    """A prevalence of 1 in 4 must show in the mean probability, whatever the class weights."""
    features = make_features(n_subjects=40)
    keep = (features.y == 0) | (np.arange(len(features)) % 3 == 0)
    features = features[keep]
    head = fit_head(features, "logistic_regression")
    positive = head.out_of_fold_["probability"][:, 1].mean()
    assert abs(positive - features.y.mean()) < 0.02


@pytest.mark.parametrize("kind", ["int", "str", "bool", "object", "categorical"])
def test_predictions_are_of_the_type_of_the_labels(features, kind):
    labels = {
        "int": features.y + 5,
        "str": np.array(["hem", "all"])[features.y],
        "bool": features.y == 1,
        "object": np.array(["hem", "all"], object)[features.y],
        "categorical": pd.Categorical.from_codes(features.y, ["hem", "all"]),
    }[kind]
    head = fit_head(features.X, labels, LogisticRegression(), groups=features.subjects)
    predicted = head.predict(features.X)
    assert predicted.dtype == np.asarray(labels).dtype
    assert set(predicted) <= set(labels)
    assert head.score(features.X, np.asarray(labels)) > 0.7


def test_positive_class(features):
    assert fit_head(features, "logistic_regression").positive_ == 1
    head = fit_head(features, "logistic_regression", positive="hem")
    assert head.positive_ == 0
    names = np.array(["hem", "all"])[features.y]
    assert fit_head(features.X, names, "logistic_regression").positive_ == "hem"
    assert fit_head(features.X, names, "logistic_regression", positive="all").positive_ == "all"
    with pytest.raises(ValueError, match=r"one of the classes \[0, 1\].*Got 'ALL' instead"):
        fit_head(features, positive="ALL")


def test_what_is_remembered_of_the_training_rows(features):
    head = fit_head(features, "logistic_regression")
    digest = hashlib.sha256(features.subjects[0].encode()).hexdigest()
    assert digest in head.train_subjects_
    assert len(head.train_subjects_) == 18
    assert head.train_ids_ == set(features.ids)
    assert features.subjects[0].encode() not in pickle.dumps(head)


def test_features_of_another_space_are_refused_with_the_difference(features):
    head = fit_head(features, "logistic_regression")
    other = FeatureSet(features.X, spec=FeatureSpec(crop=224))
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(SpecMismatchError, match="crop: None != 224"):
            getattr(head, method)(other)
    head.check_spec(features.X)
    assert head.predict(features.X).shape == (len(features),)


def test_control_heads_see_colour_and_size_only():
    features = make_features(gap=0, controls=True)
    head = fit_head(features, "logistic_regression")
    assert set(head.control_heads_) == {"majority", "colour", "size"}
    right = {
        name: np.mean(control.predict(features.controls) == features.y)
        for name, control in head.control_heads_.items()
    }
    assert right["colour"] > 0.9
    assert right["majority"] == 0.5
    out = head.control_heads_["size"].out_of_fold_
    assert np.mean(out["probability"].argmax(1) == out["y"]) < 0.65
    np.testing.assert_array_equal(out["fold"], head.out_of_fold_["fold"])
    assert fit_head(features, "logistic_regression", controls=False).control_heads_ == {}


def test_without_an_inner_cross_validation(features):
    head = fit_head(features, LogisticRegression(), tune=False, calibrate=False)
    assert head.cv_results_ == head.out_of_fold_ == {}
    stock = LogisticRegression(class_weight="balanced").fit(features.X, features.y)
    np.testing.assert_allclose(head.predict_proba(features), stock.predict_proba(features.X))
    np.testing.assert_array_equal(head.predict(features), stock.predict(features.X))


def test_an_uncalibrated_svm_has_no_probabilities_but_decides(features):
    head = fit_head(features, "svm", calibrate=False)
    assert not hasattr(head, "predict_proba")
    np.testing.assert_array_equal(head.predict(features), head.estimator_.predict(features.X))
    with pytest.raises(ValueError, match=r"threshold=0.3 needs probabilities.*calibrate=True"):
        fit_head(features, "svm", calibrate=False, threshold=0.3)


def test_same_seed_same_head_and_random_state_reaches_the_classifier(features):
    def forest(seed):
        model = RandomForestClassifier(8, max_depth=3)
        return fit_head(features, model, cv=2, random_state=seed).predict_proba(features)

    np.testing.assert_allclose(forest(0), forest(0), rtol=1e-12)
    assert (forest(0) != forest(1)).any()


def test_parallel_folds_give_the_same_head(features):
    one = fit_head(features, "logistic_regression")
    two = fit_head(features, "logistic_regression", n_jobs=2)
    np.testing.assert_allclose(one.predict_proba(features), two.predict_proba(features))


def test_class_weights_reach_the_classifier_and_a_choice_of_ones_own_stays(features):
    assert fit_head(features, "svm", cv=2).estimator_[-1].class_weight == "balanced"
    own = fit_head(features, SVC(class_weight={0: 2}), cv=2)
    assert own.estimator_[-1].class_weight == {0: 2}


def test_a_classifier_without_class_weights_is_weighed_in_the_decision():
    features = make_features(n_subjects=60, gap=1.0, per_subject=10)
    features = features[(features.y == 0) | (np.arange(len(features)) % 8 == 0)]
    plain = fit_head(features, GaussianNB(), class_weight=None)
    weighed = fit_head(features, GaussianNB())
    recall = [np.mean(h.predict(features)[features.y == 1] == 1) for h in (plain, weighed)]
    assert plain.threshold_ == 0.5
    assert weighed.threshold_ < 0.5
    assert recall[1] > recall[0]


def test_it_lives_in_scikit_learn(features):
    head = Head("logistic_regression", cv=3)
    assert clone(head).get_params() == head.get_params()
    scores = cross_val_score(head, features.X, features.y, cv=3)
    assert scores.mean() > 0.7


def test_copies_by_pickle_answer_the_same(features):
    head = fit_head(features)
    again = pickle.loads(pickle.dumps(head))
    np.testing.assert_array_equal(again.predict_proba(features), head.predict_proba(features))


def test_equal_measurements_are_no_equal_images():
    features = make_features(gap=0, controls=True)
    features.controls.iloc[:] = np.float32(1.0)  # every cell looks the same to the control heads
    head = fit_head(features, "logistic_regression")
    for control in ("colour", "size"):
        of_control, of_head = head.control_heads_[control].out_of_fold_, head.out_of_fold_
        assert (of_control["row"] == of_head["row"]).all()
        assert (of_control["fold"] == of_head["fold"]).all()
    folds = [(np.arange(16, 144), np.arange(16)), (np.arange(16), np.arange(16, 144))]
    assert fit_head(features, "logistic_regression", cv=folds).control_heads_


def test_weights_and_the_positive_class_go_by_name_or_label():
    features = make_features(controls=False)
    by_name = fit_head(features, "logistic_regression", class_weight={"all": 3.0}, positive="hem")
    by_label = fit_head(features, "logistic_regression", class_weight={1: 3.0}, positive=0)
    assert (by_name.predict(features) == by_label.predict(features)).all()
    assert by_name.positive_ == by_label.positive_ == 0
    with pytest.raises(ValueError, match=r"'class_weight' names \['blast'\]"):
        fit_head(features, class_weight={"blast": 2.0})
    with pytest.raises(ValueError, match="names a class twice"):
        fit_head(features, class_weight={"all": 2.0, 1: 3.0})


def test_rows_without_a_group_are_said():
    features = make_features()
    groups = features.subjects.copy()
    groups[:3] = None
    head = fit_head(features.X, features.y, "naive_bayes", groups=groups)
    assert head.split_note_ == "3 of 144 rows have no group: each is taken as its own"


def test_a_fold_that_lacks_a_class_on_both_sides_is_named():
    features = make_features(3)
    some = np.flatnonzero(features.y < 2)
    folds = [(some[some < 90], some[some >= 90])]
    with pytest.raises(ValueError, match=r"training side of 'cv' lacks the classes \['blast'\]"):
        fit_head(features, "naive_bayes", cv=folds)
    assert fit_head(make_features(), "naive_bayes", cv=None).out_of_fold_["fold"].max() == 4


@pytest.mark.filterwarnings("default:Fitted by cell")
def test_a_head_without_subjects_warns():
    features = make_features()
    with pytest.warns(LeakageWarning, match="Fitted by cell: no subjects.*Give groups="):
        fit_head(features.X, features.y, "naive_bayes")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_head(features.X, features.y, "naive_bayes", groups=features.subjects)
