"""Decoded cells: read once, at the size that the network sees."""

from __future__ import annotations

import os
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import ImageReadError
from leukfeat.features.cell_reading import pixel_key
from leukfeat.features.geometry import central_window, resize
from leukfeat.imaging.controls import CONTROL_COLUMNS, measure_controls
from leukfeat.imaging.reading import read_image

__all__ = ["MEMORY_LIMIT", "CellImages", "read_cells"]

MEMORY_LIMIT = 2 << 30
"""Bytes of decoded pixels above which they are kept in a temporary file instead of memory."""


class CellImages:
    """Decoded cells with what is known of them: what a `FeatureSet` is to features.

    Parameters
    ----------
    X : ndarray of uint8 of shape (n_cells, height, width, 3)
        RGB.
    cells : CellDataset
        One row an image.
    ids : ndarray of str of shape (n_cells,)
        Digest of each image as decoded, before it was cropped and resized.
    controls : pandas.DataFrame
        Colour, size and border of each image as decoded.
    crop : int or None
        Side of the central window that was taken, in pixels; ``None`` for the whole image.
    skipped : pandas.DataFrame, optional
        What could not be read: ``image``, ``reason``.

    See Also
    --------
    read_cells : make one from a dataset.
    """

    spec = None
    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(
        self,
        X: NDArray[np.uint8],
        cells: CellDataset,
        *,
        ids: NDArray,
        controls: pd.DataFrame,
        crop: int | None = None,
        skipped: pd.DataFrame | None = None,
    ) -> None:
        self.X = X
        self.cells = cells
        self.ids = ids
        self.controls = controls.reset_index(drop=True)
        self.crop = crop
        self.skipped = pd.DataFrame(columns=["image", "reason"]) if skipped is None else skipped

    @property
    def y(self) -> NDArray | None:
        """Labels, ``int64``, -1 where unknown."""
        return self.cells.y

    @property
    def subjects(self) -> NDArray | None:
        """The patient of each cell."""
        return self.cells.subjects

    @property
    def groups(self) -> NDArray | None:
        """What must stay on one side of a split."""
        return self.cells.groups

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.cells.class_names

    @property
    def positive(self) -> str | None:
        """Name of the positive class."""
        return self.cells.positive

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.cells.name

    @property
    def columns(self) -> pd.DataFrame:
        """What else is known of each cell."""
        return self.cells.frame.drop(columns=["image"])

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n_cells, height, width, 3)``."""
        return self.X.shape

    def column(self, name: str) -> NDArray:
        """Return one column of the dataset; see :meth:`CellDataset.column`."""
        return self.cells.column(name)

    def __len__(self) -> int:
        return len(self.X)

    def __getitem__(self, rows: Any) -> CellImages:
        return CellImages(
            self.X[rows],
            self.cells[rows],
            ids=self.ids[rows],
            controls=self.controls.iloc[rows],
            crop=self.crop,
            skipped=self.skipped,
        )

    def __repr__(self) -> str:
        height, width = self.X.shape[1:3]
        return f"CellImages({self.cells!r}, {height} x {width} px)"


class _Read(NamedTuple):
    pixels: NDArray[np.uint8]
    key: str
    controls: NDArray[np.float32]


def read_cells(
    cells: CellDataset,
    *,
    input_size: tuple[int, int] = (200, 200),
    crop: int | None = None,
    errors: str = "raise",
    progress: bool = False,
) -> CellImages:
    """Decode cells once, cropped and brought to the network's input size.

    Parameters
    ----------
    cells : CellDataset
        What to read.
    input_size : tuple of int, default=(200, 200)
        Height and width, in pixels.
    crop : int, optional
        Side of the central window taken first, in pixels of the image.
    errors : {"raise", "skip"}, default="raise"
        What to do about a file that cannot be read. What was skipped is listed in the result.
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    CellImages
        In memory, or in a temporary file if larger than `MEMORY_LIMIT`.

    Raises
    ------
    ImageReadError
        If a file cannot be read; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat import CellDataset
    >>> from leukfeat.cnn import read_cells
    >>> cells = CellDataset.from_arrays([np.full((50, 40, 3), 9, np.uint8)], ["all"])
    >>> read_cells(cells, input_size=(20, 20)).shape
    (1, 20, 20, 3)
    """
    from tqdm.auto import tqdm

    if errors not in ("raise", "skip"):
        raise ValueError(f"'errors' must be 'raise' or 'skip'. Got {errors!r} instead.")
    pixels = _room_for((len(cells), *input_size, 3))
    keys = np.full(len(cells), "", object)
    controls = np.zeros((len(cells), len(CONTROL_COLUMNS)), np.float32)
    reasons: dict[int, str] = {}

    def read(row: int) -> _Read | str:
        try:
            return _read(images[row], input_size, crop)
        except ImageReadError as error:
            if errors == "raise":
                raise
            return str(error)

    images = cells.images
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        results = pool.map(read, range(len(cells)))
        for row, result in enumerate(
            tqdm(results, total=len(cells), desc="reading cells", disable=not progress)
        ):
            if isinstance(result, str):
                reasons[row] = result
            else:
                pixels[row], keys[row], controls[row] = result
    read_all = CellImages(
        pixels,
        cells,
        ids=keys,
        controls=pd.DataFrame(controls, columns=list(CONTROL_COLUMNS)),
        crop=crop,
        skipped=_skipped(cells, reasons),
    )
    return read_all[np.setdiff1d(np.arange(len(cells)), [*reasons])] if reasons else read_all


def _read(image: Any, input_size: tuple[int, int], crop: int | None) -> _Read:
    decoded = image if isinstance(image, np.ndarray) else read_image(image)
    window = decoded if crop is None else central_window(decoded, crop)
    return _Read(resize(window, input_size), pixel_key(decoded).hex(), measure_controls(decoded))


def _room_for(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if np.prod(shape) <= MEMORY_LIMIT:
        return np.empty(shape, np.uint8)
    folder = tempfile.TemporaryDirectory(prefix="leukfeat-images-")
    mapped = np.lib.format.open_memmap(
        Path(folder.name, "pixels.npy"), mode="w+", dtype=np.uint8, shape=shape
    )
    # The folder goes when the last view of the pixels does: each holds the map, not this array.
    weakref.finalize(mapped.base, folder.cleanup)
    return mapped


def _skipped(cells: CellDataset, reasons: dict[int, str]) -> pd.DataFrame:
    rows = sorted(reasons)
    skipped = cells.frame.iloc[rows].reset_index(drop=True)
    skipped["reason"] = [reasons[row] for row in rows]
    return skipped
