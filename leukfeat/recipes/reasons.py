"""Why a figure of ours is not the published one: each reason with a number of the same run."""

from __future__ import annotations

from collections.abc import Mapping

from leukfeat.evaluation import Evaluation
from leukfeat.evaluation.scoring import figure_name
from leukfeat.metrics import Interval, difference
from leukfeat.recipes.circumstances import (
    cells_reason,
    columns_reason,
    training_reason,
    vote_reason,
)
from leukfeat.recipes.published import Published
from leukfeat.recipes.result import Mode
from leukfeat.recipes.schema import HABITS, Recipe

__all__ = ["explain"]


def explain(
    recipe: Recipe,
    evaluations: Mapping[tuple[str, str], Evaluation],
    modes: tuple[Mode, ...],
    comparable: Mapping[Published, str],
    *,
    facts: Mapping[tuple[str, str], Mapping[str, float]],
    level: float,
) -> tuple[str, ...]:
    """Return the reasons for the differences, for the variant that was published.

    Parameters
    ----------
    recipe : Recipe
    evaluations : mapping of (str, str) to Evaluation
        By variant and mode.
    modes : tuple of Mode
    comparable : mapping of Published to str
        Published figures of this task, and on which other data they were had.
    facts : mapping of (str, str) to mapping
        What was noted of the fits, by variant and mode; see :class:`Fitted`.
    level : float
        Level of the intervals.

    Returns
    -------
    tuple of str
    """
    variants = list(dict.fromkeys(variant for variant, _ in evaluations))
    named = [figure.variant for figure in comparable if figure.variant in variants]
    variant = named[0] if named else variants[0]
    by_mode = {mode.key: evaluations[variant, mode.key] for mode in modes}
    honest = by_mode["group"]
    metric = next(m for m in recipe.metrics if (m, "cells") in honest.figures)
    rows = "samples" if recipe.kind == "matrix" else "cells"
    found = [
        *_gap(by_mode, modes, metric, level),
        *_controls(honest, metric, rows),
        *training_reason(facts[variant, "group"], honest),
        *columns_reason(recipe, facts[variant, "group"], variant),
        *_published(honest, comparable, variant, metric, rows),
    ]
    if len(variants) > 1:
        found = [f"{variant}: {reason}" for reason in found]
    return (*found, *vote_reason(evaluations, metric), *cells_reason(recipe, honest))


def _gap(
    by_mode: Mapping[str, Evaluation], modes: tuple[Mode, ...], metric: str, level: float
) -> list[str]:
    found = []
    name, honest = figure_name(metric), by_mode["group"]
    for mode in modes:
        if mode.key == "group":
            continue
        one = by_mode[mode.key]
        if (metric, "cells") not in one.figures:
            continue
        gap = one[metric].estimate - honest[metric].estimate
        shown = True
        if _can_be_paired(one, honest):
            interval = difference(
                one.figures[metric, "cells"], honest.figures[metric, "cells"]
            ).interval(level)
            said = _signed(interval)
            shown = not interval.known or 0 not in interval
        else:
            said = (
                f"{gap:+.3f} (no interval: without known subjects the {one.predictions.n_cells:,} rows "
                f"cannot be paired with the {honest.predictions.n_cells:,} cells)"
            )
        habits = list(mode.habits or (["random_split"] if mode.split == "random" else []))
        if _a_row_a_patient(honest) and "random_split" in habits:
            # A random split of rows is then a split by patient.
            habits.remove("random_split")
        if not habits:
            continue
        words = "; ".join(HABITS[habit] for habit in habits)
        cause = f" ({words})" if shown else f"; no difference is shown where {words}"
        found.append(
            f"{mode.title[0].upper()}{mode.title[1:]} {name} is {one[metric].estimate:.3f}, by group "
            f"{honest[metric].estimate:.3f}: {said}{cause}." + _unknown_subjects(honest)
        )
    return found


def _can_be_paired(one: Evaluation, honest: Evaluation) -> bool:
    """Tell whether both stand on the same units; copies of a cell are of its subject."""
    a, b = one.predictions, honest.predictions
    if a.subjects is None or b.subjects is None:
        return a.n_cells == b.n_cells
    return set(a.subjects) == set(b.subjects)


def _unknown_subjects(honest: Evaluation) -> str:
    if honest.predictions.n_subjects is not None:
        return ""
    return (
        " Subjects are not known here: by group keeps no more than identical images together, and "
        "the difference that patients make does not show (subject_pattern reads them from file "
        "names)."
    )


def _a_row_a_patient(honest: Evaluation) -> bool:
    return honest.predictions.n_subjects == honest.predictions.n_cells


def _controls(honest: Evaluation, metric: str, rows: str) -> list[str]:
    scores = {
        name: one[metric].estimate
        for name, one in honest.controls.items()
        if (metric, "cells") in one.figures
    }
    if not scores:
        return []
    listed = ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
    return [
        f"Without looking at the {rows}, {figure_name(metric)} by group is: {listed}; "
        f"the recipe has {honest[metric].estimate:.3f}."
    ]


def _published(
    honest: Evaluation,
    comparable: Mapping[Published, str],
    variant: str,
    metric: str,
    rows: str,
) -> list[str]:
    found, elsewhere = [], []
    for figure, other in comparable.items():
        if figure.variant not in ("", variant) or (figure.metric, "cells") not in honest.figures:
            continue
        if figure.system:
            continue  # stands in the table, marked, but says nothing of this one
        if other:
            if figure.metric == metric:
                elsewhere.append(f"{figure.value:.3f} (data: {other})")
            continue
        ours, name = honest[figure.metric], figure_name(figure.metric)
        if ours.known:
            where = "within" if figure.value in ours else "outside"
            found.append(
                f"The published {name} of {figure.value:.3f} lies {where} our interval by group, "
                f"{ours}{_subjects(honest)}."
            )
    if elsewhere:
        found.append(
            f"The published {figure_name(metric)} is of data that are not these, or not stated: "
            f"{', '.join(elsewhere)}. These "
            f"are {honest.predictions.n_cells:,} {rows}{_subjects(honest)}, on which it is "
            f"{honest[metric]} by group."
        )
    return found


def _subjects(honest: Evaluation) -> str:
    n = honest.predictions.n_subjects
    return " of unknown subjects" if n is None else f" of {n} subjects"


def _signed(interval: Interval) -> str:
    if not interval.known:
        return f"{interval.estimate:+.3f}"
    return f"{interval.estimate:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
