"""Recipes and claims as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from leukfeat.evaluation.wording import html_table
from leukfeat.recipes.claims import ClaimsResult
from leukfeat.recipes.overview import recipes_overview
from leukfeat.recipes.result import RecipeResult

if TYPE_CHECKING:
    from leukfeat.reporting import Page

__all__ = ["recipes_page"]


def recipes_page(results: Sequence[RecipeResult], *, claims: ClaimsResult | None = None) -> Page:
    """Lay recipes out as a page: one table of all, then each with its reasons and notes.

    Parameters
    ----------
    results : sequence of RecipeResult
        What :func:`run_recipe` returned, one a recipe.
    claims : ClaimsResult, optional
        What :func:`try_claims` returned.

    Returns
    -------
    Page

    Raises
    ------
    ValueError
        If there is neither.
    """
    from leukfeat.reporting import Page

    if not results and claims is None:
        raise ValueError("There is nothing to show: give a result of a recipe, or of claims.")
    one = len(results) == 1 and claims is None
    page = Page(results[0].recipe.title if one else "Published systems, run again")
    if len(results) > 1:
        page.section("All recipes")
        page.words("The main figure of each, by the published split and by group.")
        table = recipes_overview(results)
        page.table(html_table(list(table.columns), table.to_numpy().tolist()))
    for result in results:
        _add(page, result)
    if claims is not None:
        page.section("Claims put to the test")
        page.notes(claims.notes)
        table = claims.table
        page.table(html_table(list(table.columns), table.astype(str).to_numpy().tolist()))
    return page


def _add(page: Page, result: RecipeResult) -> None:
    recipe = result.recipe
    page.section(recipe.name)
    page.words(f"{recipe.title}. {recipe.citation}.")
    page.words(recipe.summary)
    page.words(f"{result.data}.")
    page.table(html_table(*result.cells_of_table()))
    for heading, items in (
        ("Why they differ:", result.reasons),
        ("To know before believing a number:", result.notes),
        ("Published:", result.sources()),
    ):
        if items:
            page.words(heading)
            page.notes(list(items))
    page.preformatted(json.dumps(dict(result.about), indent=1, default=str))
