"""Cells side by side, one row a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from leukfeat.reporting.style import finish, in_house_style, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_montage"]


@in_house_style
def draw_montage(
    images: Mapping[str, Sequence[np.ndarray]], *, text: str = "", width: float = 7.2
) -> Figure:
    """Draw cells in rows.

    Parameters
    ----------
    images : mapping of str to sequence of RGB uint8 arrays
        The cells of each row, under the row's name. Rows may differ in length.
    text : str, default=""
        The line below the figure.
    width : float, default=7.2
        Width in inches.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no image.
    """
    columns = max((len(row) for row in images.values()), default=0)
    if columns == 0:
        raise ValueError("The 'images' parameter of draw_montage holds no image.")
    side = width / columns
    figure, axes = new_figure(
        columns, rows=len(images), width=width, height=side * len(images) + 0.35
    )
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.grid(visible=False)
        for spine in axis.spines.values():
            spine.set_visible(False)
    for i, (name, row) in enumerate(images.items()):
        axes[i * columns].set_ylabel(name)
        for axis, image in zip(axes[i * columns :], row, strict=False):
            axis.imshow(image)
    return finish(figure, text) if text else figure
