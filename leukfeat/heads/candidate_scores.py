"""Scores of held-out rows by many candidates of one classifier, sharing what they can share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from .kernel_matrix import rbf_from_distances, squared_distances
from .natural_scores import SOFTENING, as_columns, natural_scores
from .onedal import fit_forest
from .rbf_svc import MAX_GRAM_ROWS, RbfSVC, one_vs_rest, pair_weights, solve_on_gram

__all__ = ["candidate_scores"]

Candidates = Sequence[dict[str, Any]]


@singledispatch
def candidate_scores(
    classifier: Any, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, candidates: Candidates
) -> list[np.ndarray]:
    """Fit each candidate on the training rows and score the held-out ones.

    Parameters
    ----------
    classifier : classifier
        Unfitted; is not changed.
    X : ndarray of shape (n_rows, n_features)
        Training rows.
    y : ndarray of shape (n_rows,)
        Their classes.
    X_test : ndarray of shape (n_test, n_features)
        Held-out rows.
    candidates : sequence of dict
        Parameters of `classifier`.

    Returns
    -------
    list of ndarray of shape (n_test, n_classes)
        As `natural_scores` gives them, one array a candidate.
    """
    return [
        natural_scores(clone(classifier).set_params(**candidate).fit(X, y), X_test)
        for candidate in candidates
    ]


@candidate_scores.register
def _(
    classifier: RbfSVC, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, candidates: Candidates
) -> list[np.ndarray]:
    """Share the distances over all candidates, and the kernel matrix over those of one width."""
    if len(X) > MAX_GRAM_ROWS:
        return candidate_scores.dispatch(object)(classifier, X, y, X_test, candidates)
    distances = squared_distances(X)
    test_distances = squared_distances(X_test, X)
    scores: list[Any] = [None] * len(candidates)
    widths: dict[float, list[tuple[float, int]]] = {}
    for i, candidate in enumerate(candidates):
        svc = clone(classifier).set_params(**candidate)
        widths.setdefault(svc.resolve_gamma(X), []).append((svc.C, i))
    gram = np.empty(distances.shape)
    for gamma, members in widths.items():
        rbf_from_distances(distances, gamma, out=gram)
        unbounded = None
        for C, i in sorted(members):
            svc = clone(classifier).set_params(**candidates[i])
            if unbounded is not None and _differ_in_C_only(candidates[i], candidates[unbounded]):
                # No multiplier was at its bound: a larger C has the same solution.
                scores[i] = scores[unbounded]
                continue
            solved = solve_on_gram(svc, gram, y)
            kernel = rbf_from_distances(test_distances[:, solved.support_], gamma)
            pairs = kernel @ pair_weights(solved) + solved.intercept_
            scores[i] = as_columns(one_vs_rest(pairs, len(solved.classes_)))
            if np.abs(solved.dual_coef_).max() < C * solved.class_weight_.min() * (1 - 1e-9):
                unbounded = i
    return scores


@candidate_scores.register
def _(
    classifier: LogisticRegression,
    X: np.ndarray,
    y: np.ndarray,
    X_test: np.ndarray,
    candidates: Candidates,
) -> list[np.ndarray]:
    """Start each candidate from the solution of the one before, strongest penalty first."""
    scores: list[Any] = [None] * len(candidates)
    if classifier.solver != "liblinear" and _is_ridge(classifier, candidates):
        X, X_test = _row_space(X, X_test)
    model = clone(classifier).set_params(warm_start=classifier.solver != "liblinear")
    for i in sorted(range(len(candidates)), key=lambda i: candidates[i].get("C", classifier.C)):
        model.set_params(**candidates[i])
        scores[i] = natural_scores(model.fit(X, y), X_test)
    return scores


@candidate_scores.register
def _(
    classifier: RandomForestClassifier,
    X: np.ndarray,
    y: np.ndarray,
    X_test: np.ndarray,
    candidates: Candidates,
) -> list[np.ndarray]:
    """Grow by oneDAL where it is there."""
    return [
        natural_scores(fit_forest(clone(classifier).set_params(**candidate), X, y), X_test)
        for candidate in candidates
    ]


@candidate_scores.register
def _(
    classifier: KNeighborsClassifier,
    X: np.ndarray,
    y: np.ndarray,
    X_test: np.ndarray,
    candidates: Candidates,
) -> list[np.ndarray]:
    """Search the neighbours once, for the largest number of them; too large ones score NaN."""
    known = classifier.weights in ("uniform", "distance")
    if not known or any(set(candidate) - {"n_neighbors"} for candidate in candidates):
        return candidate_scores.dispatch(object)(classifier, X, y, X_test, candidates)
    counts = [candidate.get("n_neighbors", classifier.n_neighbors) for candidate in candidates]
    classes, codes = np.unique(y, return_inverse=True)
    fits = [k for k in counts if k <= len(X)]
    model = clone(classifier).fit(X, y)
    distances, nearest = model.kneighbors(X_test, n_neighbors=max(fits, default=len(X)))
    votes = np.eye(len(classes))[codes[nearest]]
    if classifier.weights == "distance":
        with np.errstate(divide="ignore"):
            closeness = 1 / distances
        exact = np.isinf(closeness)
        votes *= np.where(exact.any(1, keepdims=True), exact, closeness)[:, :, None]
    summed = votes.cumsum(1)
    scores = []
    for k in counts:
        if k > len(X):
            scores.append(np.full((len(X_test), len(classes)), np.nan))
            continue
        proba = summed[:, k - 1] / summed[:, k - 1].sum(1, keepdims=True)
        scores.append(as_columns(np.log(proba + SOFTENING)))
    return scores


def _differ_in_C_only(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {**one, "C": None} == {**other, "C": None}


def _is_ridge(classifier: LogisticRegression, candidates: Candidates) -> bool:
    kept = [classifier.get_params(), *candidates]
    return all(
        params.get("penalty", "l2") in ("l2", "deprecated") and not params.get("l1_ratio")
        for params in kept
    )


def _row_space(X: np.ndarray, X_test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate wide rows onto the space that the training rows span.

    A ridge penalty does not see the rotation, and the solution has no part outside that space
    (representer theorem): fewer columns, the same scores.
    """
    if len(X) >= X.shape[1]:
        return X, X_test
    X = np.asarray(X, np.float64)
    values, vectors = np.linalg.eigh(X @ X.T)
    kept = values > values[-1] * len(X) * np.finfo(float).eps
    spread = np.sqrt(values[kept])
    return vectors[:, kept] * spread, (X_test @ X.T) @ (vectors[:, kept] / spread)
