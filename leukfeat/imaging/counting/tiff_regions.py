"""Parts of a field, from memory or from a TIFF file that is never read whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from leukfeat.exceptions import ImageReadError
from leukfeat.file_kind import not_a_file
from leukfeat.imaging.conversion import RGB, to_rgb

__all__ = ["ArrayRegions", "TiffRegions"]


class ArrayRegions:
    """Parts of an image in memory.

    Parameters
    ----------
    image : ndarray
        Any image that :func:`leukfeat.imaging.to_rgb` takes.
    """

    def __init__(self, image: Any) -> None:
        self.image = np.asarray(image)
        if self.image.ndim not in (2, 3) or 0 in self.image.shape:
            to_rgb(self.image)  # says what is wrong
        self.shape = (int(self.image.shape[0]), int(self.image.shape[1]))

    def read(self, rows: slice, columns: slice) -> RGB:
        """Return the pixels of a window as RGB ``uint8``."""
        part = self.image[rows, columns]
        if part.dtype == np.uint8 and part.ndim == 3 and part.shape[2] == 3:
            return np.ascontiguousarray(part)
        return to_rgb(part)

    def close(self) -> None:
        """Do nothing: there is no file."""


class TiffRegions:
    """Parts of a TIFF or OME-TIFF file, its first series at full resolution.

    Only the tiles or strips that a window meets are decoded.

    Parameters
    ----------
    path : path-like
        The file: RGB or grey, 8 or 16 bits, tiled or in strips.

    Raises
    ------
    ImageReadError
        If it is no TIFF, or its pixels are of another kind.
    ImportError
        If tifffile is missing.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            import tifffile
        except ImportError as error:
            raise ImportError(
                "Reading a TIFF in tiles needs tifffile: pip install 'leukfeat[slides]'."
            ) from error
        self.path = os.fspath(path)
        kind = not_a_file(self.path)
        if kind is not None:
            raise ImageReadError(f"Cannot read the image {self.path!r}: it is {kind}.")
        try:
            self._file = tifffile.TiffFile(self.path)
        except (OSError, ValueError, tifffile.TiffFileError) as error:
            raise ImageReadError(f"Cannot read the image {self.path!r}: {error}.") from None
        page: Any = self._file.pages[0]
        samples = int(page.samplesperpixel)
        usual = page.planarconfig == 1 or samples == 1
        if not usual or samples not in (1, 3, 4) or page.dtype not in (np.uint8, np.uint16):
            self._file.close()
            raise ImageReadError(
                f"Cannot read the image {self.path!r} in tiles: it has {samples} samples a pixel "
                f"of {page.dtype}, planar configuration {page.planarconfig}; grey, RGB or RGBA "
                "of 8 or 16 bits with interleaved samples is needed."
            )
        self._page, self._samples = page, samples
        self.shape = (int(page.imagelength), int(page.imagewidth))

    def read(self, rows: slice, columns: slice) -> RGB:
        """Return the pixels of a window as RGB ``uint8``."""
        height, width = rows.stop - rows.start, columns.stop - columns.start
        out = np.zeros((height, width, self._samples), self._page.dtype)
        for block, top, left in self._blocks(rows, columns):
            first_row, first_column = max(top, rows.start), max(left, columns.start)
            last_row = min(top + block.shape[0], rows.stop)
            last_column = min(left + block.shape[1], columns.stop)
            out[
                first_row - rows.start : last_row - rows.start,
                first_column - columns.start : last_column - columns.start,
            ] = block[first_row - top : last_row - top, first_column - left : last_column - left]
        return to_rgb(out)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _blocks(self, rows: slice, columns: slice) -> Iterator[tuple[npt.NDArray[Any], int, int]]:
        page = self._page
        tall = int(page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength))
        wide = int(page.tilewidth if page.is_tiled else page.imagewidth)
        across = -(-self.shape[1] // wide)
        tables = {} if page.jpegtables is None else {"jpegtables": page.jpegtables}
        for i in range(rows.start // tall, -(-rows.stop // tall)):
            for j in range(columns.start // wide, -(-columns.stop // wide)):
                index = i * across + j
                handle = page.parent.filehandle
                handle.seek(page.dataoffsets[index])
                data = handle.read(page.databytecounts[index])
                try:
                    block, place, _ = page.decode(data, index, **tables)
                except (ValueError, RuntimeError, ImportError) as error:
                    raise ImageReadError(
                        f"Cannot read the image {self.path!r}: tile {index} could not be "
                        f"decoded ({error})."
                    ) from None
                if block is not None:
                    yield block[0], int(place[2]), int(place[3])
