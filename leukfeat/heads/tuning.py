"""Choosing among candidates by the scores of held-out subjects."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from .candidate_scores import candidate_scores
from .preparation import few_blas_threads

__all__ = ["SCORINGS", "Tuned", "grid_of", "score_rows", "tune"]

SCORINGS = ("balanced_accuracy", "accuracy", "roc_auc")
"""What candidates can be chosen by."""


@dataclasses.dataclass(frozen=True, eq=False)
class Tuned:
    """The best candidate, and what it says of rows that it has not seen.

    Parameters
    ----------
    best_params : dict
        Parameters of the pipeline.
    cv_results : dict of str to array
        As in scikit-learn's searches, with ``pooled_test_score`` over all held-out rows.
    scores : ndarray of shape (n_rows, n_classes)
        Out-of-fold scores of the best candidate; NaN where a row was in no test side.
    fold : ndarray of int64 of shape (n_rows,)
        The fold in which a row was held out; -1 where in none.
    """

    best_params: dict[str, Any]
    cv_results: dict[str, Any]
    scores: np.ndarray
    fold: np.ndarray


def grid_of(pipeline: Pipeline, space: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Spell out every combination of a search space.

    Parameters
    ----------
    pipeline : Pipeline
        Whose parameters they are.
    space : mapping of str to sequence
        Values to try. A name without ``__`` is a parameter of the last step.

    Returns
    -------
    list of dict
        Parameters of the pipeline.

    Raises
    ------
    ValueError
        If a name is no parameter of the pipeline; the message lists those of the last step.
    """
    known, last = pipeline.get_params(), pipeline.steps[-1][0]
    named = {}
    for name, values in space.items():
        full = name if name in known or "__" in name else f"{last}__{name}"
        if full not in known:
            own = sorted(pipeline.steps[-1][1].get_params())
            raise ValueError(
                f"'param_grid' names {name!r}, which is no parameter of this head. "
                f"Those of its last step are {own}."
            )
        named[full] = values
    return list(ParameterGrid(named))


def tune(
    pipeline: Pipeline,
    candidates: Sequence[dict[str, Any]],
    X: np.ndarray,
    y: np.ndarray,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    classes: np.ndarray,
    shift: np.ndarray,
    scoring: str = "balanced_accuracy",
    n_jobs: int | None = None,
) -> Tuned:
    """Score every candidate on held-out rows and keep the best.

    Candidates that share their preparing steps share their fit; those of an RBF SVM share kernel
    matrices. A candidate's score is computed once over all held-out rows, since a fold may lack a
    class; of equals the first in `candidates` is kept.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted.
    candidates : sequence of dict
        Parameters of `pipeline`.
    X : ndarray of shape (n_rows, n_features)
        Training rows.
    y : ndarray of int of shape (n_rows,)
        Class of each row, an index into `classes`.
    splits : sequence of (train, test)
        Rows of each side; a row is held out at most once.
    classes : ndarray of shape (n_classes,)
        The labels on which the pipeline is fit.
    shift : ndarray of shape (n_classes,)
        Added to the scores before a class is chosen; zeros where the classifier itself knows the
        class weights.
    scoring : {"balanced_accuracy", "accuracy", "roc_auc"}, default="balanced_accuracy"
        What the best candidate has most of.
    n_jobs : int, optional
        Folds fit at the same time; joblib's parallel backend and its defaults apply.

    Returns
    -------
    Tuned
    """
    per_fold = Parallel(n_jobs=n_jobs)(
        # In a tuple: joblib would put bare arrays on one worker of Dask, where they are lost with it.
        delayed(_fold_scores)(pipeline, candidates, (X, classes[y], train, test))
        for train, test in splits
    )
    fold = np.full(len(y), -1, np.int64)
    scores = np.full((len(candidates), len(y), len(classes)), np.nan)
    for number, ((_, test), of_fold) in enumerate(zip(splits, per_fold, strict=True)):
        fold[test] = number
        for i, of_candidate in enumerate(of_fold):
            scores[i, test] = of_candidate
    results = _results(candidates, scores + shift, y, fold, scoring)
    best = int(np.argmax(results["pooled_test_score"]))
    return Tuned(dict(candidates[best]), results, scores[best], fold)


