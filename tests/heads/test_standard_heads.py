import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest
from sklearn.neighbors import KNeighborsClassifier

from leukfeat import fit_head
from leukfeat.heads import registered_heads
from leukfeat.heads.candidate_scores import candidate_scores
from leukfeat.heads.natural_scores import natural_scores
from leukfeat.heads.registry import build_head

from .conftest import make_features

SMALL = {
    "random_forest": {"n_estimators": [20]},
    "adaboost": {"n_estimators": [20]},
    "gradient_boosting": {"max_iter": [10]},
    "mlp": {"hidden_layer_sizes": [(8,)]},
}


@pytest.mark.parametrize("name", registered_heads())
def test_every_head_learns(name):
    train, test = make_features(gap=3), make_features(gap=3, seed=1)
    head = fit_head(train, name, cv=3, param_grid=SMALL.get(name))
    assert head.score(test) > 0.8
    assert np.isfinite(head.predict_proba(test)).all()


def test_boosted_trees_weigh_the_decision_and_not_the_rows():
    """With weights scikit-learn sorts each column for each edge of a bin."""
    features = make_features(gap=1, per_subject=20)
    rare = (features.y == 0) | (np.arange(len(features)) % 5 == 0)
    train, test = features[rare], make_features(gap=1, seed=1)
    few = {"max_iter": [20]}
    head = fit_head(train, "gradient_boosting", cv=3, threshold="balanced", param_grid=few)
    assert head.estimator_[-1].class_weight is None
    assert np.bincount(head.predict(test)).min() > len(test) / 5
    own = HistGradientBoostingClassifier(max_iter=5, class_weight={0: 1, 1: 4})
    assert fit_head(train, own, cv=3).estimator_[-1].class_weight == {0: 1, 1: 4}


def test_names_of_the_issue_are_all_there():
    assert set(registered_heads()) >= {
        "svm",
        "linear_svm",
        "random_forest",
        "logistic_regression",
        "knn",
        "gradient_boosting",
        "naive_bayes",
        "adaboost",
        "mlp",
    }


@pytest.mark.parametrize(
    ("name", "kind", "size"),
    [
        ("pca3+svm", PCA, "n_components"),
        ("anova3+naive_bayes", SelectKBest, "k"),
        ("forest3+svm", SelectFromModel, "max_features"),
    ],
)
def test_a_selector_stands_in_the_pipeline(name, kind, size):
    features = make_features(gap=3)
    head = fit_head(features, name, cv=2, param_grid={})
    selector = head.estimator_.named_steps["selector"]
    assert isinstance(selector, kind)
    assert getattr(selector, size) == 3
    assert head.estimator_[-1].n_features_in_ == 3
    assert head.score(make_features(gap=3, seed=1)) > 0.8


def test_without_a_number_several_are_tried_and_small_data_bring_them_down():
    pipeline, space = build_head("pca+svm")
    assert space["selector__n_components"] == [50, 150]
    assert set(space) == {"classifier__C", "classifier__gamma_factor", "selector__n_components"}
    head = fit_head(make_features(gap=3), "pca+logistic_regression", cv=3)
    assert set(pd.DataFrame(head.cv_results_)["param_selector__n_components"]) == {6}
    assert len(head.cv_results_["params"]) == 3
    assert pipeline.named_steps["selector"].n_components == 50


def test_selection_happens_inside_the_fold():
    """Choosing noise features on all rows makes them look useful; inside the fold it cannot."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3000)), np.repeat([0, 1], 40)
    head = fit_head(X, y, "anova20+logistic_regression")
    assert head.cv_results_["pooled_test_score"].max() < 0.65


@pytest.mark.parametrize("name", ["pca5+nystroem", "anova5+nystroem", "forest5+nystroem"])
def test_a_kernel_map_is_fit_on_what_is_selected(name):
    features, new = (make_features(n_subjects=30, gap=3, seed=seed) for seed in (0, 1))
    noise = np.random.default_rng(0).normal(size=(2, len(features), 14))
    X, other = np.hstack([features.X, noise[0]]), np.hstack([new.X, noise[1]])
    head = fit_head(X, features.y, name, groups=features.subjects, tune=False)
    steps = list(head.estimator_.named_steps)
    assert steps.index("scaler") < steps.index("selector") < steps.index("kernel")
    assert head.estimator_["kernel"].n_features_in_ == 5
    assert head.score(other, new.y) > 0.85


@pytest.mark.parametrize("name", ["pca50+naive_bayes", "pca+logistic_regression", "nystroem"])
def test_a_subject_with_most_cells_leaves_few_to_fit_on(name):
    rng = np.random.default_rng(0)
    subjects = np.concatenate([np.repeat("S0", 100), np.repeat([f"S{i}" for i in range(1, 9)], 4)])
    y = np.where(subjects == "S0", np.arange(len(subjects)) % 2, 0)
    y[100:] = np.repeat(np.arange(8) % 2, 4)
    X = rng.normal(size=(len(y), 60)) + 2 * y[:, None]
    head = fit_head(X, y, name, groups=subjects, cv=4)
    assert head.score(X, y) > 0.9


def test_a_selector_of_nothing_is_refused():
    with pytest.raises(ValueError, match=r"one feature or more. Got 'pca0\+'"):
        build_head("pca0+knn")


def test_constant_features_do_not_disturb_anova():
    features = make_features(gap=3)
    X = np.column_stack([features.X, np.zeros((len(features), 2))])
    head = fit_head(X, features.y, "anova4+svm", groups=features.subjects, cv=3)
    assert head.score(X, features.y) > 0.8


def test_unknown_head_after_a_selector():
    with pytest.raises(ValueError, match=r"'pca' or 'anova' or 'forest' before it.*Got 'pca\+svn'"):
        build_head("pca+svn")


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_neighbours_are_searched_once_for_all_candidates(weights):
    features, new = make_features(3), make_features(3, seed=1)
    model = KNeighborsClassifier(weights=weights)
    grid = [{"n_neighbors": k} for k in (9, 1, 5)]
    X_test = np.vstack([new.X, features.X[:5]])  # some rows lie exactly on training rows
    shared = candidate_scores(model, features.X, features.y, X_test, grid)
    for candidate, scores in zip(grid, shared, strict=True):
        alone = KNeighborsClassifier(weights=weights, **candidate).fit(features.X, features.y)
        np.testing.assert_allclose(scores, natural_scores(alone, X_test), atol=1e-5)


def test_more_neighbours_than_rows_is_no_candidate():
    features = make_features(n_subjects=4, per_subject=5, gap=3)
    head = fit_head(features, "knn", cv=2)
    assert head.best_params_["classifier__n_neighbors"] == 5
    assert np.isneginf(head.cv_results_["pooled_test_score"][1:]).all()
