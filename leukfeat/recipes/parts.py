"""Which tables and habits go together: nothing that stands in a recipe is left undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leukfeat.recipes.tables import wrong_key

if TYPE_CHECKING:
    from leukfeat.recipes.schema import Recipe

__all__ = ["check_habits", "check_parts"]


def check_habits(recipe: Recipe) -> None:
    """Refuse habits that would do nothing in a recipe.

    Parameters
    ----------
    recipe : Recipe

    Raises
    ------
    ValueError
        If there is one; the message says what it is of.
    """
    standardises = recipe.features is not None and recipe.features.standardises
    selects = set(recipe.selection.methods) != {"none"}
    does_nothing = {
        "standardise_before_split": (
            not standardises,
            "of a recipe with features.handcrafted.standardised_size",
        ),
        "select_before_split": (
            not selects or standardises or recipe.kind in ("cnn", "fine_tune"),
            "of a recipe with a table [selection], and without standardised_size",
        ),
        "augment_before_split": (recipe.kind == "matrix", "of a recipe on images"),
        "bgr": (recipe.kind == "matrix", "of a recipe on images"),
    }
    for habit in recipe.habits:
        without_effect, wanted = does_nothing.get(habit, (False, ""))
        if without_effect:
            raise wrong_key("as_published.habits", habit, wanted)


def check_parts(recipe: Recipe) -> None:
    """Refuse tables that are missing, or that a kind of recipe would not look at.

    Parameters
    ----------
    recipe : Recipe

    Raises
    ------
    ValueError
        If there is one; the message names it.
    """
    needed = {
        "features": ("features", "head"),
        "cnn": ("cnn",),
        "fine_tune": ("features", "fine_tune", "head"),
        "matrix": ("head",),
    }[recipe.kind]
    for part in ("features", "head", "cnn", "fine_tune"):
        if (getattr(recipe, part) is not None) != (part in needed):
            there = "needs" if part in needed else "must not have"
            raise ValueError(f"A recipe of kind {recipe.kind!r} {there} a table [{part}].")
    measured = recipe.features is not None and recipe.features.handcrafted is not None
    if recipe.kind == "fine_tune" and measured:
        raise ValueError(
            "A recipe of kind 'fine_tune' must not have a table [features.handcrafted]."
        )
    if recipe.kind == "matrix" and recipe.preparation is not None:
        raise ValueError("A recipe of kind 'matrix' must not have a table [preparation].")
    for part in ("cnn", "fine_tune"):
        settings = getattr(recipe, part)
        if settings is not None and settings.preparation is not None:
            raise wrong_key(f"{part}.preparation", "given", "left out, for the table [preparation]")
    if recipe.kind in ("cnn", "fine_tune") and recipe.selection.methods != ("none",):
        raise ValueError(f"A recipe of kind {recipe.kind!r} must not have a table [selection].")
    if recipe.kind == "fine_tune" and len(recipe.features.backbones) != 1:  # type: ignore[union-attr]
        raise wrong_key(
            "features.backbones",
            recipe.features.backbones,  # type: ignore[union-attr]
            "one network, which is tuned",
        )
    if recipe.kind == "fine_tune" and recipe.features.crop != recipe.fine_tune.crop:  # type: ignore[union-attr]
        raise wrong_key(
            "features.crop",
            recipe.features.crop,  # type: ignore[union-attr]
            f"that of [fine_tune], {recipe.fine_tune.crop}: the network is asked for what it was "  # type: ignore[union-attr]
            "tuned on",
        )
