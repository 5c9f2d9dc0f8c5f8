"""What a recipe is: the settings of a whole published run, checked when made."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from leukfeat.cnn.config import CNNConfig
from leukfeat.cnn.fine_tuning import FineTuneConfig
from leukfeat.recipes.known_data import check_dataset
from leukfeat.recipes.parts import check_habits, check_parts
from leukfeat.recipes.published import Published
from leukfeat.recipes.steps import (
    FeatureStep,
    HeadStep,
    PreparationStep,
    SelectionStep,
    SplitStep,
)
from leukfeat.recipes.tables import as_kind, as_step, check_keys, wrong_key
from leukfeat.recipes.variants import figures_that_stay, parts_of_variants

__all__ = ["HABITS", "KINDS", "RECIPE_FORMAT", "Recipe"]

RECIPE_FORMAT = 1
"""Number of the layout of a recipe file."""

KINDS = ("features", "cnn", "fine_tune", "matrix")
"""Frozen features and heads; an end-to-end network; a tuned backbone and heads; a CSV matrix."""

HABITS = {
    "random_split": "cells are split at random, so that those of one patient stand on both sides",
    "select_before_split": "features are selected on all cells, test cells included",
    "augment_before_split": "cells are augmented before they are split, so that copies of a test "
    "cell are trained on",
    "standardise_before_split": "images are standardised by the mean and deviation of all cells, "
    "test cells included",
    "bgr": "the network is given BGR where it wants RGB",
}
"""What the literature is seen to do, and `as_published` switches on."""

OF_TWO_CLASSES = ("sensitivity", "specificity", "precision")
"""Figures that more than two classes do not have."""

METRICS = (
    "accuracy",
    "balanced_accuracy",
    "weighted_f1",
    "macro_f1",
    "mcc",
    *OF_TWO_CLASSES,
    "auroc",
    "auprc",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published system: data, features, selection, head or network, split, figures.

    Read from a file by :func:`load_recipe`; see the files of the library for examples.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and dashes.
    title : str
        One line.
    kind : {"features", "cnn", "fine_tune", "matrix"}
        What is run.
    summary : str
        What the system does and where this recipe departs from it.
    citation : str
        The publication.
    dataset : str, default=""
        Name of the data set it was published on, if known here; see :func:`known_data`.
    preparation : PreparationStep, optional
        What is done to every image first; for every kind but ``"matrix"``.
    features : FeatureStep, optional
        For ``kind="features"`` and ``"fine_tune"``.
    selection : SelectionStep
        Reduction of the features, inside the fold.
    head : HeadStep, optional
        For every kind but ``"cnn"``.
    cnn : CNNConfig, optional
        For ``kind="cnn"``.
    fine_tune : FineTuneConfig, optional
        For ``kind="fine_tune"``.
    split : SplitStep
        How it was published, and how many folds are used here.
    metrics : tuple of str
        Figures of merit in the table, the first one first.
    published : tuple of Published
        What was reported, with source.
    habits : tuple of str, default=()
        What `as_published` switches on; see `HABITS`. With none, or none but the split that is run
        anyway, it adds nothing.
    """

    name: str
    title: str
    kind: str
    summary: str
    citation: str
    dataset: str = ""
    preparation: PreparationStep | None = None
    features: FeatureStep | None = None
    selection: SelectionStep = dataclasses.field(default_factory=SelectionStep)
    head: HeadStep | None = None
    cnn: CNNConfig | None = None
    fine_tune: FineTuneConfig | None = None
    split: SplitStep = dataclasses.field(default_factory=SplitStep)
    metrics: tuple[str, ...] = ("accuracy", "weighted_f1", "sensitivity", "specificity", "auroc")
    published: tuple[Published, ...] = ()
    habits: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise wrong_key("name", self.name, "lower-case letters, digits and single dashes")
        if self.kind not in KINDS:
            raise wrong_key("kind", self.kind, f"one of {KINDS}")
        for name in ("metrics", "published", "habits"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_parts(self)
        check_dataset("dataset", self.dataset)
        for metric in self.metrics:
            if metric not in METRICS:
                raise wrong_key("metrics", metric, f"among {METRICS}")
        for name, key in (("metrics", "metrics"), ("habits", "as_published.habits")):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise wrong_key(key, getattr(self, name), "a list of different names")
        for habit in self.habits:
            if habit not in HABITS:
                raise wrong_key("as_published.habits", habit, f"among {tuple(HABITS)}")
        check_habits(self)
        if not self.metrics:
            raise wrong_key("metrics", self.metrics, "at least one figure of merit")
        for figure in self.published:
            if figure.metric not in METRICS:
                raise wrong_key("published.metric", figure.metric, f"one of {METRICS}")
            check_dataset("published.dataset", figure.dataset)
            if figure.variant and figure.variant not in self.variants:
                raise wrong_key("published.variant", figure.variant, f"one of {self.variants}")

    @property
    def prepared(self) -> str | None:
        """What is done to every image first, as canonical JSON."""
        return None if self.preparation is None else self.preparation.text

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of what is run: every backbone with every selection and every head."""
        return tuple(self.parts_of_variants)

    @property
    def parts_of_variants(self) -> dict[str, tuple[str, str, str]]:
        """Backbone, selection and head of every variant, by its name."""
        return parts_of_variants(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Recipe:
        """Make a recipe of what a TOML file holds.

        Parameters
        ----------
        content : mapping
            Tables and keys as in the files of the library.

        Returns
        -------
        Recipe

        Raises
        ------
        ValueError
            If a key is unknown, missing, or has a value that is not allowed; the message names
            it.
        """
        content = dict(content)
        number = content.pop("format", None)
        if number != RECIPE_FORMAT:
            raise ValueError(
                f"A recipe must say format = {RECIPE_FORMAT}. Got {number!r} instead; a higher "
                "number was written for a newer leukfeat."
            )
        as_published = content.pop("as_published", {})
        if not isinstance(as_published, Mapping):
            raise wrong_key(
                "as_published",
                as_published,
                "a table with 'habits'; it is run where run_recipe is told as_published=True, or "
                "leukfeat reproduce --as-published",
            )
        check_keys("as_published", as_published, ["habits"])
        known = [field.name for field in dataclasses.fields(cls) if field.name != "habits"]
        check_keys("", content, known, needed=("name", "title", "kind", "summary", "citation"))
        steps: dict[str, type] = {
            "preparation": PreparationStep,
            "features": FeatureStep,
            "selection": SelectionStep,
            "head": HeadStep,
            "split": SplitStep,
            "cnn": CNNConfig,
            "fine_tune": FineTuneConfig,
        }
        for name in ("name", "title", "kind", "summary", "citation", "dataset"):
            if name in content:
                as_kind(name, content[name], str)
        for name, step in steps.items():
            if name in content:
                content[name] = as_step(name, step, content[name])
        as_kind("metrics", content.get("metrics", []), tuple[str, ...])
        as_kind("as_published.habits", as_published.get("habits", []), tuple[str, ...])
        figures = content.pop("published", [])
        if not isinstance(figures, list | tuple):
            raise wrong_key("published", figures, "tables, each headed [[published]]")
        content["published"] = tuple(
            as_step(f"published[{i}]", Published, figure) for i, figure in enumerate(figures)
        )
        return cls(**content, **as_published)

    def without_figures(self, n_classes: int) -> tuple[str, ...]:
        """Return the recipe's figures of merit that cells of so many classes do not have.

        Parameters
        ----------
        n_classes : int

        Raises
        ------
        ValueError
            If they have none of them.
        """
        missing = () if n_classes == 2 else OF_TWO_CLASSES
        if set(self.metrics) <= set(missing):
            raise wrong_key(
                "metrics",
                self.metrics,
                f"figures that {n_classes} classes have, such as 'accuracy' or 'macro_f1'",
            )
        return tuple(metric for metric in self.metrics if metric in missing)

    def override(self, tables: Mapping[str, Any]) -> Recipe:
        """Return a copy with some settings changed.

        Published figures go with their variants: one that is no longer run has none.

        Parameters
        ----------
        tables : mapping
            Keys to change; a table is merged with the recipe's own.

        Examples
        --------
        >>> from leukfeat.recipes import load_recipe
        >>> load_recipe("cnn").override({"cnn": {"epochs": 2}}).cnn.epochs
        2
        """
        changes: dict[str, Any] = {}
        for name, value in tables.items():
            own = getattr(self, name, None)
            if not isinstance(value, Mapping):
                changes[name] = value
            elif own is None and name == "preparation":
                changes[name] = as_step(name, PreparationStep, value)
            elif own is None:
                raise ValueError(f"The recipe {self.name!r} has no table [{name}] to change.")
            else:
                fields = {f.name: getattr(own, f.name) for f in dataclasses.fields(own) if f.init}
                changes[name] = as_step(name, type(own), {**fields, **_merged(fields, value)})
        check_keys("", changes, [field.name for field in dataclasses.fields(self)])
        if "published" in changes:
            return dataclasses.replace(self, **changes)
        bare = dataclasses.replace(self, **changes, published=())
        return dataclasses.replace(bare, published=figures_that_stay(self, bare))


def _merged(fields: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes of a table whose own tables are merged too."""
    merged = dict(value)
    for name, given in value.items():
        inner = fields.get(name)
        if isinstance(given, Mapping) and dataclasses.is_dataclass(inner):
            merged[name] = {**dataclasses.asdict(inner), **given}  # type: ignore[arg-type]
    return merged
