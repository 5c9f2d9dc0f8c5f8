"""The unfitted head of a variant: selection, scaling, classifier, search space."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from leukfeat.heads import Ensemble, Head
from leukfeat.heads.preparation import seed_steps
from leukfeat.heads.registry import build_head, registered_heads
from leukfeat.heads.selection import put_selector_before
from leukfeat.recipes.steps import HeadStep

__all__ = ["check_heads", "make_estimator", "selector_steps"]


def check_heads(step: HeadStep) -> None:
    """Refuse a name that no head has, before anything is extracted.

    Parameters
    ----------
    step : HeadStep

    Raises
    ------
    ValueError
        If a head or a member of a vote is not known.
    """
    for key, names, more in (
        ("head.names", step.names, ["voting"]),
        ("head.members", step.members, []),
    ):
        known = sorted({*registered_heads(), *_CLASSIFIERS, *more})
        for name in names:
            if name not in known:
                raise ValueError(
                    f"{key!r} of the recipe must be among {known}. Got {name!r} instead."
                )


def make_estimator(
    name: str,
    step: HeadStep,
    *,
    selection: str = "none",
    n_features: int = 256,
    split: str = "group",
    random_state: int = 0,
    n_jobs: int | None = None,
) -> Head | Ensemble:
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
    split : {"group", "random"}, default="group"
        How the inner folds are divided.
    random_state : int, default=0
    n_jobs : int, optional

    Returns
    -------
    Head or Ensemble
        A vote is the mean of the members' calibrated probabilities.
    """
    names = step.members if name == "voting" else (name,)
    heads = [
        _head(
            one,
            tune=step.tune,
            selection=selection,
            n_features=n_features,
            split=split,
            random_state=random_state,
            n_jobs=n_jobs,
        )
        for one in names
    ]
    if name != "voting":
        return heads[0]
    return Ensemble(
        heads,
        strategy="soft_vote",
        tune=step.tune,
        split=split,
        random_state=random_state,
        n_jobs=n_jobs,
    )


def _head(name: str, *, tune: bool, selection: str, n_features: int, **settings: Any) -> Head:
    pipeline, space = _named(name)
    if selection != "none":
        pipeline, space = put_selector_before(pipeline, space, _SELECTORS[selection], n_features)
    return Head(pipeline, param_grid=dict(space), tune=tune and bool(space), **settings)


def selector_steps(
    selection: str, n_features: int, shape: tuple[int, int], random_state: int = 0
) -> list[Any]:
    """Return the steps of a selection by themselves, for selecting before a split.

    Parameters
    ----------
    selection : str
        Of `SELECTIONS`, but not ``"none"``.
    n_features : int
        How many features are kept, as far as there are so many.
    shape : tuple of int
        Rows and columns that they will be fit on.
    random_state : int, default=0
        Seed of the forest, and of components that are drawn.

    Returns
    -------
    list of (str, transformer)
    """
    kept = min(n_features, *(shape if selection == "pca" else shape[1:]))
    empty = Pipeline([("classifier", GaussianNB())])
    pipeline, _ = put_selector_before(empty, {}, _SELECTORS[selection], kept)
    seed_steps(pipeline, random_state)
    return pipeline.steps[:-1]


def _named(name: str) -> tuple[Pipeline, Any]:
    if name in registered_heads():
        return build_head(name)
    classifier, space, scaled = _CLASSIFIERS[name]
    steps: list[tuple[str, Any]] = [("scaler", StandardScaler())] if scaled else []
    return Pipeline([*steps, ("classifier", clone(classifier))]), space


_SELECTORS = {"anova": "anova", "pca": "pca", "random_forest": "forest"}
"""The selections of recipes, and what the heads call them."""

_CLASSIFIERS: dict[str, tuple[BaseEstimator, dict[str, list[Any]], bool]] = {
    "decision_tree": (
        DecisionTreeClassifier(class_weight="balanced"),
        {"max_depth": [3, 6, None]},
        False,
    ),
    "dense_network": (
        MLPClassifier((128, 64, 32), max_iter=300, tol=1e-4),
        {"alpha": [1e-3, 1e-1]},
        True,
    ),
}
"""Classifiers that published systems use and the registry does not have: with search space, and
whether their features are scaled."""
