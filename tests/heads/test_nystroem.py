"""The head for more rows than a kernel SVM can hold: as good as the SVM, and no more memory than said."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from leukfeat import cross_validate_heads, fit_head
from leukfeat.heads import head as head_module
from leukfeat.heads import memory_need, preparation
from leukfeat.heads.preparation import tasks_here
from leukfeat.heads.registry import build_head

TOLERANCE = 0.02
"""AUROC by which it may fall behind the RBF SVM."""


def rings(n_subjects=40, per_subject=20, seed=0):
    """One class lies around the other, each subject a little off: nothing linear tells them."""
    rng = np.random.default_rng(seed)
    subject = np.repeat(np.arange(n_subjects), per_subject)
    y = subject % 2
    direction = rng.normal(size=(len(y), 10))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    X = direction * rng.normal(1 + 0.8 * y, 0.4)[:, None]
    X += 0.2 * rng.normal(size=(n_subjects, 10))[subject]
    return X.astype(np.float32), y, subject


def test_as_good_as_the_svm_by_subject():
    X, y, subject = rings()
    found = cross_validate_heads(
        X, ["svm", "nystroem", "linear_svm"], y, subjects=subject, n_splits=3, cv=3
    )
    area = {
        name: float(found[name]["auroc"].estimate) for name in ("svm", "nystroem", "linear_svm")
    }
    assert area["linear_svm"] < 0.65
    assert area["svm"] > 0.75
    assert area["nystroem"] > area["svm"] - TOLERANCE


def test_it_works_in_single_precision():
    X, y, subject = rings()
    pipeline = fit_head(X, y, "nystroem", groups=subject, tune=False, cv=2).estimator_
    Z = pipeline[:-1].transform(X)
    assert Z.dtype == np.float32
    assert isinstance(pipeline[-1], LogisticRegression)  # no liblinear: 24 bytes a number


def test_parts_of_many_rows_are_predicted_the_same(monkeypatch):
    X, y, subject = rings()
    head = fit_head(X, y, "nystroem", groups=subject, tune=False, cv=2)
    whole = head.predict_proba(X)
    monkeypatch.setattr(head_module, "_ROWS_AT_ONCE", 100)
    np.testing.assert_allclose(head.predict_proba(X), whole, atol=1e-4)
    assert roc_auc_score(y, whole[:, 1]) > 0.8


def test_what_does_not_fit_is_refused_before_it_starts(monkeypatch):
    X, y, subject = rings()
    monkeypatch.setattr(memory_need, "free_memory", lambda: 2_000_000)
    with pytest.raises(MemoryError, match=r"800 rows of 10 numbers takes about 0\.0 GB.*n_comp"):
        fit_head(X, y, "nystroem", groups=subject)
    with pytest.raises(MemoryError, match=r"'svm' on 800 rows.*'linear_svm'"):
        fit_head(X, y, "svm", groups=subject)
    few = {"kernel__n_components": [100], "C": [10.0]}
    head = fit_head(X, y, "nystroem", groups=subject, param_grid=few, cv=2)
    assert head.best_params_["kernel__n_components"] == 100
    monkeypatch.setattr(memory_need, "free_memory", lambda: None)  # a system that does not say
    fit_head(X, y, "nystroem", groups=subject, tune=False, cv=2)


@pytest.mark.parametrize(
    ("name", "rows", "bytes_each"),
    [
        ("nystroem", 10_000, 8_000 + 400),
        ("nystroem", 100, 800 + 400),
        ("linear_svm", 10, 2_800),  # measured: 28 bytes a number on 30,000 x 2,048
        ("logistic_regression", 10, 900),  # 9
        ("random_forest", 10, 400),
        ("svm", 20_000, 2_000),
    ],
)
def test_what_is_needed(name, rows, bytes_each):
    pipeline, _ = build_head(name)
    assert memory_need.memory_needed(pipeline, rows, 100) == rows * bytes_each


def test_an_svm_beyond_the_kernel_matrix_does_not_need_one():
    pipeline, _ = build_head("svm")
    assert memory_need.memory_needed(pipeline, 16_000, 100) > 5e9
    assert memory_need.memory_needed(pipeline, 16_001, 100) < 1e9


def test_folds_at_once_are_counted_together(monkeypatch):
    X, y, subject = rings(n_subjects=20, per_subject=10)
    one = 20 * len(X) ** 2 + X.nbytes
    monkeypatch.setattr(memory_need, "free_memory", lambda: one)
    fit_head(X, y, "svm", groups=subject, tune=False, n_jobs=1)
    message = r"'svm' on 4 inner folds at once, of 1[67]0 rows.*n_jobs=1"
    with pytest.raises(MemoryError, match=message):
        fit_head(X, y, "svm", groups=subject, tune=False, n_jobs=4)
    with pytest.raises(MemoryError, match="5 inner folds at once"):
        fit_head(X, y, "svm", groups=subject, tune=False, n_jobs=40)


def test_folds_on_a_cluster_are_not_counted_here(monkeypatch):
    class Cluster:
        pass

    assert tasks_here(3) == 3
    monkeypatch.setattr(preparation, "get_active_backend", lambda: (Cluster(), None))
    assert tasks_here(3) == 1
