"""What oneDAL learns stands in stock objects and answers as they would."""

import logging
import pickle
import sys
import threading

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.svm import SVC

from leukfeat import fit_head
from leukfeat.heads import RbfSVC, as_stock_svc, onedal, rbf_svc

from .conftest import make_features

needs_onedal = pytest.mark.skipif(
    not onedal.onedal_is_there(), reason="scikit-learn-intelex is not installed"
)


@pytest.fixture(params=[2, 4], ids=["two classes", "four classes"])
def problem(request):
    X, y = make_classification(
        500, 40, n_informative=12, n_classes=request.param, class_sep=0.7, random_state=0
    )
    return X[:400], np.array(list("abcd"))[y[:400]], X[400:]


@needs_onedal
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_svc_is_stock_and_decides_the_same(problem, class_weight):
    X, y, new = problem
    options = {"C": 3.0, "gamma": 0.02, "class_weight": class_weight, "tol": 1e-5}
    ours = onedal.fit_svc(SVC(**options), X, y)
    stock = SVC(**options).fit(X, y)
    assert type(ours) is SVC
    assert set(vars(ours)) == set(vars(stock))
    np.testing.assert_allclose(ours.decision_function(new), stock.decision_function(new), atol=1e-4)
    np.testing.assert_array_equal(ours.predict(new), stock.predict(new))
    for name in ("support_", "_n_support"):
        assert getattr(ours, name).dtype == getattr(stock, name).dtype == np.int32
    assert b"onedal" not in pickle.dumps(ours)


@needs_onedal
def test_svc_has_what_the_scikit_learn_that_is_installed_sets(problem, monkeypatch):
    X, y, _ = problem
    fit = SVC.fit

    def other_version(self, X, y, sample_weight=None):  # 1.7 has no _effective_probability
        fit(self, X, y, sample_weight).__dict__.pop("_effective_probability", None)
        self._of_another_version = True
        return self

    with monkeypatch.context() as patch:
        patch.setattr(SVC, "fit", other_version)
        ours = onedal.fit_svc(SVC(C=3.0, gamma=0.02), X, y)
        assert set(vars(ours)) == set(vars(SVC(C=3.0, gamma=0.02).fit(X, y)))


@needs_onedal
def test_many_rows_are_fit_by_onedal(problem, monkeypatch):
    X, y, new = problem
    by_gram = RbfSVC(C=3, tol=1e-5).fit(X, y)
    monkeypatch.setattr(rbf_svc, "MAX_GRAM_ROWS", 100)
    ours = RbfSVC(C=3, tol=1e-5).fit(X, y)
    for model in (ours, as_stock_svc(ours)):
        np.testing.assert_allclose(
            model.decision_function(new), by_gram.decision_function(new), atol=1e-4
        )
    assert b"onedal" not in pickle.dumps(ours)


def test_without_onedal_many_rows_are_warned_of(problem, monkeypatch, caplog):
    X, y, new = problem
    by_gram = RbfSVC(C=3).fit(X, y)
    monkeypatch.setenv("LEUKFEAT_ONEDAL", "0")
    monkeypatch.setattr(rbf_svc, "MAX_GRAM_ROWS", 100)
    with caplog.at_level(logging.WARNING, logger="leukfeat"):
        direct = RbfSVC(C=3).fit(X, y)
    assert "'nystroem'" in caplog.text
    np.testing.assert_allclose(
        direct.decision_function(new), by_gram.decision_function(new), atol=1e-9
    )


@needs_onedal
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_forest_is_stock(class_weight):
    X, y = make_classification(600, 20, n_informative=8, random_state=0)
    y = np.array(["hem", "all"])[y]
    settings = {"n_estimators": 60, "random_state": 0, "class_weight": class_weight}
    ours = onedal.fit_forest(RandomForestClassifier(**settings), X[:400], y[:400])
    stock = RandomForestClassifier(**settings).fit(X[:400], y[:400])
    assert type(ours) is RandomForestClassifier
    assert len(ours.estimators_) == 60
    assert ours.predict(X).dtype == y.dtype
    assert abs(ours.score(X[400:], y[400:]) - stock.score(X[400:], y[400:])) < 0.06
    assert ours.feature_importances_.sum() == pytest.approx(1)
    assert b"onedal" not in pickle.dumps(ours)


