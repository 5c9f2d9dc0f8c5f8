"""Decoded cells: read once, at the size that the network sees."""

from __future__ import annotations

import copy
import os
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import ImageReadError
from leukfeat.features.cell_reading import pixel_key
from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.geometry import central_window, resize
from leukfeat.features.preparing import (
    check_preparation,
    check_scales,
    name_preparation,
    prepare_image,
)
from leukfeat.imaging.controls import CONTROL_COLUMNS, measure_controls
from leukfeat.imaging.reading import read_image

if TYPE_CHECKING:
    from leukfeat.imaging import Preparation

__all__ = ["MEMORY_LIMIT", "CellImages", "read_cells"]

MEMORY_LIMIT = 2 << 30
"""Bytes of decoded pixels above which they are kept in a temporary file instead of memory."""


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


class _Read(NamedTuple):
    pixels: NDArray[np.uint8]
    key: str
    controls: NDArray[np.float32]


def read_cells(
    cells: CellDataset,
    *,
    input_size: tuple[int, int] = (200, 200),
    crop: int | None = None,
    preparation: Preparation | str | os.PathLike[str] | None = None,
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
    preparation : Preparation or path-like, optional
        What is done to the whole image before that. Digests and controls stay those of the image
        as it is.
    errors : {"raise", "skip"}, default="raise"
        What to do about a file that cannot be read or prepared. What was skipped is listed in
        the result.
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    CellImages
        In memory, or in a temporary file if larger than `MEMORY_LIMIT`.

    Raises
    ------
    ImageReadError
        If a file cannot be read or prepared; the message names it.
    ValueError
        If the preparation cannot be used, or counts on another scale than the cells have.

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
    chain = check_preparation(preparation)
    check_scales(chain, cells)
    pixels = _room_for((len(cells), *input_size, 3))
    keys = np.full(len(cells), "", object)
    controls = np.zeros((len(cells), len(CONTROL_COLUMNS)), np.float32)
    reasons: dict[int, str] = {}

    def read(row: int) -> _Read | str:
        try:
            return _read(images[row], row, input_size, crop, chain)
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
        preparation=chain,
    )
    return read_all[np.setdiff1d(np.arange(len(cells)), [*reasons])] if reasons else read_all


def _read(
    image: Any, row: int, input_size: tuple[int, int], crop: int | None, preparation: str | None
) -> _Read:
    decoded = image if isinstance(image, np.ndarray) else read_image(image)
    try:
        prepared = prepare_image(decoded, preparation)
    except ImageReadError as problem:
        name = f"image {row}" if isinstance(image, np.ndarray) else image
        raise ImageReadError(f"{name!r}: {problem}") from problem
    window = prepared if crop is None else central_window(prepared, crop)
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
    skipped = cells.frame.iloc[rows].drop(columns="path", errors="ignore")
    skipped = skipped.rename(columns={"image": "path"}).reset_index(drop=True)
    skipped["reason"] = [reasons[row] for row in rows]
    return skipped
