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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=8500)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--skip-grid-search", action="store_true")
    given = parser.parse_args()
    X, y, subject = draw(given.rows + 2161, given.features)
    new, X, y, subject = X[given.rows :], X[: given.rows], y[: given.rows], subject[: given.rows]
    folds = list(SubjectKFold(given.folds).split(X, y, subject))

    head, clock, processor = timed(lambda: fit_head(X, y, "svm", groups=subject, cv=folds))
    best = head.cv_results_["mean_test_score"].max()
    n = len(head.cv_results_["params"])
    print(f"{given.rows} x {given.features}, {n} candidates, {given.folds} folds", flush=True)
    print("| what | s | s of processor | best mean score |\n|---|---|---|---|")
    print(f"| fit_head | {clock:.1f} | {processor:.1f} | {best:.4f} |", flush=True)
    values, apply_clock, apply_processor = timed(lambda: head.predict_proba(new))
    print(f"| apply, 2,161 rows | {apply_clock:.2f} | {apply_processor:.2f} | |", flush=True)

    scaler, svc = head.estimator_
    stock = Pipeline([("scaler", scaler), ("classifier", as_stock_svc(svc))])
    values, stock_clock, stock_processor = timed(lambda: stock.decision_function(new))
    print(f"| apply, stock SVC | {stock_clock:.2f} | {stock_processor:.2f} | |", flush=True)
    error = np.abs(values - head.estimator_.decision_function(new)).max()
    print(
        f"apply: {stock_clock / apply_clock:.0f}x ({stock_processor / apply_processor:.0f}x of "
        f"processor), decision values within {error:.1e}",
        flush=True,
    )
    if given.skip_grid_search:
        return

    pipeline = Pipeline([("s", StandardScaler()), ("c", SVC(class_weight="balanced"))])
    grid = {"c__C": [1.0, 10.0, 100.0], "c__gamma": [g / given.features for g in (1.0, 0.3, 0.1)]}
    search = GridSearchCV(pipeline, grid, cv=folds, scoring="balanced_accuracy")
    search, grid_clock, grid_processor = timed(lambda: search.fit(X, y))
    print(f"| GridSearchCV | {grid_clock:.1f} | {grid_processor:.1f} | {search.best_score_:.4f} |")
    print(
        f"fit: {grid_clock / clock:.0f}x ({grid_processor / processor:.0f}x of processor), "
        f"best scores {abs(search.best_score_ - best):.1e} apart"
    )


if __name__ == "__main__":
    main()
