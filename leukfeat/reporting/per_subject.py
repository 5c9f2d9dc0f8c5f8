"""How each subject fared: one mark a subject, sorted, beside the mean of its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.reporting.style import BAND, PALETTE, finish, in_house_style, new_figure, percent_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_per_subject"]

_NAMED = 60


@in_house_style
def draw_per_subject(
    table: pd.DataFrame,
    *,
    means: Mapping[str, Any] | None = None,
    text: str = "",
) -> Figure:
    """Draw the part of each subject's cells that is classified right.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a subject and class: ``subject``, ``class``, ``n_cells``, ``right`` (0 to 1),
        ``low``, ``high``.
    means : mapping of str to Interval, optional
        A class's mean over subjects with its interval.
    text : str
        The line below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    classes = list(dict.fromkeys(table["class"]))
    counts = [max(int((table["class"] == c).sum()), 4) for c in classes]
    width = float(np.clip(2.2 + 0.13 * sum(counts) + 0.5 * len(classes), 6.0, 15.0))
    figure, axes = new_figure(
        len(classes), width=width, height=4.4, widths=[float(c + 2) for c in counts], sharey=True
    )
    largest = float(table["n_cells"].max())
    for k, (name, ax) in enumerate(zip(classes, axes, strict=True)):
        rows = table[table["class"] == name].sort_values(["right", "n_cells"])
        colour = PALETTE[k % len(PALETTE)]
        x = np.arange(len(rows))
        right = rows["right"].to_numpy(float)
        reach = np.clip([right - rows["low"], rows["high"] - right], 0, None)
        mean = (means or {}).get(name)
        if mean is not None:
            if mean.known:
                ax.axhspan(mean.low, mean.high, color=colour, **BAND)
            ax.axhline(mean.estimate, color=colour, linewidth=1.2)
        ax.errorbar(
            x, right, yerr=reach, fmt="none", ecolor=colour, elinewidth=0.8, alpha=0.55, zorder=2
        )
        size = 14 + 110 * rows["n_cells"].to_numpy(float) / largest
        ax.scatter(x, right, s=size, color=colour, edgecolor="white", linewidth=0.6, zorder=3)
        ax.set_xlim(-1, max(len(rows), 4))
        if len(rows) <= _NAMED:
            ax.set_xticks(x, rows["subject"].astype(str), rotation=90, fontsize=7)
        else:
            ax.set_xticks([])
        ax.grid(axis="x", visible=False)
        ax.set_title(f"{name}: {len(rows)} subjects", fontsize=9.5)
        if mean is not None:
            ax.set_xlabel(f"mean {mean}", fontsize=8.5)
    axes[0].set_ylim(-0.03, 1.03)
    axes[0].set_ylabel("cells classified right, a subject")
    percent_axis(axes[0].yaxis)
    return finish(figure, text) if text else figure
