"""A result as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.evaluation.audit.report import Audit
from leukfeat.evaluation.beyond_controls import beyond_controls
from leukfeat.evaluation.cell_names import short_names
from leukfeat.evaluation.deferring_tables import (
    conformal_table,
    risk_table,
    what_risk_is,
    what_sets_are,
)
from leukfeat.evaluation.figures import plot_reliability, plot_risk_coverage
from leukfeat.evaluation.left_out import left_out_rows
from leukfeat.evaluation.operating_tables import (
    OPERATING_HEADER,
    WHAT_OPERATING_POINTS_ARE,
    operating_rows,
)
from leukfeat.evaluation.report_parts import data_flow, split_rows, wrong_images
from leukfeat.evaluation.report_words import (
    WHAT_CALIBRATION_IS,
    WHAT_DIFFERENCES_ARE,
    WHAT_MARGINS_ARE,
    WHAT_RESULTS_ARE,
    WHAT_SCORES_ARE,
    what_maps_are,
    what_subjects_are,
)
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.scoring import figure_name
from leukfeat.evaluation.wording import counted, evaluation_table, html_table, sentence
from leukfeat.metrics import Interval, brier_score, calibration_line, expected_calibration_error

if TYPE_CHECKING:
    from leukfeat.evaluation.comparison import Comparison
    from leukfeat.reporting import Page

__all__ = ["evaluation_page"]

_WORST = 12
_WANTED = 0.95


def evaluation_page(
    result: Evaluation,
    *,
    audit: Audit | None = None,
    comparison: Comparison | None = None,
    images: bool = False,
    maps: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Page:
    """Lay a result out as a page.

    Parameters
    ----------
    result : Evaluation
        The result.
    audit : Audit, optional
        Of the same cells: its verdict comes first.
    comparison : Comparison, optional
        Of heads on the same splits.
    images : bool, default=False
        Whether to put the most wrong cells' images into the page; they are read by their paths.
    maps : callable, optional
        With `images`: takes an RGB image and returns where the head finds its evidence, an array
        of any height and width, positive for the positive class; drawn over each image.

    Returns
    -------
    Page

    Raises
    ------
    ValueError
        If images are asked for and the cells have no paths.
    """
    from leukfeat.reporting import Page

    page = Page(f"{result.name} on {result.about.get('dataset') or 'labelled cells'}")
    page.words(f"{sentence(result)}.")
    page.notes((*beyond_controls({result.name: result}, result.controls), *result.notes))
    if audit is not None:
        page.section("Audit")
        bad = audit.is_leaky or audit.has_shortcut
        page.words(audit.verdict, kind="verdict bad" if bad else "verdict")
        for one in audit.findings:
            page.finding(one.severity, one.kind, one.message)
    page.section("Cells and splits")
    page.words(data_flow(result))
    page.table(html_table(*_cells(result)))
    if len(np.unique(result.predictions.fold)) > 1:
        page.words("Test side of each fold; the others are its training side:")
        page.table(html_table(*split_rows(result)), tall=True)
    page.section("Results")
    page.words(WHAT_RESULTS_ARE)
    page.table(html_table(*evaluation_table(result)))
    if comparison is not None:
        page.section("Comparison")
        if len(comparison.results) > 1:
            page.words(
                f"This page shows {result.name} in full, one of {len(comparison.results)} heads; "
                "the first that was named, unless another was asked for (to_html(head=...))."
            )
        table = comparison.table
        rows = [[str(n), *map(str, r)] for n, r in zip(table.index, table.to_numpy(), strict=True)]
        page.table(html_table(["head", *table.columns], rows))
        page.figure(comparison.plot(), "Figures of merit of all heads with intervals")
        unit = result.predictions.unit
        main = "auroc" if ("auroc", "cells") in result.figures else "balanced_accuracy"
        page.words(
            f"Paired differences of {figure_name(main)}, tested by {unit}. {WHAT_DIFFERENCES_ARE}"
        )
        page.table(_frame(comparison.differences(main)))
    page.section("Figures")
    drawn = [(result.plot_confusion(), f"Confusion table of {result.name}")]
    if result.predictions.scores is not None:
        drawn = [
            (result.plot_roc(), f"ROC curve of {result.name} and the control heads"),
            (result.plot_precision_recall(), f"Precision-recall curve of {result.name}"),
            *drawn,
        ]
    calibrated = _calibration(result)
    if calibrated:
        drawn.append((plot_reliability(result), f"What {result.name} said against what was found"))
    page.figures(drawn)
    _operating_points(page, result)
    _leave_open(page, result)
    if len(result.per_subject):
        page.section("Subjects")
        page.figure(result.plot_per_subject(), "Part of each subject's cells classified right")
        erring = result.per_subject[result.per_subject["right"] < 1].head(_WORST)
        page.words(
            f"The {counted(len(erring), 'subject')} of whose cells the largest part is called wrong. "
            f"{what_subjects_are(result)}"
            if len(erring)
            else "Every cell of every subject is called right."
        )
        if len(erring):
            page.table(_frame(erring))
    wrong = result.most_wrong(_WORST)
    if len(wrong):
        page.section("Most wrong cells")
        page.words(
            "Wrongly called cells of which the head was surest: look at these first, and at their "
            f"labels. {'' if result.predictions.scores is None else WHAT_SCORES_ARE}"
        )
        page.table(_frame(_named(wrong)))
        if images:
            if maps is not None:
                page.words(what_maps_are(result, getattr(maps, "target", None)))
            page.gallery(wrong_images(result.most_wrong(_WORST), maps))
    suspects = _suspects(result)
    if len(suspects):
        page.section("Suspected label errors")
        page.words(
            f"{len(suspects):,} cells whose label the head doubts as surely as it believes others "
            "(confident learning), the most suspect first. Where most cells of one subject are "
            f"suspected, it is the subject that is hard for the head. {WHAT_MARGINS_ARE}"
        )
        area = result.figures.get(("auroc", "cells"))
        interval = None if area is None else area.interval(result.level)
        if interval is None or not interval.known or interval.low <= 0.5:
            page.words(
                f"{result.name} is not shown to be better than chance: its doubts say little."
            )
        page.table(_frame(_named(suspects.head(_WORST))))
    if calibrated:
        page.section("Calibration")
        page.words(WHAT_CALIBRATION_IS)
        page.table(html_table(["", "value"], calibrated))
    if len(result.left_out):
        page.section("Left out")
        page.words(f"{len(result.left_out):,} files or cells that the figures do not stand on:")
        page.table(html_table(["", "reason"], left_out_rows(result.left_out)), tall=True)
    page.section("Settings and versions")
    page.preformatted(json.dumps(result.about, indent=2, default=str))
    return page


def _leave_open(page: Page, result: Evaluation) -> None:
    """Show what may be left to a person: doubtful cells, and sets of classes."""
    header, risks = risk_table(result)
    if not risks:
        return
    page.section("Left to a person")
    page.words(what_risk_is(result))
    page.figures([(plot_risk_coverage(result), "Error among the surest cells")])
    page.table(html_table(header, risks))
    page.section("Conformal sets")
    page.words(what_sets_are(result))
    (names, rows), refused = conformal_table(result)
    if rows:
        page.table(html_table(names, rows))
    page.notes(refused)


def _operating_points(page: Page, result: Evaluation) -> None:
    p = result.predictions
    if p.scores is None or len(np.unique(p.fold)) < 2:
        return
    page.section("Operating points")
    page.words(WHAT_OPERATING_POINTS_ARE)
    rows = []
    for name in ("sensitivity", "specificity"):
        try:
            points = result.operating_points(**{name: _WANTED})
        except ValueError as error:  # the split left nobody else to choose thresholds on
            page.notes([str(error)])
            return
        rows += operating_rows(points, f"{name} {_WANTED:g}")
    page.table(html_table(OPERATING_HEADER, rows))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Call cells by their images: the path, else the digest, else the row."""
    table = table.copy()
    names = [f"row {cell}" for cell in table["cell"]]
    for known in ("id", "path"):
        if known in table:
            values = table.pop(known)
            names = [
                name if pd.isna(value) or value == "" else value
                for name, value in zip(names, values, strict=True)
            ]
    table = table.drop(columns="cell")
    table.insert(0, "image", short_names(names))
    return table


