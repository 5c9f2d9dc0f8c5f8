"""Decoded cells: rows of pixels with what is known of them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.data.dataset import CellDataset
from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.preparing import name_preparation

__all__ = ["CellImages"]


class CellImages(FeatureSet):
    """Decoded cells with what is known of them: a `FeatureSet` whose rows are images.

    Selecting rows copies no pixels.

    Parameters
    ----------
    pixels : ndarray of uint8 of shape (n, height, width, 3)
        RGB, in memory or memory-mapped.
    cells : CellDataset
        One row an image.
    ids : ndarray of str of shape (n,)
        Digest of each image as decoded, before it was cropped and resized.
    controls : pandas.DataFrame
        Colour, size and border of each image as decoded.
    crop : int or None
        Side of the central window that was taken, in pixels; ``None`` for the whole image.
    skipped : pandas.DataFrame, optional
        What could not be read: ``path``, ``reason``.
    preparation : str, optional
        What was done to the whole images first, as canonical JSON.

    See Also
    --------
    read_cells : make one from a dataset.
    """

    ndim = 4
    dtype = np.dtype(np.uint8)  # type: ignore[assignment]

    def __init__(
        self,
        pixels: NDArray[np.uint8],
        cells: CellDataset,
        *,
        ids: NDArray,
        controls: pd.DataFrame,
        crop: int | None = None,
        skipped: pd.DataFrame | None = None,
        preparation: str | None = None,
    ) -> None:
        # FeatureSet's own __init__ would take the pixels for a matrix of float32.
        self._pixels = pixels
        self._rows = np.arange(len(pixels))
        self.crop = crop
        self.preparation = preparation
        self.y, self.subjects, self.groups = cells.y, cells.subjects, cells.groups
        self.ids = ids
        self.controls = controls.reset_index(drop=True)
        known = ["image", "label", "subject", "group"]
        self.columns = cells.frame.drop(columns=known, errors="ignore")
        self.spec = None
        self.class_names, self.positive, self.name = cells.class_names, cells.positive, cells.name
        self.skipped = pd.DataFrame(columns=["path", "reason"]) if skipped is None else skipped
        self.feature_names = None

    @property
    def X(self) -> NDArray:  # type: ignore[override]
        """The pixels, of shape ``(n_cells, height, width, 3)``; a copy where rows were selected."""
        return self.pixels(slice(None))

    def pixels(self, rows: Any) -> NDArray[np.uint8]:
        """Return the pixels of some rows.

        Parameters
        ----------
        rows : slice, or array of int
            Which.

        Returns
        -------
        ndarray of uint8 of shape (n_rows, height, width, 3)
        """
        chosen = self._rows[rows]
        whole = len(chosen) == len(self._pixels) and (np.diff(chosen) == 1).all()
        return self._pixels if whole else self._pixels[chosen]

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self._pixels.shape[1:3]  # type: ignore[return-value]

    @property
    def reading(self) -> dict[str, Any]:
        """How they were read: arguments of :func:`read_cells`."""
        return {
            "input_size": self.input_size,
            "crop": self.crop,
            "preparation": self.preparation,
        }

    def describe_reading(self, wanted: dict[str, Any]) -> str:
        """Tell in which settings they were read otherwise than a network wants.

        Parameters
        ----------
        wanted : dict
            As `reading`.

        Returns
        -------
        str
            Empty where nothing differs.
        """
        mine = self.reading
        return ", ".join(
            f"{name}={_shown(mine[name])} and not {_shown(wanted[name])}"
            for name in mine
            if mine[name] != wanted[name]
        )

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """``(n_cells, height, width, 3)``."""
        return (len(self), *self._pixels.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        return np.array(self.X, dtype=dtype, copy=copy)

    def __getitem__(self, rows: Any) -> CellImages:
        rows = rows if isinstance(rows, slice) else np.atleast_1d(np.asarray(rows))
        chosen = copy.copy(self)
        chosen._rows = self._rows[rows]
        for name in ("y", "subjects", "groups", "ids"):
            values = getattr(self, name)
            setattr(chosen, name, None if values is None else values[rows])
        for name in ("controls", "columns"):
            setattr(chosen, name, getattr(self, name).iloc[rows].reset_index(drop=True))
        return chosen

    def __repr__(self) -> str:
        described = super().__repr__().removeprefix("FeatureSet")
        return f"CellImages{described}".replace(
            f"{self.shape[1]} features", f"{self.shape[1]} x {self.shape[2]} px"
        )


def _shown(value: Any) -> str:
    return name_preparation(value) if isinstance(value, str) else repr(value)
