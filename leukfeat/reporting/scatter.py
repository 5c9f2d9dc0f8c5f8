"""Cells as points on a plane, coloured by what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from leukfeat.reporting.style import PALETTE, finish, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_scatter"]

_MARKERS = "os^Dvph*"


@in_house_style
def draw_scatter(
    points: np.ndarray, names: Sequence[str], *, x_label: str, y_label: str, text: str = ""
) -> Figure:
    """Draw points, each kind in a colour and a shape of its own.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
        Where they lie.
    names : sequence of str of shape (n_points,)
        What each is; at most eight kinds have a shape of their own, and a legend.
    x_label, y_label : str
        What the axes are.
    text : str
        The line below the figure.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, (ax,) = new_figure(1, width=6.4, height=4.8)
    kinds = sorted(set(names))
    told = np.asarray(names, object)
    few = len(kinds) <= len(PALETTE)
    for k, kind in enumerate(kinds):
        here = told == kind
        ax.scatter(
            points[here, 0],
            points[here, 1],
            s=14,
            alpha=0.65,
            linewidths=0,
            color=PALETTE[k % len(PALETTE)],
            marker=_MARKERS[(k if few else k // len(PALETTE)) % len(_MARKERS)],
            label=f"{kind} ({int(here.sum())})",
        )
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    if few:
        ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return finish(figure, text) if text else figure
