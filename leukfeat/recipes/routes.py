"""How each kind of recipe gets from cells to a classifier, one route a variant."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from leukfeat.cnn import fine_tune_backbone, fit_cnn, read_cells
from leukfeat.data import CellDataset
from leukfeat.features import FeatureSet
from leukfeat.features.backbones import find_backbone
from leukfeat.features.handcrafted.spec import version_of
from leukfeat.features.weights import find_weights
from leukfeat.recipes.circumstances import training_facts
from leukfeat.recipes.estimators import make_estimator, selector_steps
from leukfeat.recipes.extracting import extract_columns, extract_deep
from leukfeat.recipes.habits import selected_before_split
from leukfeat.recipes.route import Fitted, Route, RunSettings
from leukfeat.recipes.schema import Recipe
from leukfeat.recipes.standardised_rows import StandardisedRows
from leukfeat.recipes.standardising import channel_moments

__all__ = ["make_routes"]


def make_routes(
    recipe: Recipe, data: Any, settings: RunSettings, *, habits: Collection[str] = ()
) -> Iterator[Route]:
    """Yield the routes of a recipe, features of one backbone after the other.

    Parameters
    ----------
    recipe : Recipe
    data : CellDataset or FeatureSet
        Cells; a matrix for ``kind="matrix"``.
    settings : RunSettings
    habits : collection of str, default=()
        Mistakes of `HABITS` to make; of these ``"select_before_split"`` and
        ``"standardise_before_split"`` are made here.

    Yields
    ------
    Route
    """
    select_before_split = "select_before_split" in habits
    if recipe.kind == "cnn":
        yield _cnn_route(recipe, data, settings)
    elif recipe.kind == "matrix":
        yield from _head_routes(recipe, data, "", 0.0, settings, select_before_split)
    elif recipe.features is not None and recipe.features.standardises:
        yield from _standardised_routes(recipe, data, settings, habits)
    elif recipe.kind == "features":
        for backbone in recipe.features.backbones or ("",):  # type: ignore[union-attr]
            if not _named(recipe, settings, backbone):
                continue
            started = time.perf_counter()
            features = extract_columns(recipe, data, backbone, settings)
            seconds = time.perf_counter() - started
            yield from _head_routes(
                recipe, features, backbone, seconds, settings, select_before_split
            )
    else:
        yield from _tuned_routes(recipe, data, settings)


def _head_routes(
    recipe: Recipe,
    features: FeatureSet,
    backbone: str,
    seconds: float,
    settings: RunSettings,
    select_before_split: bool,
) -> Iterator[Route]:
    assert recipe.head is not None
    selected: dict[str, FeatureSet] = {}
    for name, method, head in _named(recipe, settings, backbone):
        given, inside = features, method
        chosen: tuple[str, ...] = ()
        if select_before_split and method != "none":
            if method not in selected:
                steps = selector_steps(
                    method, recipe.selection.n_features, features.shape, settings.random_state
                )
                selected[method] = selected_before_split(features, steps)
            given, inside = selected[method], "none"
            # What was chosen: folds of another choice, as of versions that drew anew, are others.
            chosen = (hashlib.sha256(np.ascontiguousarray(given.X).data).hexdigest(),)
        yield Route(
            variant=name,
            data=given,
            fit=_head_fit(recipe, given, inside, head, settings),
            identity=(
                repr(recipe.head),
                head,
                repr(recipe.selection),
                method,
                inside,
                "" if features.spec is None else features.spec.digest,
                *chosen,
                settings.random_state,
            ),
            seconds=seconds,
        )


def _head_fit(
    recipe: Recipe, features: FeatureSet, selection: str, head: str, settings: RunSettings
) -> Callable[..., Fitted]:
    def fit(train: np.ndarray, test: np.ndarray, split: str, _: Path | None) -> Fitted:
        assert recipe.head is not None
        estimator = make_estimator(
            head,
            recipe.head,
            selection=selection,
            n_features=recipe.selection.n_features,
            split="random" if split == "random" else "group",
            random_state=settings.random_state,
            n_jobs=settings.n_jobs,
        )
        facts = {"columns": float(features.shape[1])}
        return Fitted(estimator.fit(features[train]), features[test], facts)

    return fit


def _standardised_routes(
    recipe: Recipe, cells: CellDataset, settings: RunSettings, habits: Collection[str]
) -> Iterator[Route]:
    assert recipe.features is not None
    assert recipe.head is not None
    step = recipe.features.handcrafted
    assert step is not None
    assert step.standardised_size is not None
    started = time.perf_counter()
    size = (step.standardised_size, step.standardised_size)
    images = read_cells(
        cells, input_size=size, preparation=recipe.prepared, progress=settings.progress
    )
    measured = StandardisedRows(
        images, step, cache=settings.cache, n_jobs=settings.workers_for(len(images))
    )
    of_all = channel_moments(images) if "standardise_before_split" in habits else None
    seconds = time.perf_counter() - started
    for name, method, head in _named(recipe, settings, ""):

        def fit(
            train: np.ndarray,
            test: np.ndarray,
            split: str,
            _: Path | None,
            method: str = method,
            head: str = head,
        ) -> Fitted:
            moments = of_all or channel_moments(images[train])
            learnt, asked = (measured.take(moments, rows) for rows in (train, test))
            fitted = _head_fit(recipe, learnt, method, head, settings)(
                np.arange(len(learnt)), np.arange(0), split, None
            )
            return fitted._replace(asked=asked)

        yield Route(
            variant=name,
            data=images,
            fit=fit,
            identity=(
                repr(step),
                version_of(step.segmentation),
                *_preparing(recipe),
                repr(recipe.head),
                head,
                repr(recipe.selection),
                method,
                "moments of all" if of_all else "moments of training cells",
                "in whole grey levels",
                settings.random_state,
            ),
            seconds=seconds,
        )


def _cnn_route(recipe: Recipe, cells: CellDataset, settings: RunSettings) -> Route:
    assert recipe.cnn is not None
    config = recipe.cnn.replace(preparation=recipe.prepared)
    started = time.perf_counter()
    images = read_cells(cells, **config.reading, progress=settings.progress)

    def fit(train: np.ndarray, test: np.ndarray, split: str, place: Path | None) -> Fitted:
        classifier = fit_cnn(
            images[train],
            config,
            split="random" if split == "random" else "group",
            checkpoint=place,
            random_state=settings.random_state,
            progress=settings.progress,
        )
        return Fitted(classifier, images[test], training_facts(classifier))

    return Route(
        variant=recipe.variants[0],
        data=images,
        fit=fit,
        identity=(config.to_json(), settings.random_state),
        seconds=time.perf_counter() - started,
    )


def _tuned_routes(recipe: Recipe, cells: CellDataset, settings: RunSettings) -> Iterator[Route]:
    assert recipe.features is not None
    assert recipe.fine_tune is not None
    assert recipe.head is not None
    backbone = recipe.features.backbones[0]
    network = find_backbone(backbone)
    tuning = recipe.fine_tune.replace(preparation=recipe.prepared)
    started = time.perf_counter()
    # Read first: identical images must stand on one side, and these know which are identical.
    images = read_cells(cells, **tuning.reading, progress=settings.progress)
    seconds = time.perf_counter() - started
    for name, _, head in _named(recipe, settings, backbone):

        def fit(
            train: np.ndarray, test: np.ndarray, split: str, place: Path | None, head: str = head
        ) -> Fitted:
            inner = "random" if split == "random" else "group"
            with tempfile.TemporaryDirectory(prefix="leukfeat-tuned-") as folder:
                tuned = fine_tune_backbone(
                    images[train],
                    Path(folder, "tuned.weights.h5"),
                    tuning,
                    backbone=backbone,
                    weights=settings.weights_of(backbone),
                    split=inner,
                    checkpoint=place,
                    random_state=settings.random_state,
                    progress=settings.progress,
                )
                # Not cached: these features are of this fold alone.
                plain = dataclasses.replace(settings, cache=None)
                learnt, asked = (
                    extract_deep(recipe, cells[rows], backbone, tuned, plain)
                    for rows in (train, test)
                )
            assert recipe.head is not None
            estimator = make_estimator(
                head,
                recipe.head,
                split=inner,
                random_state=settings.random_state,
                n_jobs=settings.n_jobs,
            )
            return Fitted(estimator.fit(learnt), asked, training_facts(tuned))

        yield Route(
            variant=name,
            data=images,
            fit=fit,
            identity=(
                tuning.to_json(),
                repr(recipe.features),
                repr(recipe.head),
                head,
                find_weights(network, settings.weights_of(backbone), settings.random_state).digest,
                settings.random_state,
            ),
            seconds=seconds,
        )


def _preparing(recipe: Recipe) -> tuple[str, ...]:
    # Nothing where there is none: folds that were done before there were preparations stay.
    return () if recipe.prepared is None else (recipe.prepared,)


def _named(recipe: Recipe, settings: RunSettings, backbone: str) -> list[tuple[str, str, str]]:
    """Return names of the variants of one backbone that are wanted, with selection and head."""
    return [
        (name, method, head)
        for name, (network, method, head) in recipe.parts_of_variants.items()
        if network == backbone and settings.wants(name)
    ]
