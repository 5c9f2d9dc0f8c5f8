"""From two rough masks, of stained material and of nuclei, to numbered white cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.segmentation.regions import fill_small_holes, keep_large, label_regions

__all__ = ["assemble", "central_cell"]


def assemble(stained: Mask, nuclei: Mask) -> tuple[npt.NDArray[np.int32], Mask]:
    """Keep the stained regions that hold a nucleus, and number them.

    Parameters
    ----------
    stained : ndarray of bool, shape (height, width)
        Cells of any kind.
    nuclei : ndarray of bool, shape (height, width)
        Nuclei; regions smaller than a tenth of the largest are dropped.

    Returns
    -------
    labels : ndarray of int32, shape (height, width)
        0 outside, k in cell k, largest nucleus first; holes filled.
    nucleus : ndarray of bool, shape (height, width)
    """
    nucleus = keep_large(nuclei, share=0.1)
    regions, areas = label_regions(fill_small_holes(stained | nucleus, area=np.inf))
    held = np.bincount(regions[nucleus], minlength=len(areas) + 1)
    held[0] = 0
    order = np.argsort(-held)
    order = order[held[order] > 0]
    number = np.zeros(len(areas) + 1, np.int32)
    number[order] = np.arange(len(order)) + 1
    return number[regions], nucleus


def central_cell(labels: npt.NDArray[np.int32], nucleus: Mask) -> npt.NDArray[np.int32]:
    """Keep the cell that the image is about: a large nucleus near the middle.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        Numbered cells.
    nucleus : ndarray of bool, shape (height, width)
        Their nuclei.

    Returns
    -------
    ndarray of int32, shape (height, width)
        1 in that cell, 0 elsewhere.
    """
    count = int(labels.max(initial=0))
    if count == 0:
        return labels
    height, width = labels.shape
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]
    pixels = np.maximum(np.bincount(numbers, minlength=count + 1)[1:], 1)
    row = np.bincount(numbers, rows, minlength=count + 1)[1:] / pixels
    column = np.bincount(numbers, columns, minlength=count + 1)[1:] / pixels
    squared = (row - height / 2) ** 2 + (column - width / 2) ** 2
    size = np.bincount(labels[nucleus], minlength=count + 1)[1:]
    weight = size * np.exp(-squared / (0.35 * min(height, width)) ** 2)
    return (labels == weight.argmax() + 1).astype(np.int32)
