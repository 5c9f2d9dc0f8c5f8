"""Fitting by oneDAL where scikit-learn-intelex is installed; what comes out is scikit-learn's own.

A fitted oneDAL object cannot be stored safely and ties a model to a machine, so what was learnt is
copied into stock estimators. ``LEUKFEAT_ONEDAL=0`` in the environment turns it off.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

from leukfeat.native_libraries import import_native

__all__ = ["fit_forest", "fit_svc", "forest_is_known", "onedal_is_there"]

_FOREST_DEFAULTS = {
    "criterion": "gini",
    "bootstrap": True,
    "oob_score": False,
    "warm_start": False,
    "ccp_alpha": 0.0,
    "monotonic_cst": None,
}


def onedal_is_there() -> bool:
    """Say whether oneDAL can and may be used.

    Returns
    -------
    bool
    """
    allowed = os.environ.get("LEUKFEAT_ONEDAL", "1") != "0"
    return allowed and importlib.util.find_spec("sklearnex") is not None


def forest_is_known(forest: Any) -> bool:
    """Say whether oneDAL grows the forest that these parameters describe.

    Parameters
    ----------
    forest : classifier
        Unfitted.

    Returns
    -------
    bool
        ``False`` for subclasses, and where a parameter has a value that oneDAL does not have.
    """
    if type(forest) is not RandomForestClassifier:
        return False
    given = forest.get_params()
    return all(given.get(name, value) == value for name, value in _FOREST_DEFAULTS.items()) and (
        given["class_weight"] in (None, "balanced") or isinstance(given["class_weight"], dict)
    )


def fit_forest(forest: RandomForestClassifier, X: np.ndarray, y: np.ndarray) -> Any:
    """Grow a random forest, by oneDAL if it is there.

    Parameters
    ----------
    forest : RandomForestClassifier
        Unfitted; is changed.
    X : ndarray of shape (n_rows, n_features)
        Training rows.
    y : ndarray of shape (n_rows,)
        Classes.

    Returns
    -------
    RandomForestClassifier
        `forest`, fitted. The same seed gives other trees with oneDAL than without. Class weights
        count in the splits, as in scikit-learn to 1.8; from 1.9 on that draws rows by them.
    """
    if not (onedal_is_there() and forest_is_known(forest)):
        return forest.fit(X, y)
    ensemble = import_native("sklearnex.ensemble")
    # Never as sample weights: with these sklearnex lets scikit-learn grow the trees from 1.9 on.
    with _threads_of_its_own(forest.n_jobs):
        grown = ensemble.RandomForestClassifier(**forest.get_params()).fit(X, y)
    forest.estimators_ = grown.estimators_
    forest.estimator_ = clone(forest.estimator)
    forest.classes_ = np.unique(y)
    forest.n_classes_ = len(forest.classes_)
    forest.n_outputs_ = 1
    forest.n_features_in_ = X.shape[1]
    return forest


_entering = threading.Lock()
_found: list[int] = []
"""oneDAL's threads as the first of several fits found them; one entry a fit that runs."""


@contextmanager
def _threads_of_its_own(n_jobs: int | None) -> Iterator[None]:
    """Keep oneDAL to `n_jobs` threads outside the main thread.

    There (joblib's threads, every task of a Dask worker) sklearnex warns and takes all cores. The
    number is the process's: the first of several fits sets it, the last one sets it back.
    """
    if threading.current_thread() is threading.main_thread() or n_jobs is None or n_jobs < 1:
        yield
        return
    daal = import_native("daal4py")
    with _entering:
        if not _found:
            _found.append(daal.num_threads())
            daal.daalinit(n_jobs)
        else:
            _found.append(_found[0])
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "'Threading' parallel backend is not supported")
            yield
    finally:
        with _entering:
            before = _found.pop()
            if not _found:
                daal.daalinit(before)


def fit_svc(svc: SVC, X: np.ndarray, y: np.ndarray) -> SVC:
    """Fit an RBF `SVC` by oneDAL and copy what it learnt into a stock one.

    Parameters
    ----------
    svc : SVC
        Unfitted, with a number for ``gamma``; is changed.
    X : ndarray of float64 of shape (n_rows, n_features)
        Training rows.
    y : ndarray of shape (n_rows,)
        Classes.

    Returns
    -------
    SVC
        `svc`, fitted.
    """
    given = svc.get_params()
    names = ("C", "kernel", "gamma", "tol", "class_weight", "shrinking", "max_iter", "cache_size")
    solved = import_native("sklearnex.svm").SVC(**{name: given[name] for name in names}).fit(X, y)
    # One row a class makes this scikit-learn's own attributes, whichever they are; what was learnt
    # then replaces theirs.
    one_each = np.unique(y, return_index=True)[1]
    svc.fit(X[one_each], y[one_each])
    svc.class_weight_ = np.ascontiguousarray(solved.class_weight_, np.float64)
    svc.support_ = np.asarray(solved.support_, np.int32)
    svc.support_vectors_ = np.ascontiguousarray(X[svc.support_])
    svc._n_support = np.asarray(solved.n_support_, np.int32)
    svc.dual_coef_ = np.ascontiguousarray(solved.dual_coef_, np.float64)
    svc.intercept_ = np.asarray(solved.intercept_, np.float64).ravel()
    # libsvm keeps the two-class model with the sign turned.
    sign = -1.0 if len(svc.classes_) == 2 else 1.0
    svc._dual_coef_, svc._intercept_ = sign * svc.dual_coef_, sign * svc.intercept_
    svc.shape_fit_ = X.shape
    n_pairs = len(svc.classes_) * (len(svc.classes_) - 1) // 2
    svc.n_iter_ = svc._num_iter = np.zeros(n_pairs, np.int32)  # oneDAL does not tell
    return svc
