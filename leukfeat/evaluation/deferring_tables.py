"""Sets of classes, and the error among the surest cells, laid out for reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from leukfeat.evaluation.deferring import LEVELS, conformal_report, result_risk_coverage
from leukfeat.evaluation.wording import markdown_table
from leukfeat.metrics import Interval

if TYPE_CHECKING:
    from leukfeat.evaluation.result import Evaluation

__all__ = ["conformal_table", "deferring_markdown", "risk_table", "what_risk_is", "what_sets_are"]

_DECIDED = (1.0, 0.9, 0.8, 0.7, 0.5)

Table = tuple[list[str], list[list[str]]]


def what_sets_are(result: Evaluation) -> str:
    """Say what is promised, and of what the table is the test.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
    """
    of = f"{result.predictions.unit}s"
    how = (
        f"calibrated on the {of} of the other folds, so the promise holds about: the heads of the "
        "folds differ"
        if len(np.unique(result.predictions.fold)) > 1
        else f"calibrated on the other {of} of the test"
    )
    return (
        "A set of classes that is to hold the truth of one random cell of a new subject with the "
        f"promised probability, for cells of each class (Dunn, Wasserman and Ramdas); {how}."
    )


def conformal_table(
    result: Evaluation, levels: Sequence[float] = LEVELS
) -> tuple[Table, list[str]]:
    """Lay out the sets of classes at each level.

    Parameters
    ----------
    result : Evaluation
        The result.
    levels : sequence of float, default=LEVELS
        Promised coverages.

    Returns
    -------
    table : (list of str, list of list of str)
        Header and rows; no rows where no level can be promised.
    refused : list of str
        Why a level is not there.
    """
    unit = result.predictions.unit
    header = [
        "promised",
        "cells of",
        f"calibration {unit}s",
        "set held the truth",
        "classes in a set",
        "one class",
        "no class",
    ]
    rows: list[list[str]] = []
    refused: list[str] = []
    for one in conformal_report(result, levels):
        if "refused" in one:
            refused.append(one["refused"])
        for row in one.get("classes", ()):
            held = Interval(estimate=row["holds"], low=row["holds_low"], high=row["holds_high"])
            rows.append(
                [
                    f"{row['level']:g}",
                    str(row["class"]),
                    f"{row['subjects']:,}",
                    str(held),
                    f"{row['classes']:.2f}",
                    f"{100 * row['one_class']:.0f} %",
                    f"{100 * row['no_class']:.0f} %",
                ]
            )
    return (header, rows), list(dict.fromkeys(refused))


def what_risk_is(result: Evaluation) -> str:
    """Say how to read the errors among the surest cells.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
    """
    many = len(set(result.predictions.repeat.tolist())) > 1
    return (
        "The error among the cells that are decided, when those of whose class the head is least "
        f"sure are left to a person{' (first repeat)' if many else ''}; intervals by "
        f"{result.predictions.unit}. A head that is well sure errs less as fewer are decided."
    )


def risk_table(result: Evaluation) -> Table:
    """Lay out the error when a part of the cells is decided.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    header : list of str
    rows : list of list of str
        Empty where the head gives no probabilities, or is equally sure of every cell.
    """
    header = ["cells decided", "error among them", "least sure of them"]
    try:
        table = result_risk_coverage(result)
    except ValueError:  # no probabilities
        return header, []
    if len(table) < 2:
        return header, []
    rows: dict[float, list[str]] = {}
    for wanted in _DECIDED:
        row = table[table["coverage"] >= wanted - 1e-9].iloc[0]
        error = Interval(estimate=row["error"], low=row["low"], high=row["high"])
        rows[float(row["coverage"])] = [
            f"{100 * row['coverage']:.0f} %",
            str(error),
            f"{row['confidence']:.3f}",
        ]
    return header, list(rows.values())


def deferring_markdown(result: Evaluation) -> str:
    """Write the sets of classes and the errors among the surest cells as Markdown.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    str
        Empty where the head gives no probabilities.
    """
    header, risks = risk_table(result)
    if not risks:
        return ""
    said = f"\nLeft to a person: {what_risk_is(result)}\n\n{markdown_table(header, risks)}\n"
    (names, rows), refused = conformal_table(result)
    said += f"\nConformal sets: {what_sets_are(result)}\n"
    said += f"\n{markdown_table(names, rows)}\n" if rows else ""
    return said + "".join(f"\n- {one}" for one in refused) + ("\n" if refused else "")