def _suspects(result: Evaluation) -> pd.DataFrame:
    try:
        return result.suspected_label_errors(None)
    except ValueError:  # no probabilities
        return pd.DataFrame()


def _cells(result: Evaluation) -> tuple[list[str], list[list[str]]]:
    p = result.predictions
    rows = []
    for c, name in enumerate(p.class_names):
        here = p.y == c
        subjects = "not known"
        if p.subjects is not None:
            lost = pd.isna(p.subjects) & here
            subjects = f"{len(pd.unique(p.subjects[here & ~lost])):,}"
            if lost.any():
                subjects += f" and {len(np.unique(p.cells[lost])):,} cells without"
        rows.append([name, f"{len(np.unique(p.cells[here])):,}", subjects])
    return ["class", "cells", "subjects"], rows


def _frame(table: pd.DataFrame) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, (float, np.floating)):
            return "" if np.isnan(value) else f"{value:.3f}"
        return str(value)

    return html_table(
        [str(c).replace("_", " ") for c in table.columns],
        [[shown(v) for v in row] for row in table.to_numpy(object)],
    )


def _calibration(result: Evaluation) -> list[list[str]]:
    p = result.predictions
    if p.scores is None or p.positive is None:
        return []
    said = p.scores[:, p.positive]
    if said.min() < 0 or said.max() > 1 or np.ptp(said) == 0:
        return []
    up = (p.y == p.positive).astype(int)
    line = calibration_line(up, said, p.units)
    return [
        ["Brier score", str(brier_score(up, said, p.units).interval(result.level))],
        ["intercept (0 is perfect)", _said(line["intercept"].interval(result.level))],
        ["slope (1 is perfect; below 1 too sure)", _said(line["slope"].interval(result.level))],
        [
            "expected calibration error (biased upwards)",
            f"{expected_calibration_error(up, said):.3f}",
        ],
    ]


def _said(found: Interval) -> str:
    return f"{found}: {found.note}" if np.isnan(found.estimate) else str(found)
