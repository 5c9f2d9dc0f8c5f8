"""More rows than an RBF SVM can have: it is said, and the control heads do not stop a head."""

import logging

import numpy as np
import pandas as pd
import pytest

from leukfeat import fit_head
from leukfeat.features.feature_set import COLOUR_CONTROLS, CONTROL_COLUMNS
from leukfeat.heads import control_columns, controls, long_fit
from leukfeat.heads.rbf_svc import RbfSVC

from .conftest import make_features


def in_rings(features, seed):
    """Give cells colours that tell their class by the distance from a point, not by a side."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(len(features), 2))
    places *= (1 + features.y[:, None]) / np.linalg.norm(places, axis=1, keepdims=True)
    measured = pd.DataFrame(1.0, range(len(features)), list(CONTROL_COLUMNS))
    measured[list(COLOUR_CONTROLS)] = np.tile(places, 5)[:, : len(COLOUR_CONTROLS)]
    features.controls = measured.astype(np.float32)
    return features


@pytest.fixture
def cells():
    return [in_rings(make_features(2, gap=1, seed=seed), seed) for seed in (0, 1)]


def test_control_heads_of_many_rows_are_no_rbf_svm_and_find_as_much(cells, monkeypatch):
    train, test = cells
    seen = control_columns(test.controls)
    few = fit_head(train, "naive_bayes", tune=False).control_heads_
    monkeypatch.setattr(controls, "MAX_GRAM_ROWS", len(train) - 1)
    many = fit_head(train, "naive_bayes", tune=False).control_heads_
    for name in ("colour", "size"):
        assert isinstance(few[name].estimator_[-1], RbfSVC)
        assert not isinstance(many[name].estimator_[-1], RbfSVC)
    right = [(heads["colour"].predict(seen) == test.y).mean() for heads in (few, many)]
    assert min(right) > 0.9
    assert abs(right[0] - right[1]) < 0.03


def test_an_rbf_svm_on_many_rows_says_what_to_take(cells, monkeypatch, caplog):
    train, _ = cells
    with caplog.at_level(logging.WARNING, "leukfeat"):
        fit_head(train, "svm", tune=False, controls=False)
        assert not caplog.text
        monkeypatch.setattr(long_fit, "MAX_GRAM_ROWS", len(train) - 1)
        fit_head(train, "logistic_regression", tune=False, controls=False)
        assert not caplog.text
        fit_head(train, "svm", tune=False, controls=False)
    assert f"'svm' on {len(train):,} rows" in caplog.text
    assert "'nystroem'" in caplog.text
