"""``leukfeat reproduce``: published systems on the user's own copy of the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli import options as opt
from leukfeat.cli.output import say, show
from leukfeat.cli.writing import folder_to_write, write_text

if TYPE_CHECKING:
    from leukfeat.recipes import RecipeResult

__all__ = ["reproduce"]


def reproduce(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Recipes, 'all', or TOML files of your own. Without any: the list.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="The cells; for expression recipes a CSV matrix. Without it, procedural data."
        ),
    ] = None,
    claims: Annotated[
        bool, typer.Option("--claims", help="Test claims that the literature makes.")
    ] = False,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this claim, as in relu-converges-faster; may be given several times. A "
            "wrong name lists them.",
        ),
    ] = None,
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published",
            help="Also make the mistakes of the literature, marked, to show what they add.",
        ),
    ] = False,
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this variant, as in 'resnet50 + random_forest + svm', or a pattern such as "
            "'resnet50 + *'; may be given several times.",
        ),
    ] = None,
    layout: opt.Layout = "auto",
    positive: opt.Positive = None,
    skip_bad: opt.SkipBad = False,
    subject_pattern: opt.SubjectPattern = None,
    cnmc_split: opt.CnmcSplit = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            help="imagenet, random, or a weights file; several backbones: --weights vgg16=FILE, "
            "once each.",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for tables, pages, and what was done so far."),
    ] = Path("leukfeat-reproduce"),
    cache: opt.Cache = None,
    n_splits: Annotated[
        int | None, typer.Option(help="Number of folds, in place of the recipe's.")
    ] = None,
    n_repeats: Annotated[
        int | None, typer.Option(help="Number of repeats, in place of the recipe's.")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Train networks, of recipes and claims, for at most so many epochs."),
    ] = None,
    n_runs: Annotated[
        int, typer.Option(min=1, help="Networks on each side of a claim (--claims).")
    ] = 5,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="For --claims: a CSV with the columns image and mask (paths); a mask is not 0 inside the cell."
        ),
    ] = None,
    random_state: opt.RandomState = 0,
    n_jobs: opt.NJobs = None,
    as_json: opt.AsJson = False,
) -> None:
    r"""Run published systems by their split and by subject, beside the published figures.

    Stopped, it goes on where it was when called again with the same --out. Examples:

    leukfeat reproduce resnet50-svm --data C-NMC_training_data

    leukfeat reproduce all --data C-NMC_training_data --as-published

    leukfeat reproduce my-system.toml --data my-cells --subject-pattern '(?P<subject>P\d+)_'

    leukfeat reproduce --claims --data C-NMC_training_data --masks masks.csv
    """
    from leukfeat.data import load_cells
    from leukfeat.evaluation.wording import markdown_table
    from leukfeat.recipes import (
        data_advice,
        list_recipes,
        load_recipe,
        recipes_overview,
        recipes_page,
        run_recipe,
        try_claims,
    )
    from leukfeat.reporting.markdown_text import inert_markdown

    asked = list(names or ())
    claims = claims or bool(claim)
    if not asked and not claims:
        _list(as_json=as_json)
        return
    recipes = [
        load_recipe(name) for name in dict.fromkeys(list_recipes() if "all" in asked else asked)
    ]
    chosen = _weights(weights)
    cells = None
    if data is not None and (claims or any(recipe.kind != "matrix" for recipe in recipes)):
        try:
            cells = opt.cells_from(
                data, layout, positive, subject_pattern, cnmc_split, skip_bad=skip_bad
            )
        except FileNotFoundError as error:
            wanted = data_advice(recipe.dataset for recipe in recipes if recipe.kind != "matrix")
            raise FileNotFoundError(f"{error} {wanted}") from error
    folder_to_write(out)
    features = out / "cache" if cache is None else cache
    out.mkdir(parents=True, exist_ok=True)
    results: list[RecipeResult] = []
    failed: dict[str, str] = {}
    for recipe in recipes:
        say(f"{recipe.name}: {recipe.title} ...")
        # A matrix cannot be made of images: beside images such a recipe has its own made data.
        given = (data if cells is None else None) if recipe.kind == "matrix" else cells
        try:
            result = run_recipe(
                recipe,
                given,
                weights=chosen,
                cache=features,
                output=out,
                as_published=as_published,
                variants=variant,
                n_splits=n_splits,
                n_repeats=n_repeats,
                epochs=epochs,
                random_state=random_state,
                n_jobs=n_jobs,
                progress=not as_json,
            )
        except (ValueError, OSError, ArithmeticError, MemoryError, ImportError) as error:
            # A training that diverged, a fit too large for the machine, weights that are not there.
            if len(recipes) == 1 and not claims:
                raise
            failed[recipe.name] = str(error)
            say(f"{recipe.name}: could not be run: {error}")
            continue
        results.append(result)
    tried = None
    if claims:
        tried = try_claims(
            cells,
            names=claim,
            masks=None if masks is None else load_cells(masks),
            n_runs=n_runs,
            cnn=None if epochs is None else {"epochs": epochs},
            output=out,
            weights=chosen.get("resnet50", "imagenet") if isinstance(chosen, dict) else chosen,
            cache=features,
            random_state=random_state,
            progress=not as_json,
        )
    found: dict[str, Any] = {"recipes": [one.to_dict() for one in results], "failed": failed}
    parts = [one.to_markdown() for one in results]
    if len(results) > 1:
        table = recipes_overview(results)
        shown = markdown_table(list(table.columns), table.to_numpy().tolist())
        parts.insert(0, f"## All recipes\n\n{shown}\n")
    if tried is not None:
        found["claims"] = tried.to_dict()
        parts.append(f"## Claims put to the test\n\n{tried.to_markdown()}")
    if results or tried is not None:
        page = recipes_page(results, claims=tried).write(out / "report.html")
        write_text(out / "report.md", inert_markdown("\n".join(parts)))
        parts.append(f"Written: {page}")
    show(found, "\n".join(parts), as_json=as_json)
    if failed:
        raise typer.Exit(1)


def _list(*, as_json: bool) -> None:
    from leukfeat.recipes import list_recipes, load_recipe

    recipes = [load_recipe(name) for name in list_recipes()]
    width = max(len(recipe.name) for recipe in recipes)
    show(
        {recipe.name: {"title": recipe.title, "dataset": recipe.dataset} for recipe in recipes},
        "\n".join(f"{recipe.name:<{width}}  {recipe.title}" for recipe in recipes),
        as_json=as_json,
    )


def _weights(given: list[str] | None) -> Any:
    """Return weights for all backbones, or for each by name."""
    plain = [one for one in given or () if "=" not in one]
    named = dict(one.split("=", 1) for one in given or () if "=" in one)
    if len(plain) > 1 or (plain and named):
        raise typer.BadParameter(
            "--weights is given once for all backbones, or as BACKBONE=FILE once for each. "
            f"Got {given}."
        )
    return named or (plain[0] if plain else "imagenet")
