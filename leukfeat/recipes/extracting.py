"""The columns that a recipe asks for: of a network, measured, or both side by side."""

from __future__ import annotations

from typing import Any

from leukfeat.data import CellDataset
from leukfeat.features import FeatureSet, extract_features, extract_handcrafted, join_features
from leukfeat.features.own_registry import resolve_backbone
from leukfeat.features.weights import find_weights
from leukfeat.recipes.route import RunSettings
from leukfeat.recipes.schema import Recipe

__all__ = ["check_backbones", "extract_columns", "extract_deep"]


def check_backbones(recipe: Recipe, settings: RunSettings) -> None:
    """Refuse networks and weights files that are not there, before the first one is run.

    Parameters
    ----------
    recipe : Recipe
    settings : RunSettings

    Raises
    ------
    ValueError
        If a network is not known, or `weights` names none for it.
    WeightsError
        If a weights file is missing or is none.
    """
    wanted = {
        backbone
        for name, (backbone, _, _) in recipe.parts_of_variants.items()
        if backbone and settings.wants(name)
    }
    for backbone in wanted:
        find_weights(
            resolve_backbone(backbone), settings.weights_of(backbone), settings.random_state
        )


def extract_columns(
    recipe: Recipe, cells: CellDataset, backbone: str, settings: RunSettings
) -> FeatureSet:
    """Extract what a recipe asks for, with one of its networks.

    Parameters
    ----------
    recipe : Recipe
        With a table ``[features]`` that does not standardise.
    cells : CellDataset
    backbone : str
        Empty for no network.
    settings : RunSettings

    Returns
    -------
    FeatureSet
        Columns of the network before measured ones.
    """
    step = recipe.features
    assert step is not None
    parts = []
    if backbone:
        parts.append(extract_deep(recipe, cells, backbone, settings.weights_of(backbone), settings))
    if step.handcrafted is not None:
        parts.append(
            extract_handcrafted(
                cells,
                step.handcrafted.families,
                cache=settings.cache,
                segmentation=step.handcrafted.segmentation,
                preparation=recipe.prepared,
                n_jobs=settings.workers_for(len(cells)),
                progress=settings.progress,
            )
        )
    return parts[0] if len(parts) == 1 else join_features(*parts)


def extract_deep(
    recipe: Recipe, cells: CellDataset, backbone: str, weights: Any, settings: RunSettings
) -> FeatureSet:
    """Extract the columns of a network.

    Parameters
    ----------
    recipe : Recipe
        With a table ``[features]``.
    cells : CellDataset
    backbone : str
    weights : str or path-like
    settings : RunSettings

    Returns
    -------
    FeatureSet
    """
    step = recipe.features
    assert step is not None
    return extract_features(
        cells,
        cache=settings.cache,
        backbone=backbone,
        weights=weights,
        layers=step.layers,
        input_size=step.input_size,
        crop=step.crop,
        preparation=recipe.prepared,
        views=step.views,  # type: ignore[arg-type]
        pooling=step.pooling,  # type: ignore[arg-type]
        mask=step.mask,  # type: ignore[arg-type]
        random_state=settings.random_state,
        progress=settings.progress,
    )
