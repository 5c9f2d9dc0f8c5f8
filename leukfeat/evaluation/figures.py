"""The figures of results, handed to `leukfeat.reporting` as plain tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from leukfeat.evaluation.deferring import result_risk_coverage
from leukfeat.metrics import precision_recall_band, reliability_table, roc_band
from leukfeat.reporting import (
    Curve,
    caption,
    draw_confusion,
    draw_curves,
    draw_line,
    draw_per_subject,
)
from leukfeat.reporting.style import percent_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from leukfeat.evaluation.result import Evaluation

__all__ = [
    "plot_confusion",
    "plot_curves",
    "plot_per_subject",
    "plot_reliability",
    "plot_risk_coverage",
]


def _interval_words(result: Evaluation, *, pointwise: bool = False) -> str:
    by = result.predictions.unit
    return f"{100 * result.level:g} % intervals by {by}" + (", pointwise" if pointwise else "")


def _caption(result: Evaluation, *more: str) -> str:
    p = result.predictions
    text = caption(p.n_cells, p.n_subjects, *more)
    return "\n".join([text, *result.notes])


def plot_curves(
    results: Sequence[Evaluation], *, kind: str = "roc", ax: Any = None, band: bool = True
) -> Figure:
    """Draw ROC or precision-recall curves of several results on the same cells.

    Parameters
    ----------
    results : sequence of Evaluation
        The first one's notes are shown. With two classes one curve each; with more, the first
        result's curve of each class against the rest.
    kind : {"roc", "precision_recall"}, default="roc"
        Which curves.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.
    band : bool, default=True
        Whether to shade the interval at each point.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the head gives no scores.
    """
    first = results[0]
    p = first.predictions
    if p.scores is None:
        raise ValueError(f"{first.name!r} gives no scores (no predict_proba): there is no curve.")
    if p.positive is None:
        wanted = [(first, c, name) for c, name in enumerate(p.class_names) if (p.y == c).any()]
    else:
        wanted = [
            (r, p.positive, r.name)
            for r in results
            # One score for every cell has no curve but the diagonal.
            if r.predictions.scores is not None and np.ptp(r.predictions.scores[:, p.positive]) > 0
        ]
    curves = [_curve(result, c, name, kind, band) for result, c, name in wanted]
    positive = "a class" if p.positive is None else p.class_names[p.positive]
    many = len(np.unique(p.repeat)) > 1
    words = _interval_words(first, pointwise=band) if p.units is not None else ""
    return draw_curves(
        curves,
        kind=kind,
        positive=positive,
        baseline=None if p.positive is None else float((p.y == p.positive).mean()),
        text=_caption(first, words, "first repeat" if many else ""),
        ax=ax,
    )


def _curve(result: Evaluation, c: int, name: str, kind: str, band: bool) -> Curve:
    # Scores of different repeats are not drawn as one curve.
    p = result.predictions.repeats[0]
    up = (p.y == c).astype(int)
    compute = roc_band if kind == "roc" else precision_recall_band
    found = compute(up, p.scores[:, c], p.units if band else None, level=result.level)  # type: ignore[index]
    binary = p.positive is not None
    key = ("auroc" if kind == "roc" else "auprc") + ("" if binary else f"[{p.class_names[c]}]")
    has_band = bool(np.isfinite(found.low).any())
    point = bounds = None
    if binary and kind == "roc":
        hit, spared = result["sensitivity"], result["specificity"]
        point = (1 - spared.estimate, hit.estimate)
        bounds = (1 - spared.high, 1 - spared.low, hit.low, hit.high)
    return Curve(
        name=name,
        x=found.x,
        y=found.y,
        label=str(result[key]),
        low=found.low if has_band else None,
        high=found.high if has_band else None,
        point=point,
        point_bounds=bounds,
    )


def plot_reliability(result: Evaluation) -> Figure:
    """Draw what a head said against what was found, in ten bins.

    Parameters
    ----------
    result : Evaluation
        Of two classes, with probabilities.

    Returns
    -------
    matplotlib.figure.Figure
    """
    p = result.predictions
    if p.scores is None or p.positive is None:
        raise ValueError(f"{result.name!r} gives no probabilities of a positive class.")
    up = (p.y == p.positive).astype(int)
    table = reliability_table(up, p.scores[:, p.positive], level=result.level)
    name = p.class_names[p.positive]
    figure = draw_line(
        table.rename(columns={"said": "x", "found": "estimate"}),
        x_label=f"probability of {name} that was said",
        y_label=f"part that was {name}",
        text=_caption(result, "bins of equally many cells; shaded: cells taken as independent"),
    )
    figure.axes[0].plot([0, 1], [0, 1], color="#888888", linewidth=0.8, zorder=0)
    return figure


def plot_risk_coverage(result: Evaluation) -> Figure:
    """Draw the error among the surest cells against the part of the cells that is decided.

    Parameters
    ----------
    result : Evaluation
        With probabilities.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the head gives no probabilities.
    """
    table = result_risk_coverage(result)
    many = len(np.unique(result.predictions.repeat)) > 1
    figure = draw_line(
        table.rename(columns={"coverage": "x", "error": "estimate"}),
        x_label="part of the cells that is decided, the surest first",
        y_label="error among them",
        text=_caption(
            result,
            f"shaded: {_interval_words(result, pointwise=True)}",
            "first repeat" if many else "",
        ),
    )
    percent_axis(figure.axes[0].xaxis)
    figure.axes[0].set_xlim(0, 1.02)
    figure.axes[0].set_ylim(bottom=0)
    return figure


def plot_confusion(result: Evaluation, *, ax: Any = None) -> Figure:
    """Draw the confusion table of a result.

    Parameters
    ----------
    result : Evaluation
        The result.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    p = result.predictions
    notes = []
    for c in range(len(p.class_names)):
        subjects = None if p.subjects is None else len(set(p.subjects[p.y == c]) - {None})
        notes.append("" if subjects is None else f"{subjects} subjects")
    repeats = len(np.unique(p.repeat))
    return draw_confusion(
        result.confusion.to_numpy(),
        p.class_names,
        row_notes=notes,
        text=_caption(
            result, "per cent of each true class", f"mean of {repeats} repeats" * (repeats > 1)
        ),
        ax=ax,
    )


def plot_per_subject(result: Evaluation) -> Figure:
    """Draw how each subject fared.

    Parameters
    ----------
    result : Evaluation
        The result.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If subjects are not known.
    """
    p = result.predictions
    if p.subjects is None:
        raise ValueError("There are no subjects to draw: the cells do not tell their patient.")
    means = {}
    for c, name in enumerate(p.class_names):
        if p.positive is None:
            key = f"sensitivity[{name}]"
        else:
            key = "sensitivity" if c == p.positive else "specificity"
        if (key, "subjects") in result.figures and (p.y == c).any():
            means[name] = result.interval(key, "subjects")
    table = result.per_subject
    order = {name: i for i, name in enumerate(p.class_names)}
    return draw_per_subject(
        table.sort_values("class", key=lambda s: s.map(order), kind="stable"),
        means=means,
        text=_caption(
            result,
            "area of a mark: its cells; bar: Wilson's interval of the subject's own cells; "
            f"line and band: mean over subjects, {100 * result.level:g} % interval",
        ),
    )
