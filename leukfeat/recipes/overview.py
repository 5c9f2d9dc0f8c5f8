"""All recipes in one table: the main figure of each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from leukfeat.recipes.result import RecipeResult

__all__ = ["recipes_overview"]


def recipes_overview(results: Sequence[RecipeResult]) -> pd.DataFrame:
    """Return the main figure of every recipe and variant, by every way it was split.

    Parameters
    ----------
    results : sequence of RecipeResult
        What :func:`run_recipe` returned, one a recipe.

    Returns
    -------
    pandas.DataFrame
        Text, empty where a recipe was not run that way: recipe, variant, figure, published, one
        column a way of splitting, cells, subjects, seconds.

    Examples
    --------
    >>> from leukfeat.recipes import make_expression_matrix, recipes_overview, run_recipe
    >>> samples = make_expression_matrix(32, 40)
    >>> one = run_recipe("ldsvm", samples, n_splits=2, progress=False)
    >>> recipes_overview([one])["variant"].tolist()
    ['logistic_regression', 'decision_tree', 'svm', 'voting']
    """
    titles = list(dict.fromkeys(mode.title for one in results for mode in one.modes))
    header = ["recipe", "variant", "figure", "published", *titles, "cells", "subjects", "seconds"]
    rows = []
    for result in results:
        table = result.table.astype(object)
        main = table[table["figure"] == table["figure"].iloc[0]]
        for _, line in main.iterrows():
            shown = [result.recipe.name]
            shown += ["" if name not in line else str(line[name]) for name in header[1:]]
            rows.append(["" if value == "<NA>" else value for value in shown])
    return pd.DataFrame(rows, columns=header)
