"""What ``leukfeat evaluate`` is asked for besides: operating points, conformal sets, a model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leukfeat.cli.advice import in_options
from leukfeat.cli.options import part_of_one
from leukfeat.cli.writing import write_text

if TYPE_CHECKING:
    from leukfeat.evaluation import Comparison, Evaluation

__all__ = [
    "AtSensitivity",
    "AtSpecificity",
    "ConformalLevel",
    "ModelCard",
    "conformal_at",
    "points_at",
    "write_card",
]

_POINTS = "Points and sets"


AtSensitivity = Annotated[
    float | None,
    typer.Option(
        help="Also show what is reached at this sensitivity, such as 0.95: each fold's threshold is "
        "chosen on its training subjects.",
        rich_help_panel=_POINTS,
        callback=part_of_one,
    ),
]
AtSpecificity = Annotated[
    float | None,
    typer.Option(
        help="The same at this specificity.", rich_help_panel=_POINTS, callback=part_of_one
    ),
]
ConformalLevel = Annotated[
    float | None,
    typer.Option(
        help="Also test sets of classes that hold the truth of a new subject's cell with this "
        "probability, such as 0.9.",
        rich_help_panel=_POINTS,
        callback=part_of_one,
    ),
]
ModelCard = Annotated[
    Path | None,
    typer.Option(
        help="A model card to write, as Markdown; of several heads that of the first.",
    ),
]


def _results(result: Comparison | Evaluation) -> dict[str, Evaluation]:
    """Return the results by head: one or several."""
    return getattr(result, "results", None) or {result.name: result}  # type: ignore[union-attr]


def points_at(
    result: Comparison | Evaluation, wanted: Mapping[str, float | None]
) -> tuple[list[dict[str, Any]], str]:
    """Measure operating points of every head.

    Parameters
    ----------
    result : Comparison or Evaluation
        Of a cross-validation.
    wanted : mapping of str to float or None
        ``sensitivity`` and ``specificity``; ``None`` for one that is not asked for.

    Returns
    -------
    rows : list of dict
        One a head, wanted figure and class; a head without scores has ``refused`` in their place.
    text : str
        The same as Markdown; empty if nothing is asked for.
    """
    from leukfeat.evaluation.operating_tables import (
        OPERATING_HEADER,
        WHAT_OPERATING_POINTS_ARE,
        operating_rows,
    )
    from leukfeat.evaluation.wording import markdown_table

    rows: list[dict[str, Any]] = []
    lines: list[list[str]] = []
    notes: list[str] = []
    for figure, level in wanted.items():
        if level is None:
            continue
        for head, one in _results(result).items():
            asked = {"head": head, "wanted": figure, "level": level}
            try:
                points = one.operating_points(**{figure: level})
            except ValueError as error:
                rows.append({**asked, "refused": str(error)})
                notes.append(f"\n- {in_options(str(error))}")
                continue
            rows += [{**asked, **row} for row in points.to_dict("records")]  # type: ignore[dict-item]
            lines += [[head, *row] for row in operating_rows(points, f"{figure} {level:g}")]
    if not rows:
        return [], ""
    table = f"\n\n{markdown_table(['head', *OPERATING_HEADER], lines)}" if lines else ""
    said = "".join(dict.fromkeys(notes))
    return rows, f"\nOperating points: {WHAT_OPERATING_POINTS_ARE}{table}\n{said}\n"


def conformal_at(
    result: Comparison | Evaluation, level: float | None
) -> tuple[list[dict[str, Any]], str]:
    """Test the sets of classes of every head at one level.

    Parameters
    ----------
    result : Comparison or Evaluation
        Any.
    level : float or None
        The promised coverage; ``None`` if it is not asked for.

    Returns
    -------
    rows : list of dict
        One a head and class; where the level cannot be promised, ``refused`` says why.
    text : str
        The same as Markdown; empty if nothing is asked for.
    """
    from leukfeat.evaluation.deferring import conformal_report
    from leukfeat.evaluation.deferring_tables import conformal_table, what_sets_are
    from leukfeat.evaluation.wording import markdown_table

    if level is None:
        return [], ""
    rows: list[dict[str, Any]] = []
    lines: list[list[str]] = []
    notes: list[str] = []
    header: list[str] = []
    for head, one in _results(result).items():
        for found in conformal_report(one, [level]):
            classes = found.get("classes") or [{"level": level, "refused": found["refused"]}]
            rows += [{"head": head, **row} for row in classes]
        (header, said), refused = conformal_table(one, [level])
        lines += [[head, *row] for row in said]
        notes += [f"\n- {in_options(reason)}" for reason in refused]
    first = next(iter(_results(result).values()))
    table = f"\n\n{markdown_table(['head', *header], lines)}" if lines else ""
    why = "".join(dict.fromkeys(notes))
    return rows, f"\nConformal sets: {what_sets_are(first)}{table}\n{why}\n"


def write_card(result: Comparison | Evaluation, path: Path) -> None:
    """Write the model card of a result, or of the first head of several.

    Parameters
    ----------
    result : Comparison or Evaluation
        A test of the model.
    path : Path
        The file; an older one is replaced.
    """
    from leukfeat.evaluation import model_card
    from leukfeat.reporting.markdown_text import inert_markdown

    first = next(iter(_results(result).values()))
    write_text(path.expanduser(), inert_markdown(model_card(first)))
