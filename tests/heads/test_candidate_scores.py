import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from leukfeat.heads import RbfSVC
from leukfeat.heads import candidate_scores as module
from leukfeat.heads.candidate_scores import candidate_scores
from leukfeat.heads.natural_scores import natural_scores


@pytest.fixture(params=[2, 3])
def problem(request):
    X, y = make_classification(
        180, 30, n_informative=8, n_classes=request.param, random_state=1, flip_y=0.1
    )
    return X[:120], y[:120], X[120:]


def test_shared_kernel_matrices_give_what_single_fits_give(problem):
    X, y, new = problem
    grid = [
        {"C": C, "gamma_factor": g, "class_weight": w}
        for C in (100.0, 1.0, 1000.0)
        for g in (1.0, 0.2)
        for w in (None, "balanced")
    ]
    shared = candidate_scores(RbfSVC(), X, y, new, grid)
    for candidate, scores in zip(grid, shared, strict=True):
        alone = RbfSVC(**candidate).fit(X, y)
        assert scores.shape == (60, len(set(y)))
        np.testing.assert_allclose(scores, natural_scores(alone, new), atol=1e-6)
        gamma = alone._gamma
        stock = SVC(C=candidate["C"], gamma=gamma, class_weight=candidate["class_weight"])
        np.testing.assert_allclose(scores, natural_scores(stock.fit(X, y), new), atol=1e-6)


def test_a_larger_C_is_not_solved_again_when_no_multiplier_was_bound(problem, monkeypatch):
    X, y, new = problem
    solved = []
    solve = module.solve_on_gram
    monkeypatch.setattr(
        module, "solve_on_gram", lambda svc, *args: solved.append(svc.C) or solve(svc, *args)
    )
    candidate_scores(RbfSVC(gamma_factor=5.0), X, y, new, [{"C": 1e5}, {"C": 1e4}, {"C": 0.01}])
    assert solved == [0.01, 1e4]


def test_warm_starts_end_where_cold_ones_do(problem):
    X, y, new = problem
    model = LogisticRegression(tol=1e-8, max_iter=5000)
    grid = [{"C": C} for C in (1.0, 0.01, 0.1)]
    for candidate, scores in zip(grid, candidate_scores(model, X, y, new, grid), strict=True):
        alone = LogisticRegression(tol=1e-8, max_iter=5000, **candidate).fit(X, y)
        np.testing.assert_allclose(scores, natural_scores(alone, new), atol=1e-4)


def test_neighbours_weighed_by_a_function_of_ones_own_are_fit_one_by_one(problem):
    X, y, new = problem
    knn = KNeighborsClassifier(weights=lambda distances: np.exp(-distances))
    grid = [{"n_neighbors": 3}, {"n_neighbors": 9}]
    for candidate, scores in zip(grid, candidate_scores(knn, X, y, new, grid), strict=True):
        alone = clone(knn).set_params(**candidate).fit(X, y)
        np.testing.assert_allclose(scores, natural_scores(alone, new))
