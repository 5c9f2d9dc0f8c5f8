"""A cell as the network saw it, beside the same with the evidence over it, and what colours mean."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from leukfeat.reporting.style import in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_evidence"]

_WIDTH = 7.2
_CHARACTERS = 100


@in_house_style
def draw_evidence(
    seen: np.ndarray,
    over: np.ndarray,
    *,
    title: str,
    left_title: str,
    colours: tuple[Sequence[float], Sequence[float]],
    strength: float,
    limit: float,
    target: str,
    text: str,
    warning: str = "",
) -> Figure:
    """Draw a cell and its evidence side by side.

    Parameters
    ----------
    seen, over : ndarray of uint8 of shape (height, width, 3)
        RGB: the pixels, and the same with the evidence over them.
    title : str
        Which cell it is, and what it was called.
    left_title : str
        What the first picture is.
    colours : tuple of two RGB colours
        Evidence against and for the class, 0 to 255.
    strength : float
        Opacity of the strongest evidence, 0 to 1.
    limit : float
        The largest absolute evidence: the ends of the scale.
    target : str
        The class that the evidence is for.
    text : str
        What the numbers of the scale are.
    warning : str, default=""
        What a reader must know before believing the map; set off by its colour.

    Returns
    -------
    matplotlib.figure.Figure
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    lines = textwrap.wrap(text, _CHARACTERS)
    warned = textwrap.wrap(warning, _CHARACTERS // 2)
    named = textwrap.wrap(title, 80) or [""]
    panel = _WIDTH / 2 * seen.shape[0] / seen.shape[1]
    height = min(max(panel, 1.5), 7.0) + 0.95 + 0.15 * (len(lines) + len(warned)) + 0.2 * len(named)
    figure, (left, right) = new_figure(2, width=_WIDTH, height=height)
    for axis, image, name in (
        (left, seen, left_title),
        (right, over, "the same, with the evidence"),
    ):
        axis.imshow(image)
        axis.set(xticks=[], yticks=[])
        axis.set_title(name, fontsize=9, fontweight="normal", loc="center")
        axis.grid(visible=False)
        for spine in axis.spines.values():
            spine.set_visible(False)
    white = np.ones(3)
    against, towards = (
        white * (1 - strength) + np.asarray(one, float) / 255 * strength for one in colours
    )
    scale = LinearSegmentedColormap.from_list("evidence", [against, white, towards])
    bar = figure.colorbar(
        ScalarMappable(Normalize(-limit, limit), scale),
        ax=[left, right],
        orientation="horizontal",
        aspect=40,
        shrink=0.8,
        pad=0.03,
        ticks=[-limit, 0, limit],
        format=lambda value, _: f"{value:+.2g}" if value else "0",
    )
    bar.set_label(
        f"blue: against '{target}'        no tint: neither        orange: for '{target}'",
        parse_math=False,
    )
    # A file name may hold a dollar sign, which is no formula.
    figure.suptitle("\n".join(named), fontsize=10.5, fontweight="bold", parse_math=False)
    said = figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=8, color="#555555")
    said.set_parse_math(False)
    if warned:
        left.set_xlabel(
            "\n".join(warned), loc="left", fontsize=8, color="#A84300", parse_math=False
        )
    return figure
