"""The leakage meter's figure: what a random split adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from leukfeat.reporting.style import PALETTE, finish, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_gap"]


@in_house_style
def draw_gap(rows: list[tuple[str, Any, Any]], gap: Any, *, metric: str, text: str = "") -> Figure:
    """Draw a figure of merit under both splits, and the gap between them.

    Parameters
    ----------
    rows : list of (str, Interval, Interval)
        A head's name with its figure under the random split and under the split by subject.
    gap : Interval
        The first head's difference, random less by subject.
    metric : str
        Name of the figure of merit.
    text : str
        The line below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (ax,) = new_figure(width=6.4, height=1.9 + 0.62 * len(rows))
    for place, (_name, random, by_subject) in enumerate(rows):
        main = place == 0
        for interval, colour, shift in (
            (by_subject, PALETTE[0], 0.0),
            (random, PALETTE[1], -0.16 if main else -0.1),
        ):
            alpha = 1.0 if main else 0.55
            if interval.known:
                ax.plot(
                    [interval.low, interval.high],
                    [place + shift] * 2,
                    color=colour,
                    linewidth=2.2 if main else 1.4,
                    alpha=0.7 * alpha,
                    solid_capstyle="butt",
                )
            ax.plot(
                interval.estimate,
                place + shift,
                "o",
                color=colour,
                alpha=alpha,
                markersize=8 if main else 5.5,
                markeredgecolor="white",
            )
    _, random, by_subject = rows[0]
    ax.annotate(
        "",
        (random.estimate, 0.26),
        (by_subject.estimate, 0.26),
        arrowprops={"arrowstyle": "->", "color": "#333333", "linewidth": 1.2},
    )
    words = f"gap {gap.estimate:+.3f}"
    if gap.known:
        words += f" ({gap.low:+.3f} to {gap.high:+.3f})"
    ax.annotate(
        words,
        (max(random.estimate, by_subject.estimate), 0.3),
        xytext=(0, -11),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        fontweight="bold",
        color="#333333",
    )
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set_ylim(len(rows) - 0.35, -0.55)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ends = [v for _, a, b in rows for i in (a, b) for v in (i.low, i.estimate, i.high)]
    finite = [v for v in ends if np.isfinite(v)]
    ax.set_xlim(max(min(finite) - 0.03, -0.02), min(max(finite) + 0.03, 1.02))
    ax.set_xlabel(metric)
    for colour, label in ((PALETTE[1], "random split of cells"), (PALETTE[0], "split by subject")):
        ax.plot([], [], "o", color=colour, label=label)
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0.1, handletextpad=0.2
    )
    return finish(figure, text) if text else figure
