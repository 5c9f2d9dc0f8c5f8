"""Recipes by name or from a file of the user's own."""

from __future__ import annotations

import os
import tomllib
from importlib import resources
from pathlib import Path

from leukfeat.file_kind import not_a_file
from leukfeat.recipes.schema import Recipe

__all__ = ["list_recipes", "load_recipe"]

_MAX_BYTES = 1 << 20


def list_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that come with leukfeat.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "resnet50-svm" in list_recipes()
    True
    """
    files = resources.files("leukfeat.recipes") / "library"
    return tuple(sorted(f.name[:-5] for f in files.iterdir() if f.name.endswith(".toml")))


def load_recipe(recipe: str | os.PathLike[str] | Recipe) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    recipe : str, path-like or Recipe
        A name from :func:`list_recipes`, or a TOML file of one's own, whose name ends in
        ``.toml``. A recipe holds no path: data are named where it is run.

    Returns
    -------
    Recipe

    Raises
    ------
    ValueError
        If there is no recipe of that name, or the file is not one; the message says what is
        wrong.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> load_recipe("resnet50-svm").kind
    'features'
    """
    if isinstance(recipe, Recipe):
        return recipe
    name = os.fspath(recipe)
    if name.endswith(".toml"):
        path = Path(name)
        kind = not_a_file(path)
        if kind is not None:
            raise ValueError(f"The recipe file {name!r} is {kind}, not a file.")
        if not path.is_file():
            raise FileNotFoundError(f"There is no recipe file {name!r}.")
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{name!r} has more than {_MAX_BYTES} bytes: that is no recipe.")
        try:
            text, where = path.read_bytes().decode(), name
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name!r} is not UTF-8 text ({error.reason} at byte {error.start}), as a TOML file "
                "must be; save it in UTF-8."
            ) from None
    else:
        if name not in list_recipes():
            raise ValueError(
                f"There is no recipe {name!r}. Give one of {', '.join(list_recipes())}, or the "
                "path of a file that ends in '.toml'."
            )
        file = resources.files("leukfeat.recipes") / "library" / f"{name}.toml"
        text, where = file.read_text(encoding="utf-8"), f"{name}.toml"
    try:
        return Recipe.from_dict(tomllib.loads(text))
    except RecursionError:
        raise ValueError(
            f"{where} is no recipe that can be run: its values are nested too deep."
        ) from None
    except ValueError as error:
        raise ValueError(f"{where} is no recipe that can be run: {error}") from None
