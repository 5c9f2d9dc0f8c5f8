"""`run_recipe`: a published system on one's own copy of the data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from leukfeat.atomic_file import written_whole
from leukfeat.data import CellDataset
from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.provenance import versions
from leukfeat.recipes.comparable import comparable_figures
from leukfeat.recipes.cross_prediction import cross_predict
from leukfeat.recipes.estimators import check_heads
from leukfeat.recipes.extracting import check_backbones
from leukfeat.recipes.habits import augmented_before_split, with_channels_reversed
from leukfeat.recipes.loading import load_recipe
from leukfeat.recipes.reasons import explain
from leukfeat.recipes.result import Mode, RecipeResult
from leukfeat.recipes.route import RunSettings
from leukfeat.recipes.routes import make_routes
from leukfeat.recipes.run_data import data_of_run
from leukfeat.recipes.run_folder import RunFolder
from leukfeat.recipes.schema import Recipe
from leukfeat.recipes.variants import wanted_variants
from leukfeat.reporting.markdown_text import inert_markdown

__all__ = ["run_recipe"]


def run_recipe(
    recipe: str | os.PathLike[str] | Recipe,
    data: Any = None,
    *,
    weights: Any = "imagenet",
    cache: str | os.PathLike[str] | None = None,
    output: str | os.PathLike[str] | None = None,
    as_published: bool = False,
    variants: str | Sequence[str] | None = None,
    n_splits: int | None = None,
    n_repeats: int | None = None,
    epochs: int | None = None,
    level: float = 0.95,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> RecipeResult:
    """Run a published system, by its own split and by group, beside what was published.

    Parameters
    ----------
    recipe : str, path-like or Recipe
        A name from :func:`list_recipes`, a TOML file of one's own, or a recipe.
    data : path-like, CellDataset or FeatureSet, optional
        Labelled cells, or where they lie (see :func:`leukfeat.load_cells`); for a recipe of
        kind ``"matrix"`` a CSV file or a `FeatureSet`. Without data the recipe is run on
        procedural ones, and the result says so.
    weights : {"imagenet", "random"}, path-like, or mapping of str to these, default="imagenet"
        Weights of the backbones, as for `extract_features`; a mapping gives each backbone its
        own.
    cache : path-like, optional
        Where features are kept; recipes share them.
    output : path-like, optional
        Folder for what has been predicted so far, and for the table as JSON, Markdown and HTML.
        Called again, a run that was stopped goes on from there.
    as_published : bool, default=False
        Also run it with the recipe's ``as_published`` habits switched on; the table marks it. A
        recipe that names none, or none but the split that is run anyway, has no such column.
    variants : str or sequence of str, optional
        Only these of the recipe's variants, such as ``"resnet50 + random_forest + svm"``, or
        all of a pattern, ``"resnet50 + *"``. Networks that none of them needs are not run.
    n_splits, n_repeats : int, optional
        In place of the recipe's own.
    epochs : int, optional
        Train a network for at most so many, to see quickly what comes out; the result says so.
    level : float, default=0.95
        Level of the intervals.
    random_state : int, default=0
        Seed of splits, heads and networks.
    n_jobs : int, optional
        Inner folds of a head fitted at once, and images measured at once. By default one, but
        512 images and more are measured by all processors.
    progress : bool, default=True
        Show progress bars.

    Returns
    -------
    RecipeResult

    Raises
    ------
    FileNotFoundError
        If the data are not there; the message says how to get what the recipe was published on.
    ValueError
        If the recipe is wrong, or the data cannot be split.

    Examples
    --------
    >>> from leukfeat.recipes import make_expression_matrix, run_recipe
    >>> samples = make_expression_matrix(32, 40)
    >>> result = run_recipe("ldsvm", samples, n_splits=2, progress=False)
    >>> [mode.title for mode in result.modes]
    ['by their split', 'by group']
    """
    recipe = load_recipe(recipe)
    changes = {"n_splits": n_splits, "n_repeats": n_repeats}
    recipe = recipe.override({"split": {k: v for k, v in changes.items() if v is not None}})
    recipe, shortened = _shortened(recipe, epochs)
    wanted = wanted_variants(recipe, variants)
    settings = RunSettings(
        weights=weights,
        cache=cache,
        random_state=random_state,
        n_jobs=n_jobs,
        progress=progress,
        variants=wanted,
    )
    if recipe.head is not None:
        check_heads(recipe.head)
    check_backbones(recipe, settings)
    cells, notes = data_of_run(recipe, data, random_state)
    notes = (*notes, *_left_out(recipe, wanted, len(cells.class_names)))
    modes = _modes(recipe, cells, as_published=as_published)
    if recipe.split.theirs == "official" and modes[0].split != "official":
        notes = (*notes, "the official folds need a column 'fold': their split is random here")
    run = _Run(
        recipe, RunFolder(None if output is None else Path(output, recipe.name)), settings, level
    )
    run.add(cells, [mode for mode in modes if mode.key != "as_published"])
    for mode in modes:
        if mode.key != "as_published":
            continue
        with _with_habits(cells, mode.habits, output, random_state) as changed:
            run.add(changed, [mode])
    comparable, of_other_tasks = comparable_figures(recipe, cells, procedural=data is None)
    result = RecipeResult(
        recipe=recipe,
        data=repr(cells),
        modes=modes,
        evaluations=run.evaluations,
        seconds=run.seconds,
        reading_seconds=run.reading,
        comparable=comparable,
        reasons=explain(
            recipe,
            run.evaluations,
            modes,
            comparable,
            facts=run.facts,
            level=level,
        ),
        notes=(
            *notes,
            *shortened,
            *(_of_as_published(modes, run.evaluations) if as_published else ()),
            *of_other_tasks,
            *_notes(run.evaluations),
        ),
        about={
            "versions": versions(),
            "weights": _weights_in_words(weights),
            "random_state": random_state,
            "n_splits": recipe.split.n_splits,
            "n_repeats": recipe.split.n_repeats,
        },
    )
    if output is not None:
        result.to_json(Path(output, f"{recipe.name}.json"))
        with written_whole(Path(output, f"{recipe.name}.md")) as partial:
            partial.write_text(inert_markdown(result.to_markdown()), encoding="utf-8")
        result.to_html(Path(output, f"{recipe.name}.html"))
    return result


class _Run:
    """Collects the evaluations of all variants and modes."""

    def __init__(
        self, recipe: Recipe, folder: RunFolder, settings: RunSettings, level: float
    ) -> None:
        self.recipe, self.folder, self.settings, self.level = recipe, folder, settings, level
        self.evaluations: dict[tuple[str, str], Evaluation] = {}
        self.seconds: dict[tuple[str, str], float] = {}
        self.reading: dict[str, float] = {}
        self.facts: dict[tuple[str, str], dict[str, float]] = {}

    def add(self, data: Any, modes: list[Mode]) -> None:
        habits = {habit for mode in modes for habit in mode.habits}
        routes = make_routes(self.recipe, data, self.settings, habits=habits)
        for route in routes:
            if route.variant not in self.reading:
                # A later call finds the features in the cache, which is not what they took.
                read = ("reading", route.data.name, len(route.data), *route.identity)
                self.reading[route.variant] = self.folder.first_time(read, route.seconds)
            for mode in modes:
                found = cross_predict(
                    route,
                    self.folder,
                    split=mode.split,
                    n_splits=self.recipe.split.n_splits,
                    n_repeats=self.recipe.split.n_repeats,
                    level=self.level,
                    random_state=self.settings.random_state,
                    progress=self.settings.progress,
                )
                self.evaluations[route.variant, mode.key] = found.evaluation
                self.seconds[route.variant, mode.key] = found.seconds
                self.facts[route.variant, mode.key] = found.facts


def _shortened(recipe: Recipe, epochs: int | None) -> tuple[Recipe, tuple[str, ...]]:
    """Return a recipe with fewer epochs, and what must be said of it."""
    if epochs is None:
        return recipe, ()
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"'epochs' must be an integer of at least 1. Got {epochs!r} instead.")
    for name in ("cnn", "fine_tune"):
        step = getattr(recipe, name)
        if step is not None and step.epochs > epochs:
            changed = recipe.override({name: {"epochs": epochs}})
            said = "1 epoch" if epochs == 1 else f"{epochs} epochs"
            return changed, (f"at most {said}, not the {step.epochs} of the recipe",)
    return recipe, ()


def _modes(recipe: Recipe, data: Any, *, as_published: bool) -> tuple[Mode, ...]:
    theirs = recipe.split.theirs
    modes = []
    if theirs == "official" and "fold" not in _columns(data):
        theirs = "random"
    if theirs != "group":
        modes.append(Mode(key="theirs", title="by their split", split=theirs))
    modes.append(Mode(key="group", title="by group", split="group"))
    if as_published:
        usable = tuple(
            habit
            for habit in recipe.habits
            if recipe.kind != "matrix" or habit in ("random_split", "select_before_split")
        )
        split = "random" if "random_split" in usable else theirs
        if set(usable) - {"random_split"} or split not in {mode.split for mode in modes}:
            modes.append(
                Mode(key="as_published", title="AS PUBLISHED (wrong)", split=split, habits=usable)
            )
    return tuple(modes)


def _of_as_published(
    modes: tuple[Mode, ...], evaluations: dict[tuple[str, str], Evaluation]
) -> list[str]:
    """Say what must be known of the mistakes that were asked for."""
    if modes[-1].key != "as_published":
        return [
            "as_published adds nothing here: the recipe names no mistake beside the split that is "
            "run anyway"
        ]
    variant = next(iter(evaluations))[0]
    rows, cells = (
        evaluations[variant, key].predictions.n_cells for key in ("as_published", "group")
    )
    if rows == cells:
        return []
    return [f"{modes[-1].title} stands on {rows:,} rows, copies included, of the {cells:,} cells"]


@contextmanager
def _with_habits(
    data: Any, habits: tuple[str, ...], output: Any, random_state: int
) -> Iterator[Any]:
    parent = None if output is None else os.fspath(output)
    with tempfile.TemporaryDirectory(prefix="leukfeat-as-published-", dir=parent) as name:
        if "bgr" in habits:
            data = with_channels_reversed(data, Path(name, "exchanged"))
        if "augment_before_split" in habits:
            data = augmented_before_split(data, Path(name, "copies"), random_state=random_state)
        yield data


def _left_out(recipe: Recipe, variants: tuple[str, ...], n_classes: int) -> list[str]:
    notes = []
    if len(variants) < len(recipe.variants):
        notes.append(
            f"{len(variants)} of the {len(recipe.variants)} variants of the recipe were run"
        )
    if missing := recipe.without_figures(n_classes):
        notes.append(
            f"not in the table, being figures of two classes where there are {n_classes}: "
            f"{', '.join(missing)}"
        )
    return notes


def _notes(evaluations: dict[tuple[str, str], Evaluation]) -> list[str]:
    return list(dict.fromkeys(note for one in evaluations.values() for note in one.notes))


def _columns(data: Any) -> set[str]:
    table = data.frame if isinstance(data, CellDataset) else data.columns
    return set() if table is None else set(table.columns)


def _weights_in_words(weights: Any) -> Any:
    if isinstance(weights, dict):
        return {name: _weights_in_words(one) for name, one in weights.items()}
    return weights if weights in ("imagenet", "random") else Path(weights).name
