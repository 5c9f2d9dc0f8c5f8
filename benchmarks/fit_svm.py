"""`fit_head("svm")` against `GridSearchCV(SVC)` with the same candidates and folds.

    python benchmarks/fit_svm.py [--rows 8500] [--features 2048] [--folds 5] [--skip-grid-search]

Draws cells of 73 subjects whose features overlap, fits, and applies to 2,161 further rows. Time is
given on the clock and in seconds of processor, which another user's load changes less. With
LEUKFEAT_ONEDAL=0 in the environment oneDAL is not used; an RBF SVM on so many rows does not need it.
"""

import argparse
import time

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from leukfeat import fit_head
from leukfeat.heads import as_stock_svc
from leukfeat.splitting import SubjectKFold


def draw(n_rows, n_features, n_subjects=73, seed=0):
    """Non-negative features of two overlapping classes, with a shift a subject."""
    rng = np.random.default_rng(seed)
    label = (np.arange(n_subjects) >= 26).astype(int)
    subject = rng.integers(0, n_subjects, n_rows)
    hidden = rng.normal(size=(n_rows, 60)) + 0.5 * rng.normal(size=(n_subjects, 60))[subject]
    hidden[:, :2] += 1.3 * label[subject][:, None]
    X = hidden @ (rng.normal(size=(60, n_features)) / 8)
    X += 0.5 * rng.normal(size=X.shape)
    return np.maximum(X, 0).astype(np.float32), label[subject], subject


def timed(call):
    clock, processor = time.perf_counter(), time.process_time()
    found = call()
    return found, time.perf_counter() - clock, time.process_time() - processor


def measure(n_rows, n_features, n_folds, *, grid_search=True):
    """Yield ``(what, seconds, seconds of processor, best score or None)``, then what agrees."""
    X, y, subject = draw(n_rows + 2161, n_features)
    new, X, y, subject = X[n_rows:], X[:n_rows], y[:n_rows], subject[:n_rows]
    folds = list(SubjectKFold(n_folds).split(X, y, subject))
    head, *took = timed(lambda: fit_head(X, y, "svm", groups=subject, cv=folds))
    yield "fit_head", *took, head.cv_results_["mean_test_score"].max()
    _, *took = timed(lambda: head.predict_proba(new))
    yield "apply, 2,161 rows", *took, None
    scaler, svc = head.estimator_
    stock = Pipeline([("scaler", scaler), ("classifier", as_stock_svc(svc))])
    values, *took = timed(lambda: stock.decision_function(new))
    error = np.abs(values - head.estimator_.decision_function(new)).max()
    yield f"apply, stock SVC (values within {error:.1e})", *took, None
    if grid_search:
        pipeline = Pipeline([("s", StandardScaler()), ("c", SVC(class_weight="balanced"))])
        grid = {"c__C": [1.0, 10.0, 100.0], "c__gamma": [g / n_features for g in (1.0, 0.3, 0.1)]}
        search = GridSearchCV(pipeline, grid, cv=folds, scoring="balanced_accuracy")
        search, *took = timed(lambda: search.fit(X, y))
        yield "GridSearchCV", *took, search.best_score_


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8500)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--skip-grid-search", action="store_true")
    given = parser.parse_args()
    print(f"{given.rows} x {given.features}, 9 candidates, {given.folds} folds")
    print("| what | s | s of processor | best mean score |\n|---|---|---|---|", flush=True)
    found = []
    for what, clock, processor, score in measure(
        given.rows, given.features, given.folds, grid_search=not given.skip_grid_search
    ):
        found.append((clock, processor, score))
        best = "" if score is None else f"{score:.4f}"
        print(f"| {what} | {clock:.2f} | {processor:.2f} | {best} |", flush=True)
    fit, ours, stock, *search = found
    print(f"apply: {stock[0] / ours[0]:.0f}x ({stock[1] / ours[1]:.0f}x of processor)")
    for clock, processor, score in search:
        print(
            f"fit: {clock / fit[0]:.0f}x ({processor / fit[1]:.0f}x of processor), best scores "
            f"{abs(score - fit[2]):.1e} apart"
        )


if __name__ == "__main__":
    main()
