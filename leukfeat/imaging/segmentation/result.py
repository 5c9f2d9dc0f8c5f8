"""What a segmentation gives: nucleus, cytoplasm and cell as masks."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from leukfeat.imaging.conversion import Mask

__all__ = ["Segmentation"]


@dataclasses.dataclass(frozen=True, eq=False)
class Segmentation:
    """The white cells of an image.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        0 outside white cells, k in white cell number k, counted from 1.
    nucleus : ndarray of bool, shape (height, width)
        True in the nuclei; every nucleus lies within a cell.
    method : str
        How it was found.

    Raises
    ------
    ValueError
        If the shapes differ or a nucleus lies outside the cells.

    Examples
    --------
    >>> labels = np.zeros((6, 6), np.int32)
    >>> labels[1:5, 1:5] = 1
    >>> found = Segmentation(labels, labels * 0 > 0, "by hand")
    >>> found
    Segmentation(1 white cell, 16 px, nucleus 0 px; by hand)
    >>> found.boxes.tolist()
    [[1, 1, 5, 5]]
    """

    labels: npt.NDArray[np.int32]
    nucleus: Mask
    method: str

    def __post_init__(self) -> None:
        if self.labels.shape != self.nucleus.shape or self.labels.ndim != 2:
            raise ValueError(
                "'labels' and 'nucleus' must have the same shape (height, width). Got "
                f"{self.labels.shape} and {self.nucleus.shape} instead."
            )
        if (self.nucleus & (self.labels == 0)).any():
            raise ValueError("The 'nucleus' mask has pixels outside the cells of 'labels'.")

    @property
    def cell(self) -> Mask:
        """True in the white cells, nucleus and cytoplasm."""
        return self.labels > 0

    @property
    def cytoplasm(self) -> Mask:
        """True in the white cells outside their nuclei."""
        return self.cell & ~self.nucleus

    @property
    def n_cells(self) -> int:
        """Number of white cells."""
        return int(self.labels.max(initial=0))

    @property
    def boxes(self) -> npt.NDArray[np.int64]:
        """Bounding boxes ``(top, left, bottom, right)`` of the cells, ends excluded.

        Shape ``(n_cells, 4)``, in pixels, cell 1 first.
        """
        found = ndimage.find_objects(self.labels, max_label=self.n_cells)
        rows = [(s[0].start, s[1].start, s[0].stop, s[1].stop) for s in found if s is not None]
        return np.array(rows, np.int64).reshape(-1, 4)

    def __repr__(self) -> str:
        cells = f"{self.n_cells} white cell{'' if self.n_cells == 1 else 's'}"
        area, nuclei = int(self.cell.sum()), int(self.nucleus.sum())
        return f"Segmentation({cells}, {area} px, nucleus {nuclei} px; {self.method})"
