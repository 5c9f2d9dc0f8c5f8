"""Cells decoded once, at the size that a network sees."""

from __future__ import annotations

import os
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.cnn.images import CellImages
from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import ImageReadError
from leukfeat.features.geometry import central_window, resize
from leukfeat.features.preparing import check_preparation, check_scales, prepare_image
from leukfeat.imaging.controls import CONTROL_COLUMNS, measure_controls
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import read_image

if TYPE_CHECKING:
    from leukfeat.imaging import Preparation

__all__ = ["MEMORY_LIMIT", "image_digests", "read_cells", "read_pixels"]

MEMORY_LIMIT = 2 << 30
"""Bytes of decoded pixels above which they are kept in a temporary file instead of memory."""


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
    with _threads() as pool:
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


def read_pixels(
    cells: CellDataset,
    *,
    input_size: tuple[int, int],
    crop: int | None = None,
    preparation: Preparation | str | os.PathLike[str] | None = None,
) -> NDArray[np.uint8]:
    """Decode cells to what a network sees, and measure nothing else of them.

    Parameters
    ----------
    cells : CellDataset
        At least one.
    input_size : tuple of int
        Height and width, in pixels.
    crop, preparation
        As for :func:`read_cells`.

    Returns
    -------
    ndarray of uint8 of shape (n_cells, height, width, 3)

    Raises
    ------
    ImageReadError
        If a file cannot be read or prepared; the message names it.
    ValueError
        If the preparation cannot be used, or counts on another scale than the cells have.
    """
    chain = check_preparation(preparation)
    check_scales(chain, cells)
    images = cells.images

    def read(row: int) -> NDArray[np.uint8]:
        return _sized(_decoded(images[row]), images[row], row, input_size, crop, chain)

    with _threads() as pool:
        return np.stack([*pool.map(read, range(len(images)))])


def image_digests(cells: CellDataset) -> list[str]:
    """Return the digest of every image as decoded, which is its ``id`` wherever it is read.

    Parameters
    ----------
    cells : CellDataset

    Returns
    -------
    list of str

    Raises
    ------
    ImageReadError
        If a file cannot be read; the message names it.
    """
    with _threads() as pool:
        return [*pool.map(lambda image: pixel_key(_decoded(image)).hex(), cells.images)]


def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(4, os.cpu_count() or 1))


def _read(
    image: Any, row: int, input_size: tuple[int, int], crop: int | None, preparation: str | None
) -> _Read:
    decoded = _decoded(image)
    sized = _sized(decoded, image, row, input_size, crop, preparation)
    return _Read(sized, pixel_key(decoded).hex(), measure_controls(decoded))


def _decoded(image: Any) -> NDArray[np.uint8]:
    return image if isinstance(image, np.ndarray) else read_image(image)


def _sized(
    decoded: NDArray[np.uint8],
    image: Any,
    row: int,
    input_size: tuple[int, int],
    crop: int | None,
    preparation: str | None,
) -> NDArray[np.uint8]:
    try:
        prepared = prepare_image(decoded, preparation)
    except ImageReadError as problem:
        name = f"image {row}" if isinstance(image, np.ndarray) else image
        raise ImageReadError(f"{name!r}: {problem}") from problem
    return resize(prepared if crop is None else central_window(prepared, crop), input_size)


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
