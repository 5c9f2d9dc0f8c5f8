"""Results as Markdown and as HTML for a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from leukfeat.evaluation.beyond_controls import beyond_controls
from leukfeat.evaluation.left_out import left_out_rows
from leukfeat.evaluation.scoring import figure_name
from leukfeat.metrics import Interval

if TYPE_CHECKING:
    import pandas as pd

    from leukfeat.evaluation.result import Evaluation

__all__ = [
    "counted",
    "evaluation_html",
    "evaluation_markdown",
    "evaluation_table",
    "interval_notes",
    "interval_texts",
    "sentence",
]

_LONG = 45

Table = tuple[list[str], list[list[str]]]


def counted(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it is not one.

    Parameters
    ----------
    n : int
    noun : str

    Returns
    -------
    str

    Examples
    --------
    >>> counted(1, "pair"), counted(1200, "pair")
    ('1 pair', '1,200 pairs')
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def sentence(result: Evaluation) -> str:
    """Say what a result stands on.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
    """
    p = result.predictions
    of = "subjects not known" if p.n_subjects is None else f"of {p.n_subjects:,} subjects"
    if p.n_without_subject:
        of += f" and {p.n_without_subject:,} without subject"
    repeats = len(set(p.repeat.tolist()))
    more = f", mean of {repeats} repeats" if repeats > 1 else ""
    positive = "" if p.positive is None else f"; positive class: {p.class_names[p.positive]}"
    return (
        f"{p.n_cells:,} cells {of}{more}{positive}; in brackets {100 * result.level:g} % "
        f"intervals by {p.unit}"
    )


def interval_notes(results: Iterable[Evaluation], metrics: Sequence[str]) -> tuple[str, ...]:
    """Say of which intervals over cells a reader must know more than their ends.

    Parameters
    ----------
    results : iterable of Evaluation
        Whose figures are shown.
    metrics : sequence of str
        The figures of merit that are shown.

    Returns
    -------
    tuple of str
        One line a kind of remark, with the figures that it concerns.
    """
    concerned: dict[str, list[str]] = {}
    for result in results:
        for metric in metrics:
            note = result.interval(metric).note if (metric, "cells") in result.figures else ""
            name = figure_name(metric)
            if note and name not in concerned.setdefault(note, []):
                concerned[note].append(name)
    return tuple(f"interval of {', '.join(names)}: {note}" for note, names in concerned.items())


def evaluation_table(result: Evaluation) -> Table:
    """Lay out a result: figures in rows; the head over cells, over subjects, and the controls.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    header : list of str
    rows : list of list of str
    """
    by_subject = result.predictions.subjects is not None
    header = ["", f"{result.name}, over cells"]
    header += [f"{result.name}, over subjects"] if by_subject else []
    header += list(result.controls)
    rows = []
    for name, over in result.figures:
        if over != "cells":
            continue
        row = [figure_name(name), str(result.interval(name))]
        if by_subject:
            known = (name, "subjects") in result.figures
            row.append(str(result.interval(name, "subjects")) if known else "")
        for control in result.controls.values():
            known = (name, "cells") in control.figures
            row.append(f"{control[name].estimate:.3f}" if known else "")
        rows.append(row)
    return header, rows


def interval_texts(table: pd.DataFrame) -> list[str]:
    """Write each row's estimate with its bounds.

    Parameters
    ----------
    table : DataFrame
        With the columns ``estimate``, ``low`` and ``high``.

    Returns
    -------
    list of str
    """
    values = table[["estimate", "low", "high"]].to_numpy(float)
    return [str(Interval(estimate=e, low=low, high=high)) for e, low, high in values]


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as Markdown.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Cells of the table.

    Returns
    -------
    str

    Examples
    --------
    >>> print(markdown_table(["head", "AUROC"], [["svm", "0.91"]]))
    | head | AUROC |
    |---|---|
    | svm | 0.91 |
    """

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |"

    return "\n".join([line(header), "|" + "---|" * len(header), *(line(row) for row in rows)])


def html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table as HTML.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Cells of the table; the first of each row is its name.

    Returns
    -------
    str
    """
    head = "".join(f'<th scope="col">{html.escape(c)}</th>' for c in header)
    body = "".join(
        f'<tr><th scope="row">{html.escape(row[0])}</th>'
        + "".join(_cell(c) for c in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str) -> str:
    # A page lets long text wrap, and an interval before its bounds; other numbers stay on one line.
    estimate, _, bounds = text.partition(" (")
    if " to " in bounds and bounds.endswith(")") and len(text) <= _LONG:
        shown = f"{html.escape(estimate)} <span>({html.escape(bounds)}</span>"
        return f'<td class="bounds">{shown}</td>'
    mark = ' class="long"' if len(text) > _LONG else ""
    return f"<td{mark}>{html.escape(text)}</td>"


def notes_html(notes: Sequence[str]) -> str:
    """Write notes as an HTML list; nothing where there are none.

    Parameters
    ----------
    notes : sequence of str
        The notes.

    Returns
    -------
    str
    """
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""


def evaluation_markdown(result: Evaluation) -> str:
    """Write the figures of a result and its notes as Markdown.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
    """
    notes = "".join(f"\n- {note}" for note in _remarks(result))
    table = markdown_table(*evaluation_table(result))
    return f"**{result.name}**: {sentence(result)}.\n\n{table}\n" + (f"{notes}\n" if notes else "")


def left_out_markdown(result: Evaluation) -> str:
    """List all that a result does not stand on, as Markdown.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
        Empty where nothing was left out.
    """
    rows = left_out_rows(result.left_out)
    if not rows:
        return ""
    return f"\nLeft out:\n\n{markdown_table(['', 'reason'], rows)}\n"


def evaluation_html(result: Evaluation) -> str:
    """Write a result as HTML for a notebook.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
    """
    words = f"<p><b>{html.escape(result.name)}</b>: {html.escape(sentence(result))}.</p>"
    return f"{words}{html_table(*evaluation_table(result))}{notes_html(_remarks(result))}"


def _remarks(result: Evaluation) -> tuple[str, ...]:
    shown = [name for name, over in result.figures if over == "cells"]
    beyond = beyond_controls({result.name: result}, result.controls)
    return (*beyond, *result.notes, *interval_notes([result], shown))
