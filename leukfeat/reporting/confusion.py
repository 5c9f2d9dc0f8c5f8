"""The confusion table as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from leukfeat.reporting.style import finish, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_confusion"]


@in_house_style
def draw_confusion(
    table: np.ndarray,
    class_names: Sequence[str],
    *,
    row_notes: Sequence[str] = (),
    text: str = "",
    ax: Any = None,
) -> Figure:
    """Draw a confusion table: counts, and what part of each true class they are.

    Parameters
    ----------
    table : ndarray of shape (n_classes, n_classes)
        True classes in rows, predicted ones in columns.
    class_names : sequence of str
        Names of the classes.
    row_notes : sequence of str, optional
        A line below each true class's name, for example its subjects.
    text : str
        The line below the figure.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = np.asarray(table, float)
    n = len(class_names)
    totals = table.sum(1, keepdims=True)
    share = np.divide(table, totals, out=np.zeros_like(table), where=totals > 0)
    if ax is None:
        side = 2.6 + 0.75 * n
        _, (ax,) = new_figure(width=max(side + 1.0, 4.6), height=side)
    ax.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i in range(n):
        for j in range(n):
            colour = "white" if share[i, j] > 0.55 else "#222222"
            count = (
                f"{table[i, j]:,.0f}" if float(table[i, j]).is_integer() else f"{table[i, j]:,.1f}"
            )
            ax.text(
                j,
                i - 0.08,
                count,
                ha="center",
                va="center",
                color=colour,
                fontsize=11 if n < 6 else 9,
            )
            ax.text(
                j,
                i + 0.2,
                f"{100 * share[i, j]:.1f} %",
                ha="center",
                va="center",
                color=colour,
                fontsize=8 if n < 6 else 7,
            )
    notes = list(row_notes) or [""] * n
    ax.set_xticks(
        range(n), class_names, rotation=0 if n < 5 else 45, ha="center" if n < 5 else "right"
    )
    ax.set_yticks(
        range(n),
        [f"{c}\n{note}" if note else c for c, note in zip(class_names, notes, strict=True)],
    )
    ax.set_xticks(np.arange(n - 1) + 0.5, minor=True)
    ax.set_yticks(np.arange(n - 1) + 0.5, minor=True)
    ax.grid(False)
    ax.grid(which="minor", color="white", linewidth=2)
    ax.tick_params(which="both", length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    return finish(ax.figure, text) if text else ax.figure
