"""The variants of a recipe: every backbone with every selection and every head."""

from __future__ import annotations

import dataclasses
import fnmatch
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leukfeat.recipes.published import Published
    from leukfeat.recipes.schema import Recipe

__all__ = ["figures_that_stay", "parts_of_variants", "wanted_variants"]

_FEW = 12
"""Names that a message lists one by one."""


def parts_of_variants(recipe: Recipe) -> dict[str, tuple[str, str, str]]:
    """Return backbone, selection and head of every variant, by its name.

    A name leaves out what is the same in all.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    dict of str to tuple of str
        The backbone is empty where there is none, the selection ``"none"``; a network alone is one
        variant with nothing in it.
    """
    if recipe.head is None:
        return {recipe.name: ("", "", "")}
    backbones = recipe.features.backbones if recipe.features is not None else ()
    methods = recipe.selection.methods
    found = {}
    for parts in itertools.product(backbones or ("",), methods, recipe.head.names):
        told = (len(backbones) > 1, len(methods) > 1, True)
        named = [part for part, tell in zip(parts, told, strict=True) if tell]
        found[" + ".join(named)] = parts
    return found


def figures_that_stay(recipe: Recipe, other: Recipe) -> tuple[Published, ...]:
    """Return the published figures of a recipe whose variants another still runs.

    Parameters
    ----------
    recipe, other : Recipe
        Before and after a change; variants may have other names after it.

    Returns
    -------
    tuple of Published
        By the new names.
    """
    names = {parts: name for name, parts in parts_of_variants(other).items()}
    before = parts_of_variants(recipe)
    found = []
    for figure in recipe.published:
        name = names.get(before[figure.variant]) if figure.variant else ""
        if name is not None:
            found.append(dataclasses.replace(figure, variant=name))
    return tuple(found)


def wanted_variants(recipe: Recipe, patterns: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the variants that are asked for.

    Parameters
    ----------
    recipe : Recipe
    patterns : str, sequence of str, or None
        Names, or patterns such as ``"resnet50 + *"``; all by default.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        If the recipe has none of a name or pattern.

    Examples
    --------
    >>> from leukfeat.recipes import load_recipe
    >>> from leukfeat.recipes.variants import wanted_variants
    >>> wanted_variants(load_recipe("resrandsvm"), "resnet50 + * + svm")
    ('resnet50 + anova + svm', 'resnet50 + pca + svm', 'resnet50 + random_forest + svm')
    """
    names = recipe.variants
    asked = ["*"] if patterns is None else [patterns] if isinstance(patterns, str) else patterns
    for pattern in asked:
        if not fnmatch.filter(names, pattern):
            raise ValueError(
                f"'variants' holds {pattern!r}, which is none of those of the recipe "
                f"{recipe.name!r}: {_in_words(recipe)}."
            )
    return tuple(name for name in names if any(fnmatch.fnmatch(name, one) for one in asked))


def _in_words(recipe: Recipe) -> str:
    """Return all names, or where they are many the parts that they are made of."""
    parts = parts_of_variants(recipe)
    if len(parts) <= _FEW:
        return ", ".join(parts)
    kinds = [
        f"{kind} {', '.join(dict.fromkeys(column))}"
        for kind, column in zip(
            ("network", "selection", "head"), zip(*parts.values(), strict=True), strict=True
        )
        if len(set(column)) > 1 or kind == "head"
    ]
    return f"{len(parts)} of {' + '.join(kind.split()[0] for kind in kinds)}, as in {next(iter(parts))!r} ({'; '.join(kinds)})"