@needs_onedal
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 1.0, 1: 9.0}])
def test_forest_is_grown_by_onedal_with_weights_too(class_weight, monkeypatch):
    X, y = make_classification(2000, 8, n_informative=4, weights=[0.9], flip_y=0.1, random_state=0)
    settings = {"n_estimators": 60, "random_state": 0, "max_depth": 4}
    stock = RandomForestClassifier(class_weight=class_weight, **settings).fit(X[:1000], y[:1000])

    def refuse(*_, **__):
        raise AssertionError("scikit-learn grows the forest")

    with monkeypatch.context() as patch:
        patch.setattr(RandomForestClassifier, "fit", refuse)
        forest = RandomForestClassifier(class_weight=class_weight, **settings)
        ours = onedal.fit_forest(forest, X[:1000], y[:1000])
    # The weights count: without them the rare class is called in one of 100 cells.
    called, wanted = (model.predict(X[1000:]).mean() for model in (ours, stock))
    assert called == pytest.approx(wanted, abs=0.1)
    assert (called > 0.1) == (class_weight is not None)


@needs_onedal
def test_a_forest_in_a_thread_has_the_threads_that_it_was_given(monkeypatch):
    daal = onedal.import_native("daal4py")
    before, seen, grown = daal.num_threads(), [], []
    if before < 2:
        pytest.skip("oneDAL has one thread")
    X, y = make_classification(200, 8, random_state=0)
    ensemble = onedal.import_native("sklearnex.ensemble")

    class Watched(ensemble.RandomForestClassifier):
        def fit(self, X, y):
            seen.append(daal.num_threads())
            return super().fit(X, y)

    monkeypatch.setattr(ensemble, "RandomForestClassifier", Watched)

    def grow():  # a warning would be an error
        forest = RandomForestClassifier(5, random_state=0, n_jobs=1)
        grown.append(onedal.fit_forest(forest, X, y).predict_proba(X))

    threads = [threading.Thread(target=grow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1, 1]
    assert daal.num_threads() == before
    grow()
    for of_thread in grown:
        np.testing.assert_array_equal(of_thread, grown[-1])
    assert len(grown) == 3


@needs_onedal
def test_forest_head_uses_it_and_keeps_a_stock_pipeline(monkeypatch):
    grown = []
    fit = onedal.import_native
    monkeypatch.setattr(onedal, "import_native", lambda name: grown.append(name) or fit(name))
    head = fit_head(make_features(gap=3), "random_forest", cv=2, param_grid={"n_estimators": [20]})
    assert grown == ["sklearnex.ensemble"] * 3  # two folds, then all rows
    assert type(head.estimator_[-1]) is RandomForestClassifier
    assert head.estimator_[-1].n_jobs is None
    assert head.score(make_features(gap=3, seed=1)) > 0.8


@pytest.mark.parametrize(
    "forest",
    [
        ExtraTreesClassifier(5),
        RandomForestClassifier(5, criterion="entropy"),
        RandomForestClassifier(5, class_weight="balanced_subsample"),
        RandomForestClassifier(5, oob_score=True),
    ],
)
def test_what_onedal_does_not_have_is_left_to_scikit_learn(forest):
    assert not onedal.forest_is_known(forest)


def test_it_can_be_turned_off_and_absence_is_no_error(monkeypatch):
    monkeypatch.setenv("LEUKFEAT_ONEDAL", "0")
    assert not onedal.onedal_is_there()
    monkeypatch.delenv("LEUKFEAT_ONEDAL")
    monkeypatch.setattr(onedal.importlib.util, "find_spec", lambda name: None)
    assert not onedal.onedal_is_there()
    monkeypatch.setitem(sys.modules, "sklearnex", None)
    forest = onedal.fit_forest(RandomForestClassifier(5), np.eye(6), np.arange(6) % 2)
    assert len(forest.estimators_) == 5
