"""The data that a recipe is run on: given, loaded, or made by rule."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from leukfeat.data import CellDataset, load_cells, make_cells
from leukfeat.features import FeatureSet
from leukfeat.recipes.known_data import data_advice, recognise
from leukfeat.recipes.matrix import load_matrix, make_expression_matrix
from leukfeat.recipes.schema import Recipe

__all__ = ["PROCEDURAL", "data_of_run"]

PROCEDURAL: dict[str, Any] = {"n_subjects": 24, "n_cells": 480, "size": 224}
"""What is made where no data are given."""


def data_of_run(recipe: Recipe, data: Any, random_state: int) -> tuple[Any, tuple[str, ...]]:
    """Return the labelled data that a recipe is run on, and what must be said of them.

    Parameters
    ----------
    recipe : Recipe
    data : path-like, CellDataset, FeatureSet or None
        As given to :func:`run_recipe`; ``None`` for procedural data.
    random_state : int
        Seed of procedural data.

    Returns
    -------
    data : CellDataset or FeatureSet
        Labelled rows.
    notes : tuple of str

    Raises
    ------
    FileNotFoundError
        If there are no data; the message says how to get what the recipe was published on.
    ValueError
        If they are of the wrong kind or have no labels.
    """
    advice = data_advice([recipe.dataset], matrix=recipe.kind == "matrix")
    if data is None:
        made: Any
        if recipe.kind == "matrix":
            made = make_expression_matrix(random_state=random_state)
        else:
            made = make_cells(**PROCEDURAL, random_state=random_state)
        return made, (
            "No data were given: these are procedural, drawn by rule. They show that the recipe "
            f"runs, not how well it does on patients. {advice}",
        )
    if isinstance(data, (str, os.PathLike)):
        if not Path(data).expanduser().exists():
            raise FileNotFoundError(f"There are no data at {os.fspath(data)!r}. {advice}")
        data = load_matrix(data) if recipe.kind == "matrix" else load_cells(data)
    kind = FeatureSet if recipe.kind == "matrix" else CellDataset
    if not isinstance(data, kind):
        raise ValueError(
            f"A recipe of kind {recipe.kind!r} takes a path or a {kind.__name__}. "
            f"Got {type(data).__name__} instead."
        )
    left_out = 0 if data.y is None else int((data.y < 0).sum())
    if data.y is None:
        raise ValueError(
            f"{data.name!r} has no labels: a recipe needs labelled data, in a folder a class or a "
            "CSV table with a column 'label'."
        )
    known = recognise(data)
    differences = known.differences(data) if known is not None else ""
    notes = []
    if left_out:
        notes.append(f"{left_out} unlabelled rows are left out")
        data = data[data.y >= 0]
    if known is not None and differences:
        notes.append(f"this is not the whole of {known.title}: {differences}")
    return data, tuple(notes)
