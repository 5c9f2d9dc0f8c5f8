"""ROC and precision-recall curves with their bands by subject."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from leukfeat.reporting.style import (
    BAND,
    CONTROL_STYLE,
    PALETTE,
    finish,
    in_house_style,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Curve", "draw_curves"]


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """One curve of a figure.

    Parameters
    ----------
    name : str
        The head.
    x, y : ndarray of float
        The curve.
    label : str
        What the legend says of its area, for example ``"0.913 (0.880 to 0.941)"``.
    low, high : ndarray of float, optional
        The band's bounds at `x`.
    point : tuple of float, optional
        Where the head stands at its threshold.
    point_bounds : tuple of float, optional
        ``(x_low, x_high, y_low, y_high)`` of that point.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    label: str = ""
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    point: tuple[float, float] | None = None
    point_bounds: tuple[float, float, float, float] | None = None


@in_house_style
def draw_curves(
    curves: Sequence[Curve],
    *,
    kind: str = "roc",
    positive: str = "positive",
    baseline: float | None = None,
    text: str = "",
    ax: Any = None,
) -> Figure:
    """Draw ROC or precision-recall curves.

    Parameters
    ----------
    curves : sequence of Curve
        The heads; those named as a control head are drawn in grey.
    kind : {"roc", "precision_recall"}, default="roc"
        What the axes are.
    positive : str
        Name of the positive class, for the axes.
    baseline : float, optional
        Precision of a head that knows nothing.
    text : str
        The line below the figure.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if ax is None:
        _, (ax,) = new_figure(width=5.4, height=5.6)
    if kind == "roc":
        ax.plot([0, 1], [0, 1], color="#BBBBBB", linewidth=0.8, zorder=1)
        ax.set_xlabel(f"1 - specificity (other cells called {positive})")
        ax.set_ylabel(f"sensitivity (cells of {positive} found)")
    else:
        if baseline is not None:
            ax.axhline(baseline, color="#BBBBBB", linewidth=0.8, zorder=1)
        ax.set_xlabel(f"recall (cells of {positive} found)")
        ax.set_ylabel(f"precision (cells called {positive} that are)")
    number = 0
    for curve in curves:
        control = CONTROL_STYLE.get(curve.name)
        colour = control["color"] if control else PALETTE[number % len(PALETTE)]
        number += control is None
        ax.plot(
            curve.x,
            curve.y,
            color=colour,
            linestyle=control["linestyle"] if control else "solid",
            linewidth=1.2 if control else 1.8,
            label=f"{curve.name}: {curve.label}",
            zorder=2 if control else 3,
            solid_joinstyle="round",
        )
        if curve.low is not None and curve.high is not None and control is None:
            ax.fill_between(curve.x, curve.low, curve.high, color=colour, **BAND)
        if curve.point is not None and control is None:
            _draw_point(ax, curve, colour)
    ax.set_xlim(-0.015, 1.015)
    ax.set_ylim(-0.015, 1.015)
    ax.set_aspect("equal")
    where = "lower right" if kind == "roc" else "lower left"
    title = "AUROC" if kind == "roc" else "average precision"
    legend = ax.legend(loc=where, title=title, alignment="left", handlelength=2.2)
    legend.get_title().set_fontsize(8.5)
    return finish(ax.figure, text) if text else ax.figure


def _draw_point(ax: Any, curve: Curve, colour: str) -> None:
    x, y = curve.point  # type: ignore[misc]
    if curve.point_bounds is not None and np.isfinite(curve.point_bounds).all():
        x_low, x_high, y_low, y_high = curve.point_bounds
        reach = (
            np.maximum([[x - x_low], [x_high - x]], 0),
            np.maximum([[y - y_low], [y_high - y]], 0),
        )
        ax.errorbar(
            [x],
            [y],
            xerr=reach[0],
            yerr=reach[1],
            color=colour,
            linewidth=1.1,
            capsize=2.5,
            zorder=4,
        )
    ax.plot([x], [y], "o", color=colour, markersize=6, markeredgecolor="white", zorder=5)
