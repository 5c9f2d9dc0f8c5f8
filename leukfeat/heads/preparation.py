"""A head's pipeline made ready: class weights, seeds, and as many threads as there are to spare."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from joblib import cpu_count, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.base import clone
from sklearn.ensemble import BaseEnsemble, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from threadpoolctl import ThreadpoolController, threadpool_limits

from .onedal import fit_forest, forest_is_known
from .registry import build_head

__all__ = [
    "few_blas_threads",
    "fit_pipeline",
    "free_cores",
    "knows_class_weight",
    "prepared_pipeline",
    "tasks_here",
    "threads",
]

SMALL_PRODUCT = 30_000_000
"""Rows x features x classes below which a second BLAS thread costs more than it gives."""


def prepared_pipeline(
    head: Any, *, class_weight: Any, random_state: Any
) -> tuple[Pipeline, dict[str, Any]]:
    """Return the pipeline and search space of a head, with what it leaves open filled in.

    Parameters
    ----------
    head : str or classifier
        As `build_head` takes it; is not changed.
    class_weight : {"balanced"}, dict or None
        Given to the last step if it takes class weights and has none.
    random_state : int, RandomState instance or None
        Seed of every step that takes one and has none.

    Returns
    -------
    pipeline : Pipeline
        Unfitted.
    space : dict
    """
    pipeline, space = build_head(head)
    pipeline = clone(pipeline)
    last = pipeline[-1]
    if knows_class_weight(last) and last.class_weight is None:
        last.set_params(class_weight=class_weight)
    seed_steps(pipeline, random_state)
    return pipeline, space


def seed_steps(pipeline: Pipeline, random_state: Any) -> None:
    """Give a seed to every step that takes one and has none, in place.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted.
    random_state : int, RandomState instance or None
        The seeds are drawn from it.
    """
    random = check_random_state(random_state)
    for name, value in sorted(pipeline.get_params().items()):
        if (name == "random_state" or name.endswith("__random_state")) and value is None:
            pipeline.set_params(**{name: int(random.randint(2**31 - 1))})


def knows_class_weight(classifier: Any) -> bool:
    """Say whether a classifier is to weigh the classes itself, by its ``class_weight``.

    Parameters
    ----------
    classifier : estimator
        Any.

    Returns
    -------
    bool
        ``False`` where it has no such parameter, and for boosted trees on histograms that were given no
        weights: with weights scikit-learn sorts every column once for each bin's edge (on 1,280 x
        2,048 features 16 s, where the trees take one). The decision is weighted instead.
    """
    if isinstance(classifier, HistGradientBoostingClassifier):
        return classifier.class_weight is not None
    return "class_weight" in classifier.get_params()


def fit_pipeline(pipeline: Pipeline, X: np.ndarray, y: np.ndarray) -> Pipeline:
    """Fit a pipeline as its own ``fit`` does, a random forest at its end by oneDAL if it is there.

    Parameters
    ----------
    pipeline : Pipeline
        Is fitted in place.
    X : ndarray of shape (n_rows, n_features)
        Training rows.
    y : ndarray of shape (n_rows,)
        Classes.

    Returns
    -------
    Pipeline
        The same object.
    """
    if not forest_is_known(pipeline[-1]):
        return pipeline.fit(X, y)
    Z = pipeline[:-1].fit_transform(X, y) if len(pipeline) > 1 else X
    fit_forest(pipeline[-1], Z, y)
    return pipeline


@contextmanager
def few_blas_threads(classifier: Any, n_values: int) -> Iterator[None]:
    """Keep BLAS to one thread while a classifier makes very many small matrix products.

    Gradient descent on 1,500 x 2,048 features took 20 times the processor time with two threads
    on two busy cores: they wait for each other at every product.

    Parameters
    ----------
    classifier : estimator
        What is fit; only gradient descent (logistic regression, perceptrons) is concerned.
    n_values : int
        Size of one product: rows x features x classes.

    Yields
    ------
    None
    """
    descends = isinstance(classifier, (LogisticRegression, MLPClassifier))
    if not descends or n_values >= SMALL_PRODUCT:
        yield
        return
    with _blas_as_found(), threadpool_limits(1, user_api="blas"):
        yield


_inside = threading.Lock()
_limited: list[dict[str, int]] = []
"""Threads of each BLAS library as each fit found them that is under the limit now."""


@contextmanager
def _blas_as_found() -> Iterator[None]:
    """Give BLAS back the threads that the first of several fits found.

    The limit is the process's. Of fits in several threads a later one finds that of an earlier
    one, and would set it back for good.
    """
    with _inside:
        found = {lib.filepath: lib.num_threads for lib in _blas()}
        _limited.append(_limited[0] if _limited else found)
    try:
        yield
    finally:
        with _inside:
            found = _limited.pop()
            for lib in [] if _limited else _blas():
                if lib.num_threads != found.get(lib.filepath, lib.num_threads):
                    lib.set_num_threads(found[lib.filepath])
                    if hasattr(lib, "clear_controlling_thread"):
                        # From 3.8 threadpoolctl listens to one thread until that lets go.
                        lib.clear_controlling_thread()


def _blas() -> list[Any]:
    controllers: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return controllers


def free_cores() -> int:
    """Return how many threads a fit may use here: in a joblib worker, its share of the cores.

    Returns
    -------
    int
        At least 1. joblib tells a worker its share by ``OMP_NUM_THREADS``; a user who sets it
        means the same.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cpu_count(), int(told))) if told.isdigit() else cpu_count()


def tasks_here(n_jobs: int | None) -> int:
    """Return how many of joblib's tasks run on this machine at the same time.

    Parameters
    ----------
    n_jobs : int or None
        As joblib takes it.

    Returns
    -------
    int
        1 where a cluster takes the tasks: its machines have memory of their own.
    """
    backend, _ = get_active_backend()
    ours = type(backend).__module__ == "joblib._parallel_backends"
    return int(effective_n_jobs(n_jobs)) if ours else 1


@contextmanager
def threads(pipeline: Pipeline, n_threads: int) -> Iterator[Pipeline]:
    """Let forests and neighbour searches use several threads, for as long as the context lasts.

    Parameters
    ----------
    pipeline : Pipeline
        Its ``n_jobs`` parameters that are ``None`` are set, and set back.
    n_threads : int
        Number of threads.

    Yields
    ------
    Pipeline
        The same object.
    """
    # Only these thread in shared memory; elsewhere n_jobs means processes, or is deprecated.
    nested = [value for value in pipeline.get_params().values() if hasattr(value, "get_params")]
    steps = [
        step
        for step in nested
        if isinstance(step, (BaseEnsemble, KNeighborsClassifier))
        and step.get_params(deep=False).get("n_jobs", 1) is None
    ]
    for step in steps:
        step.set_params(n_jobs=n_threads)
    try:
        yield pipeline
    finally:
        for step in steps:
            step.set_params(n_jobs=None)
