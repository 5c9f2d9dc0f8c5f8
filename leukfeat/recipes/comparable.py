"""Which published figures may stand beside ours: those of the same task."""

from __future__ import annotations

from typing import Any

from leukfeat.recipes.known_data import KnownData, recognise
from leukfeat.recipes.published import Published
from leukfeat.recipes.schema import Recipe

__all__ = ["comparable_figures"]

_TWO_CLASSES = ("all-vs-normal", "aml-expression")
"""Tasks of two classes, whatever they are called."""

_BY_CLASS_NAMES = {"aml-m1-m2": {"m1", "m2"}, "all-vs-aml": {"all", "aml"}}
"""Tasks of two classes that are not leukemic against normal cells: they must be called so."""

_OF_KNOWN_DATA = ("cell-types", "all-stages")
"""Tasks that only cells of a known data set are of."""


def comparable_figures(
    recipe: Recipe, data: Any, *, procedural: bool
) -> tuple[dict[Published, str], list[str]]:
    """Return the published figures of the task of some cells, and notes on the others.

    Parameters
    ----------
    recipe : Recipe
    data : CellDataset or FeatureSet
    procedural : bool
        Whether the data were made by rule.

    Returns
    -------
    figures : dict of Published to str
        On which other data each was had; empty if on these.
    notes : list of str
    """
    known = None if procedural else recognise(data)
    found: dict[Published, str] = {}
    notes = []
    for figure in recipe.published:
        if _of_another_task(figure.task, data, known, procedural=procedural):
            notes.append(
                f"the published {figure.metric} of {figure.value:.3f} is of another task "
                f"({figure.task}) and does not stand in the table"
            )
            continue
        same = known is not None and figure.dataset == known.name
        found[figure] = "" if same else figure.dataset
    return found, notes


def _of_another_task(task: str, data: Any, known: KnownData | None, *, procedural: bool) -> bool:
    if known is not None:
        return task != known.task
    if task in _BY_CLASS_NAMES:
        return {name.lower() for name in data.class_names} != _BY_CLASS_NAMES[task]
    if task in _OF_KNOWN_DATA:
        return True
    if task in _TWO_CLASSES and len(data.class_names) != 2:
        return True
    # Made cells are leukemic or normal, made samples of gene expression too.
    return procedural and task not in _TWO_CLASSES
