"""Parts of a field, from memory or from a TIFF file that is never read whole."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from leukfeat.exceptions import ImageReadError
from leukfeat.file_kind import not_a_file
from leukfeat.imaging.conversion import RGB, to_rgb
from leukfeat.imaging.reading import TWELVE_BITS

__all__ = ["ArrayRegions", "TiffRegions"]

_KINDS = {
    (1, "MINISBLACK"), (1, "MINISWHITE"), (3, "RGB"), (4, "RGB"), (3, "YCBCR"),
}  # fmt: skip
"""Samples a pixel and what they are."""

_JPEG = (6, 7, 33007, 34892)
"""Compressions whose YCbCr is decoded as RGB."""


class ArrayRegions:
    """Parts of an image in memory.

    Parameters
    ----------
    image : ndarray
        Any image that :func:`leukfeat.imaging.to_rgb` takes.
    path : str, optional
        The file that it was read from.
    """

    def __init__(self, image: Any, path: str | None = None) -> None:
        self.path = path
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

    def check_range(self) -> None:
        """Do nothing: `to_rgb` knows the range of an array by its kind."""

    def close(self) -> None:
        """Do nothing: there is no file."""


class TiffRegions:
    """Parts of a TIFF or OME-TIFF file, its first series at full resolution.

    Only the tiles or strips that a window meets are decoded.

    Parameters
    ----------
    path : path-like
        The file: RGB or grey, 8 or 16 bits, tiled or in strips; smaller copies of the same image
        may follow, as in slides.

    Raises
    ------
    ImageReadError
        If it is no TIFF, its pixels are of another kind, or it holds several planes (channels of
        their own, a stack, times).
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
        try:
            self._page: Any = self._checked()
        except BaseException:
            self._file.close()
            raise
        self._samples = int(self._page.samplesperpixel)
        self._brightest = 0
        self.shape = (int(self._page.imagelength), int(self._page.imagewidth))

    @property
    def is_big(self) -> bool:
        """Whether it is a BigTIFF, of which nothing else here reads the pixels."""
        return bool(self._file.is_bigtiff)

    def _checked(self) -> Any:
        """Return the page that is read, if it is of a kind that can be."""
        import tifffile

        page: Any = self._file.pages[0]
        try:
            series = self._file.series[0]
        except (IndexError, ValueError, tifffile.TiffFileError) as error:
            raise ImageReadError(f"Cannot read the image {self.path!r}: {error}.") from None
        samples, colour = int(page.samplesperpixel), getattr(page.photometric, "name", "unknown")
        if len(series.pages) > 1:
            raise ImageReadError(
                f"Cannot read the image {self.path!r} in tiles: its first series has "
                f"{len(series.pages)} planes (axes {series.axes}, {series.shape}), and one of grey "
                "or interleaved RGB is needed. Write the one to be counted as a file of its own."
            )
        interleaved = page.planarconfig == 1 or samples == 1
        usual = (samples, colour) in _KINDS and page.dtype in (np.uint8, np.uint16)
        usual &= colour != "YCBCR" or int(page.compression) in _JPEG
        if not interleaved or not usual:
            raise ImageReadError(
                f"Cannot read the image {self.path!r} in tiles: it has {samples} samples a pixel "
                f"of {page.dtype}, photometric interpretation {colour}, planar configuration "
                f"{int(page.planarconfig)}; grey, RGB or RGBA of 8 or 16 bits with interleaved "
                "samples is needed."
            )
        return page

    def check_range(self) -> None:
        """Refuse 16-bit samples whose brightest, of what was read, is that of a 12-bit camera."""
        if self._page.dtype == np.uint16 and 0 < self._brightest < TWELVE_BITS:
            raise ImageReadError(
                f"Cannot read the image {self.path!r}: its 16-bit samples reach only "
                f"{self._brightest}, as from a 12-bit camera, and would come out nearly black; "
                "scale it to 8 bits first."
            )

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
        if self._page.dtype == np.uint16:
            self._brightest = max(self._brightest, int(out[..., :3].max(initial=0)))
        if self._page.photometric == 0:  # white is 0
            out = np.iinfo(out.dtype).max - out
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
                    remedy = ""
                    if importlib.util.find_spec("imagecodecs") is None:
                        remedy = (
                            " Many compressions need imagecodecs: pip install 'leukfeat[slides]'."
                        )
                    raise ImageReadError(
                        f"Cannot read the image {self.path!r}: tile {index} could not be "
                        f"decoded ({error}).{remedy}"
                    ) from None
                if block is not None:
                    yield block[0], int(place[2]), int(place[3])
