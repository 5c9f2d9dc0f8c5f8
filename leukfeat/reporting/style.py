"""How every figure looks: colours that the colour-blind tell apart, type, and the caption line."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BAND",
    "CONTROL_STYLE",
    "PALETTE",
    "caption",
    "finish",
    "in_house_style",
    "new_figure",
    "percent_axis",
]

Taken = ParamSpec("Taken")
Given = TypeVar("Given")

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#000000")
"""Okabe and Ito's colours, the strong ones first and without their yellow."""

CONTROL_STYLE: dict[str, dict[str, Any]] = {
    "colour only": {"color": "#7F7F7F", "linestyle": (0, (5, 2)), "marker": "s"},
    "size only": {"color": "#7F7F7F", "linestyle": (0, (1, 1.5)), "marker": "^"},
    "majority": {"color": "#BFBFBF", "linestyle": "solid", "marker": "D"},
}
"""Control heads are grey: they are there to be beaten."""

BAND: dict[str, Any] = {"alpha": 0.18, "linewidth": 0}
"""How an interval is shaded."""

_RC: dict[Any, Any] = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "svg.fonttype": "none",
}


def in_house_style(draw: Callable[Taken, Given]) -> Callable[Taken, Given]:
    """Draw with the house style, and leave the user's settings as they were.

    Parameters
    ----------
    draw : callable
        A function that makes a figure.

    Returns
    -------
    callable
    """

    @functools.wraps(draw)
    def styled(*args: Taken.args, **kwargs: Taken.kwargs) -> Given:
        import matplotlib as mpl

        with mpl.rc_context(_RC):
            return draw(*args, **kwargs)

    return styled


@functools.cache
def _figure_class() -> type[Figure]:
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        """A figure that a notebook shows although pyplot never heard of it."""

        def _repr_png_(self) -> bytes:
            import io

            held = io.BytesIO()
            self.savefig(held, format="png", dpi=110)
            return held.getvalue()

    return NotebookFigure


def new_figure(
    columns: int = 1,
    *,
    rows: int = 1,
    width: float = 5.4,
    height: float = 4.4,
    widths: list[float] | None = None,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Make a figure without pyplot's global state.

    Parameters
    ----------
    columns, rows : int, default=1
        Panels.
    width, height : float
        Size of the whole figure in inches.
    widths : list of float, optional
        Relative widths of the columns.
    sharey : bool, default=False
        Whether panels of a row share their vertical axis.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of matplotlib.axes.Axes
    """
    figure = _figure_class()(figsize=(width, height), layout="constrained")
    ratios = None if widths is None else {"width_ratios": widths}
    axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey, gridspec_kw=ratios)
    return figure, list(axes.ravel())


def finish(figure: Figure, text: str) -> Figure:
    """Write the line below a figure that says on how many cells and subjects it stands.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.
    text : str
        The line.

    Returns
    -------
    matplotlib.figure.Figure
        The same figure.
    """
    import textwrap

    wide = max(40, int(figure.get_figwidth() * 15.5))
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, wide)]
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=7.8, color="#555555")
    return figure


def caption(n_cells: int, n_subjects: int | None, *more: str) -> str:
    """Say on how many cells and subjects a figure stands.

    Parameters
    ----------
    n_cells : int
        Number of cells.
    n_subjects : int or None
        Number of subjects; ``None`` where not known.
    *more : str
        What else is to be said.

    Returns
    -------
    str

    Examples
    --------
    >>> from leukfeat.reporting import caption
    >>> caption(1867, 28, "bars: 95 % interval by subject")
    '1,867 cells of 28 subjects; bars: 95 % interval by subject'
    """
    of = "subjects not known" if n_subjects is None else f"{n_subjects:,} subjects"
    joint = f"{n_cells:,} cells of {of}" if n_subjects is not None else f"{n_cells:,} cells, {of}"
    return "; ".join([joint, *(m for m in more if m)])


def percent_axis(axis: Any) -> None:
    """Show a fraction's axis in per cent.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
        The axis.
    """
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
