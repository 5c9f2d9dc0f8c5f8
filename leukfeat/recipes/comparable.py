"""Which published figures may stand beside ours: those of the same task."""

from __future__ import annotations

from typing import Any

from leukfeat.recipes.known_data import KnownData, known_data, recognise
from leukfeat.recipes.published import Published
from leukfeat.recipes.schema import Recipe

__all__ = ["comparable_figures"]

_HEALTHY = {"normal", "healthy", "benign", "hem", "control"}
_LEUKEMIC = {"leukemic", "leukaemic", "leukemia", "leukaemia", "malignant"}

_TWO_CLASSES = {
    "all-vs-normal": _LEUKEMIC | {"all", "blast", "lymphoblast"},
    "aml-expression": _LEUKEMIC | {"aml"},
}
"""Tasks of leukemic against normal, and how the first is called; other names are assumed to be so."""

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
    assumed = sorted({figure.task for figure in found if figure.task in _TWO_CLASSES})
    if known is None and not procedural:
        notes += [
            f"that the classes {' and '.join(map(repr, data.class_names))} are leukemic against normal "
            f"({task}), as in the published figures, is assumed: their names do not say so"
            for task in assumed
            if not _called_so(task, data)
        ]
    return found, notes


def _called_so(task: str, data: Any) -> bool:
    names = {name.lower() for name in data.class_names}
    return len(names & _HEALTHY) == len(names & _TWO_CLASSES[task]) == 1


def _some_of_a_known_set(data: Any) -> bool:
    """Tell whether the classes are some of those of a known set of more than two."""
    names = {_singular(name) for name in data.class_names}
    return any(
        names <= {_singular(name) for name in known.class_counts}
        for known in known_data().values()
        if len(known.class_counts) > 2
    )


def _singular(name: str) -> str:
    return name.lower().removesuffix("s")


def _of_another_task(task: str, data: Any, known: KnownData | None, *, procedural: bool) -> bool:
    if known is not None:
        return task != known.task
    if task in _BY_CLASS_NAMES:
        return {name.lower() for name in data.class_names} != _BY_CLASS_NAMES[task]
    if task in _OF_KNOWN_DATA or task == "other" or _some_of_a_known_set(data):
        return True
    if task in _TWO_CLASSES and len(data.class_names) != 2:
        return True
    # Made cells are leukemic or normal, made samples of gene expression too.
    return procedural and task not in _TWO_CLASSES
