"""The unfitted head of a variant: selection, scaling, classifier, search space."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest, f_classif
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from leukfeat.heads import Head
from leukfeat.heads.registry import build_head, registered_heads
from leukfeat.recipes.steps import HeadStep

__all__ = ["make_estimator", "make_selector"]


def make_estimator(
    name: str,
    step: HeadStep,
    *,
    selection: str = "none",
    n_features: int = 256,
    shape: tuple[int, int],
    split: str = "group",
    controls: bool = True,
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Head:
    """Return the unfitted head of a variant.

    Parameters
    ----------
    name : str
        A registered head, one of the classifiers that recipes bring, or ``"voting"``.
    step : HeadStep
        Members of a vote, and whether to tune.
    selection : str, default="none"
        Of `SELECTIONS`; done inside the pipeline, so inside every fold.
    n_features : int, default=256
        How many features are kept.
    shape : tuple of int
        Rows and columns that it will be fit on, at least.
    split : {"group", "random"}, default="group"
        How the inner folds are divided.
    controls : bool, default=True
        Whether control heads are fit too.
    random_state : int, default=0
    n_jobs : int, optional

    Returns
    -------
    Head
    """
    pipeline, space = _voting(step) if name == "voting" else _named(name)
    steps = list(make_selector(selection, n_features, shape))
    if steps:
        pipeline = Pipeline([*steps, *pipeline.steps])
    return Head(
        pipeline,
        param_grid=dict(space),
        tune=step.tune and bool(space),
        split=split,
        controls=controls,
        random_state=random_state,
        n_jobs=n_jobs,
    )


def make_selector(
    selection: str, n_features: int, shape: tuple[int, int]
) -> list[tuple[str, BaseEstimator]]:
    """Return the pipeline steps that reduce the features.

    Parameters
    ----------
    selection : str
        Of `SELECTIONS`.
    n_features : int
        How many are kept, at most half of the rows for principal components.
    shape : tuple of int
        Rows and columns of the training side.

    Returns
    -------
    list of (str, transformer)
    """
    rows, columns = shape
    kept = min(n_features, columns)
    if selection == "none" or columns <= 1:
        return []
    if selection == "anova":
        return [("anova", SelectKBest(f_classif, k=kept))]
    if selection == "pca":
        components = max(1, min(kept, rows // 2))
        return [("pca_scaler", StandardScaler()), ("pca", PCA(components, random_state=0))]
    forest = RandomForestClassifier(100, class_weight="balanced", random_state=0)
    return [("importance", SelectFromModel(forest, max_features=kept, threshold=-float("inf")))]


def _named(name: str) -> tuple[Pipeline, Any]:
    if name in registered_heads():
        return build_head(name)
    if name not in _CLASSIFIERS:
        known = sorted({*registered_heads(), *_CLASSIFIERS, "voting"})
        raise ValueError(f"'head.names' of the recipe must be among {known}. Got {name!r} instead.")
    classifier, space, scaled = _CLASSIFIERS[name]
    steps: list[tuple[str, Any]] = [("scaler", StandardScaler())] if scaled else []
    return Pipeline([*steps, ("classifier", clone(classifier))]), space


def _voting(step: HeadStep) -> tuple[Pipeline, Any]:
    members = [(name, _with_probabilities(_named(name)[0])) for name in step.members]
    return Pipeline([("classifier", VotingClassifier(members, voting="soft"))]), {}


def _with_probabilities(pipeline: Pipeline) -> Any:
    if hasattr(pipeline[-1], "predict_proba"):
        return pipeline
    # A support vector machine has none: a sigmoid of held-out decision values stands for them.
    return CalibratedClassifierCV(pipeline, cv=3, ensemble=False)


_CLASSIFIERS: dict[str, tuple[BaseEstimator, dict[str, list[Any]], bool]] = {
    "decision_tree": (
        DecisionTreeClassifier(class_weight="balanced"),
        {"max_depth": [3, 6, None]},
        False,
    ),
    "naive_bayes": (GaussianNB(), {"var_smoothing": [1e-9, 1e-3]}, True),
    "adaboost": (AdaBoostClassifier(n_estimators=100), {}, False),
    "knn": (KNeighborsClassifier(), {"n_neighbors": [5, 15]}, True),
    "mlp": (
        MLPClassifier((64,), early_stopping=False, max_iter=200, tol=1e-3),
        {"alpha": [1e-3, 1e-1]},
        True,
    ),
    "dense_network": (
        MLPClassifier((128, 64, 32), max_iter=300, tol=1e-4),
        {"alpha": [1e-3, 1e-1]},
        True,
    ),
}
"""Classifiers that published systems use and the registry does not have: with search space, and
whether their features are scaled."""
