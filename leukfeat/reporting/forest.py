"""Heads side by side: one row a head, one panel a figure of merit, intervals as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leukfeat.reporting.style import CONTROL_STYLE, PALETTE, finish, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_forest"]


@in_house_style
def draw_forest(table: pd.DataFrame, *, text: str = "") -> Figure:
    """Draw figures of merit of several heads with their intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a head and figure: ``head``, ``metric``, ``estimate``, ``low``, ``high``.
    text : str
        The line below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    heads = list(dict.fromkeys(table["head"]))
    metrics = list(dict.fromkeys(table["metric"]))
    figure, axes = new_figure(
        len(metrics),
        width=min(2.2 + 2.6 * len(metrics), 14.0),
        height=1.5 + 0.36 * len(heads),
        sharey=True,
    )
    colours: dict[str, str] = {}
    for head in heads:
        control = CONTROL_STYLE.get(head)
        used = sum(h not in CONTROL_STYLE for h in colours)
        colours[head] = control["color"] if control else PALETTE[used % len(PALETTE)]
    for ax, metric in zip(axes, metrics, strict=True):
        rows = table[table["metric"] == metric].set_index("head")
        for place, head in enumerate(heads):
            if head not in rows.index:
                continue
            row = rows.loc[head]
            control = CONTROL_STYLE.get(head)
            if np.isfinite([row["low"], row["high"]]).all():
                ax.plot(
                    [row["low"], row["high"]],
                    [place, place],
                    color=colours[head],
                    linewidth=2.2,
                    solid_capstyle="butt",
                    alpha=0.75,
                )
            ax.plot(
                row["estimate"],
                place,
                control["marker"] if control else "o",
                color=colours[head],
                markersize=6.5,
                markeredgecolor="white",
                markeredgewidth=0.8,
            )
            ax.annotate(
                f"{row['estimate']:.3f}",
                (row["estimate"], place),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                fontsize=7.5,
                color="#333333",
            )
        ax.set_title(metric)
        ax.margins(x=0.12)
        ax.grid(axis="y", visible=False)
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(heads)), heads)
    axes[0].set_ylim(len(heads) - 0.5, -0.7)
    return finish(figure, text) if text else figure
