"""Segmentation of white cells by one of several methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from leukfeat.imaging.conversion import RGB, Mask, check_rgb, foreground_mask
from leukfeat.imaging.segmentation.appearance import look_at
from leukfeat.imaging.segmentation.assembly import assemble, central_cell
from leukfeat.imaging.segmentation.classical import CLASSICAL_METHODS
from leukfeat.imaging.segmentation.default import (
    cut_out_mask,
    segment_cut_out,
    segment_white_cells,
)
from leukfeat.imaging.segmentation.regions import keep_large
from leukfeat.imaging.segmentation.result import Segmentation

if TYPE_CHECKING:
    from leukfeat.imaging.segmentation.pixel_svm import PixelSVM

__all__ = ["MAX_SEGMENT_PIXELS", "SEGMENTATION_METHODS", "segment"]

MAX_SEGMENT_PIXELS = 25_000_000
"""Largest image that :func:`segment` takes whole: it needs about 100 bytes a pixel."""

SEGMENTATION_METHODS = ("default", *CLASSICAL_METHODS)
"""What `method` may be, besides a fitted :class:`~leukfeat.imaging.PixelSVM`."""

_CUT_OUT_SHARE = 0.05


def segment(
    image: RGB, *, method: str | PixelSVM = "default", cells: Literal["central", "all"] = "central"
) -> Segmentation:
    """Find the white cell of an image, or all of them: nucleus, cytoplasm and cell.

    The default learns from no mask and assumes no stain. Colours are taken relative to the
    background of the image; nuclei are what is dark in green and light in blue; around each
    nucleus the outline of the cell is the closed smooth curve that best divides stained pixels
    with the dye of cytoplasm from background and red cells, where dyes are told apart by the
    direction of their optical density (Beer-Lambert), learnt in the image itself. It expects
    nuclei of at least about 12 pixels across. An image whose background was set to exactly 0
    (at least 5 % of it, as in C-NMC) is one cell, of which only the nucleus is looked for, by
    whatever method.

    The other methods are those of the textbook, for comparison. They are named by what they
    do: ``kmeans_hsi``, ``kmeans_lab``, ``mixture_hsi``, ``mixture_lab`` (colour clustering),
    ``otsu``, ``multi_otsu``, ``triangle``, ``local`` (thresholds), ``edges`` (Canny) and
    ``watershed`` (from the distance transform).

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image of one cell or of a field.
    method : str or PixelSVM, default="default"
        One of `SEGMENTATION_METHODS`, or a classifier of pixels fitted on masks.
    cells : {"central", "all"}, default="central"
        Keep the cell with a large nucleus near the middle, or every cell.

    Returns
    -------
    Segmentation
        With ``nucleus``, ``cytoplasm`` and ``cell`` as masks. All are empty where no pixel has
        the colour of a nucleus.

    Raises
    ------
    ValueError
        If the image is not RGB ``uint8``, has more than `MAX_SEGMENT_PIXELS` pixels, or a
        setting is not allowed.

    Examples
    --------
    >>> rows, columns = np.mgrid[:80, :80]
    >>> distance = np.hypot(rows - 40, columns - 40)
    >>> image = np.full((80, 80, 3), (240, 230, 200), np.uint8)
    >>> image[distance < 25] = (200, 165, 215)
    >>> image[distance < 15] = (90, 40, 140)
    >>> segment(image).n_cells
    1
    """
    image = check_rgb(image, most=None)
    if image.shape[0] * image.shape[1] > MAX_SEGMENT_PIXELS:
        raise ValueError(
            f"segment takes images of up to {MAX_SEGMENT_PIXELS:,} pixels. Got "
            f"{image.shape[0]:,} x {image.shape[1]:,}; find_cells works through a field of any "
            "size in tiles."
        )
    if cells not in ("central", "all"):
        raise ValueError(f"'cells' must be 'central' or 'all'. Got {cells!r} instead.")
    if isinstance(method, str):
        known = method in SEGMENTATION_METHODS
    else:
        known = hasattr(method, "stained_and_nuclei")
    if not known:
        raise ValueError(
            f"The 'method' parameter of segment must be one of {SEGMENTATION_METHODS} or a "
            f"fitted PixelSVM. Got {method!r} instead."
        )
    name = method if isinstance(method, str) else "pixel_svm"
    cut_out = bool((~foreground_mask(image)).mean() >= _CUT_OUT_SHARE)
    if method == "default":
        labels, nucleus = segment_cut_out(image) if cut_out else segment_white_cells(image)
    elif cut_out:
        # On black the methods would see the darkest material of all: they are shown white light.
        cell = cut_out_mask(image)
        _, nuclei = _by_method(np.where(cell[..., None], image, np.uint8(255)), method)
        labels, nucleus = cell.astype(np.int32), keep_large(nuclei & cell, share=0.1)
    else:
        labels, nucleus = assemble(*_by_method(image, method))
    if cells == "central":
        labels = central_cell(labels, nucleus)
    return Segmentation(labels.astype(np.int32, copy=False), nucleus & (labels > 0), name)


def _by_method(image: RGB, method: str | PixelSVM) -> tuple[Mask, Mask]:
    if isinstance(method, str):
        return CLASSICAL_METHODS[method](look_at(image))
    return method.stained_and_nuclei(image)