def _fold_scores(
    pipeline: Pipeline,
    candidates: Sequence[dict[str, Any]],
    data: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> list[np.ndarray]:
    """Return the scores of the held-out rows, one array a candidate."""
    X, labels, train, test = data
    last, n_classes = pipeline.steps[-1][0] + "__", len(np.unique(labels))
    scores: list[Any] = [None] * len(candidates)
    shared: dict[str, list[int]] = {}
    for i, candidate in enumerate(candidates):
        preparing = {k: v for k, v in sorted(candidate.items()) if not k.startswith(last)}
        shared.setdefault(repr(preparing), []).append(i)
    for members in shared.values():
        preparing = {k: v for k, v in candidates[members[0]].items() if not k.startswith(last)}
        steps = clone(pipeline).set_params(**preparing)
        Z, Z_test = X[train], X[test]
        if len(steps) > 1:
            Z = steps[:-1].fit_transform(Z, labels[train])
            Z_test = steps[:-1].transform(Z_test)
        own = [
            {k.removeprefix(last): v for k, v in candidates[i].items() if k.startswith(last)}
            for i in members
        ]
        with few_blas_threads(steps[-1], Z.size * n_classes):
            found = candidate_scores(steps[-1], Z, labels[train], Z_test, own)
        for i, of_candidate in zip(members, found, strict=True):
            scores[i] = of_candidate
    return scores


def _results(
    candidates: Sequence[dict[str, Any]],
    scores: np.ndarray,
    y: np.ndarray,
    fold: np.ndarray,
    scoring: str,
) -> dict[str, Any]:
    """Return the table of a search."""
    folds = range(int(fold.max()) + 1)
    table = np.array(
        [[score_rows(s[fold == k], y[fold == k], scoring) for k in folds] for s in scores]
    )
    held_out = fold >= 0
    pooled = np.array([score_rows(s[held_out], y[held_out], scoring) for s in scores])
    results: dict[str, Any] = {"params": [dict(candidate) for candidate in candidates]}
    for name in sorted({name for candidate in candidates for name in candidate}):
        values = np.empty(len(candidates), object)
        values[:] = [candidate.get(name) for candidate in candidates]
        results[f"param_{name}"] = values
    for k in folds:
        results[f"split{k}_test_score"] = table[:, k]
    results["mean_test_score"] = table.mean(1)
    results["std_test_score"] = np.where(np.isfinite(table).all(1), 0.0, np.nan)
    finite = np.isfinite(table).all(1)
    results["std_test_score"][finite] = table[finite].std(1)
    results["pooled_test_score"] = pooled
    results["rank_test_score"] = 1 + (pooled[None, :] > pooled[:, None]).sum(1)
    return results


def score_rows(scores: np.ndarray, y: np.ndarray, scoring: str) -> float:
    """Return one figure for rows that may lack a class.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_classes)
        The class with the largest is chosen.
    y : ndarray of int of shape (n_rows,)
        Class of each row.
    scoring : {"balanced_accuracy", "accuracy", "roc_auc"}
        Which figure.

    Returns
    -------
    float
    """
    if np.isnan(scores).any():
        return -np.inf  # a candidate that cannot be fit on so few rows
    present = np.unique(y)
    if scoring == "roc_auc":
        # A class against the rest, averaged over the classes that can be ranked.
        able = [k for k in present if len(present) > 1 and (len(present) > 2 or k == present[-1])]
        areas = [roc_auc_score(y == k, scores[:, k] - _others(scores, k)) for k in able]
        return float(np.mean(areas)) if areas else float("nan")
    right = scores.argmax(1) == y
    if scoring == "accuracy":
        return float(right.mean())
    return float(np.mean([right[y == k].mean() for k in present]))


def _others(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the largest score among the other classes."""
    return np.delete(scores, k, axis=1).max(1)
