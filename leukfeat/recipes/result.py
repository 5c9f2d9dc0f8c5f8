"""The table of a recipe: what was published, and what comes out here, both ways."""

from __future__ import annotations

import dataclasses
import html
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from leukfeat.atomic_file import written_whole
from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.scoring import figure_name
from leukfeat.evaluation.wording import html_table, markdown_table, notes_html
from leukfeat.recipes.published import NOT_STATED, Published
from leukfeat.recipes.schema import Recipe

__all__ = ["RESULT_FORMAT", "Mode", "RecipeResult"]

RESULT_FORMAT = 1
"""Number of the layout of :meth:`RecipeResult.to_dict`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mode:
    """One way in which a recipe was run.

    Parameters
    ----------
    key : {"theirs", "group", "as_published"}
    title : str
        What the table calls it.
    split : {"random", "group", "official"}
    habits : tuple of str, default=()
        Mistakes that were switched on.
    """

    key: str
    title: str
    split: str
    habits: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecipeResult:
    """What :func:`run_recipe` found.

    Parameters
    ----------
    recipe : Recipe
    data : str
        The cells, in words.
    modes : tuple of Mode
        The ways in which it was run, in the order of the table.
    evaluations : mapping of (str, str) to Evaluation
        By variant and key of the mode.
    seconds : mapping of (str, str) to float
        Time of fitting and predicting.
    reading_seconds : mapping of str to float
        Time of reading and extraction, by variant.
    comparable : mapping of Published to str
        For each published figure of this task: empty if it was had on these data, else on which.
    reasons : tuple of str
        Why the figures differ, each with a number of this run.
    notes : tuple of str
        What a reader must know.
    about : mapping
        Versions, weights, seeds.
    """

    recipe: Recipe
    data: str
    modes: tuple[Mode, ...]
    evaluations: Mapping[tuple[str, str], Evaluation]
    seconds: Mapping[tuple[str, str], float]
    reading_seconds: Mapping[str, float]
    comparable: Mapping[Published, str]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    about: Mapping[str, Any]

    def __getitem__(self, key: tuple[str, str]) -> Evaluation:
        """Return the evaluation of a variant in a mode, ``result["svm", "group"]``."""
        return self.evaluations[key]

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants that were run."""
        return tuple(dict.fromkeys(variant for variant, _ in self.evaluations))

    @property
    def table(self) -> pd.DataFrame:
        """One row a variant and figure of merit: published, and ours in every mode."""
        rows = []
        for variant in self.variants:
            for metric in self.recipe.metrics:
                figures = {
                    mode.title: self._figure(variant, mode.key, metric) for mode in self.modes
                }
                if not any(figures.values()):
                    continue
                # Copies that are made before a split are no cells: a note tells their number.
                one = self.evaluations[variant, "group"].predictions
                took = sum(self.seconds[variant, mode.key] for mode in self.modes)
                rows.append(
                    {
                        "variant": variant,
                        "figure": figure_name(metric),
                        "published": self._published(variant, metric),
                        **figures,
                        "cells": one.n_cells,
                        "subjects": one.n_subjects,
                        "seconds": round(took + self.reading_seconds[variant], 1),
                    }
                )
        frame = pd.DataFrame(rows)
        frame["subjects"] = frame["subjects"].astype("Int64")
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold.

        Returns
        -------
        dict
        """
        return {
            "format": RESULT_FORMAT,
            "recipe": self.recipe.name,
            "title": self.recipe.title,
            "citation": self.recipe.citation,
            "data": self.data,
            "modes": [dataclasses.asdict(mode) for mode in self.modes],
            "published": [
                {**dataclasses.asdict(figure), "other_data": self.comparable.get(figure)}
                for figure in self.recipe.published
            ],
            "results": [
                {
                    "variant": variant,
                    "mode": mode,
                    "seconds": self.seconds[variant, mode],
                    "reading_seconds": self.reading_seconds[variant],
                    **one.to_dict(),
                }
                for (variant, mode), one in self.evaluations.items()
            ],
            "reasons": list(self.reasons),
            "notes": list(self.notes),
            "about": dict(self.about),
        }

    def to_json(self, path: Any) -> None:
        """Write :meth:`to_dict` to a file.

        Parameters
        ----------
        path : path-like
        """
        with written_whole(path) as partial:
            partial.write_text(json.dumps(self.to_dict(), indent=1), encoding="utf-8")

    def to_markdown(self) -> str:
        """Return title, table, reasons and notes as Markdown.

        Returns
        -------
        str
        """
        lines = [f"## {self.recipe.title}", self.recipe.summary, f"{self.data}."]
        lines.append(markdown_table(*self.cells_of_table()))
        for heading, items in (("Why they differ", self.reasons), ("Notes", self.notes)):
            if items:
                lines.append(f"**{heading}**\n\n" + "\n".join(f"- {item}" for item in items))
        if sources := self.sources():
            lines.append("**Published**\n\n" + "\n".join(f"- {source}" for source in sources))
        return "\n\n".join(lines) + "\n"

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write the table with reasons, notes and sources as one HTML file.

        Parameters
        ----------
        path : path-like
            The file; an older one is replaced.

        Returns
        -------
        Path
        """
        from leukfeat.recipes.page import recipes_page

        return recipes_page([self]).write(path)

    def _repr_html_(self) -> str:
        parts = [
            f"<h3>{html.escape(self.recipe.title)}</h3><p>{html.escape(self.recipe.summary)}</p>",
            f"<p>{html.escape(self.data)}.</p>{html_table(*self.cells_of_table())}",
            notes_html(self.reasons),
            notes_html(self.notes),
            notes_html(self.sources()),
        ]
        return "".join(parts)

    def __repr__(self) -> str:
        return (
            f"RecipeResult({self.recipe.name!r}: {len(self.variants)} variants, "
            f"{', '.join(mode.title for mode in self.modes)}; {self.data})"
        )

    def _figure(self, variant: str, mode: str, metric: str) -> str:
        one = self.evaluations[variant, mode]
        return str(one[metric]) if (metric, "cells") in one.figures else ""

    def _published(self, variant: str, metric: str) -> str:
        found = [
            f"{figure.value:.3f}{_of_other(figure, other)}"
            for figure, other in self.comparable.items()
            if figure.metric == metric and figure.variant in ("", variant)
        ]
        return "; ".join(found)

    def _source(self, figure: Published) -> str:
        on = f"{figure.cells:,} cells of {figure.dataset}" if figure.cells else figure.dataset
        note = f" {figure.note}" if figure.note else ""
        of = f" of another system ({figure.system})" if figure.system else ""
        return (
            f"{figure_name(figure.metric)} {figure.value:.3f}{of}: {figure.source}; {on}; split: "
            f"{figure.split}.{note}"
        )

    def sources(self) -> list[str]:
        """Return where each published figure is from, in words."""
        return [self._source(figure) for figure in self.recipe.published]

    def cells_of_table(self) -> tuple[list[str], list[list[str]]]:
        """Return :attr:`table` as a header and rows of text."""
        table = self.table
        return list(table.columns), [
            ["" if pd.isna(value) else str(value) for value in row]
            for row in table.astype(object).to_numpy()
        ]


def _of_other(figure: Published, data: str) -> str:
    words = ["other system"] if figure.system else []
    if data:
        words.append("data not stated" if data == NOT_STATED else "other data")
    return f" ({', '.join(words)})" if words else ""
