"""Steps that select or reduce features, put before a head by name: ``"pca150+svm"``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel, SelectKBest, VarianceThreshold
from sklearn.kernel_approximation import Nystroem
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["SELECTORS", "bound_sizes", "put_selector_before", "split_name"]

SELECTORS = {
    "pca": ("n_components", (50, 150)),
    "anova": ("k", (100, 400)),
    "forest": ("max_features", (200,)),
}
"""Each selector's parameter for the number of features kept, and the numbers tried."""

_NAME = re.compile(rf"({'|'.join(SELECTORS)})(\d*)\+(.+)")


def split_name(name: str) -> tuple[str, int | None, str] | None:
    """Take apart the name of a head with a selector before it.

    Parameters
    ----------
    name : str
        Such as ``"pca+svm"`` or ``"anova100+naive_bayes"``.

    Returns
    -------
    (selector, number or None, head), or None
        ``None`` if the name has no selector in it.

    Examples
    --------
    >>> split_name("pca150+svm")
    ('pca', 150, 'svm')
    >>> split_name("svm") is None
    True
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    selector, number, head = found.groups()
    return selector, int(number) if number else None, head


def put_selector_before(
    pipeline: Pipeline, space: dict[str, Sequence[Any]], selector: str, number: int | None
) -> tuple[Pipeline, dict[str, Sequence[Any]]]:
    """Put a selector after the scaler of a head, and its size into the search space.

    Every other step of the head then works on the features that were kept.

    What is selected is learnt with the head, so inside every fold.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted head.
    space : dict
        Its search space.
    selector : {"pca", "anova", "forest"}
        Principal components; the largest F statistics of an analysis of variance; the largest
        importances in a random forest.
    number : int or None
        How many features to keep; ``None`` tries those of `SELECTORS`.

    Returns
    -------
    pipeline : Pipeline
    space : dict
    """
    size, tried = SELECTORS[selector]
    if number == 0:
        raise ValueError(
            f"A selector must keep one feature or more. Got '{selector}0+' before a head; give a "
            f"number from 1, or none ('{selector}+') to try {tried}."
        )
    steps = list(pipeline.steps[:-1])
    scaled = [i for i, (_, step) in enumerate(steps) if isinstance(step, StandardScaler)]
    # A kernel map, say, is fit on what is selected, and not selected from.
    after = scaled[0] + 1 if scaled else 0
    steps, later = steps[:after], steps[after:]
    if selector != "forest" and not scaled:
        steps.append(("scaler", StandardScaler()))
    first = tried[0] if number is None else number
    if selector == "pca":
        steps.append(("selector", PCA(first)))
    elif selector == "anova":
        # A constant feature has no F statistic.
        steps += [("varying", VarianceThreshold()), ("selector", SelectKBest(k=first))]
    else:
        forest = RandomForestClassifier(100, class_weight="balanced")
        steps.append(
            ("selector", SelectFromModel(forest, max_features=first, threshold=float("-inf")))
        )
    last = pipeline.steps[-1]
    named = {name if "__" in name else f"{last[0]}__{name}": v for name, v in space.items()}
    if number is None:
        named[f"selector__{size}"] = list(tried)
    return Pipeline([*steps, *later, last]), named


def bound_sizes(
    pipeline: Pipeline, candidates: Sequence[dict[str, Any]], n_rows: int, n_features: int
) -> list[dict[str, Any]]:
    """Bring sizes down to what small data have, and drop candidates thus repeated.

    Parameters
    ----------
    pipeline : Pipeline
        Its own number is brought down in place.
    candidates : sequence of dict
        Parameters of `pipeline`.
    n_rows : int
        Smallest number of rows that it will be fit on.
    n_features : int
        Number of features.

    Returns
    -------
    list of dict
    """
    kernel = pipeline.named_steps.get("kernel")
    if isinstance(kernel, Nystroem) and kernel.n_components > n_rows:
        kernel.set_params(n_components=n_rows)
    last = pipeline.steps[-1][1]
    if isinstance(last, MLPClassifier) and isinstance(last.batch_size, int):
        last.set_params(batch_size=min(last.batch_size, n_rows))
    selector = pipeline.named_steps.get("selector")
    if isinstance(kernel, Nystroem) and isinstance(selector, PCA) and kernel.gamma is None:
        # Components share the variance of all the scaled features: the kernel stays as wide as
        # on these, where 1 / components would make every cell its own neighbour.
        kernel.set_params(gamma=1 / n_features)
    size = {PCA: "n_components", SelectKBest: "k", SelectFromModel: "max_features"}.get(
        type(selector)
    )
    if selector is None or size is None:
        return list(candidates)
    most = min(n_features, n_rows) if isinstance(selector, PCA) else n_features
    own = getattr(selector, size)
    if isinstance(own, int) and own > most:
        selector.set_params(**{size: most})
    bounded: list[dict[str, Any]] = []
    for candidate in candidates:
        given = candidate.get(f"selector__{size}")
        if isinstance(given, int) and given > most:
            candidate = {**candidate, f"selector__{size}": most}
        if candidate not in bounded:
            bounded.append(candidate)
    return bounded
