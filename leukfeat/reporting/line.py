"""A figure of merit against a number: learning curves and shift sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from leukfeat.reporting.style import BAND, PALETTE, finish, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_line"]


@in_house_style
def draw_line(table: pd.DataFrame, *, x_label: str, y_label: str, text: str = "") -> Figure:
    """Draw a figure of merit with its interval against a number.

    Parameters
    ----------
    table : pandas.DataFrame
        ``x``, ``estimate``, ``low``, ``high``, and optionally ``panel``: one panel a value.
    x_label, y_label : str
        What the axes are.
    text : str
        The line below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = list(dict.fromkeys(table["panel"])) if "panel" in table else [None]
    figure, axes = new_figure(
        len(panels), width=max(5.4, 2.6 * len(panels) + 0.8), height=3.8, sharey=True
    )
    for k, (panel, ax) in enumerate(zip(panels, axes, strict=True)):
        rows = table if panel is None else table[table["panel"] == panel]
        x, y = rows["x"].to_numpy(float), rows["estimate"].to_numpy(float)
        colour = PALETTE[k % len(PALETTE)]
        low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
        known = np.isfinite(low) & np.isfinite(high)
        ax.fill_between(x[known], low[known], high[known], color=colour, **BAND)
        ax.plot(x, y, "o-", color=colour, markersize=5, markeredgecolor="white")
        ax.set_xlabel(x_label if panel is None else str(panel))
    axes[0].set_ylabel(y_label)
    return finish(figure, text) if text else figure
