"""Image files to RGB ``uint8``, or an error that names the file and the reason."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.conversion import MAX_PIXELS
from leukfeat.imaging.headers import ImageHeader, read_header

__all__ = [
    "MAX_FILE_BYTES",
    "MAX_PIXELS",
    "TWELVE_BITS",
    "FileState",
    "check_encoded",
    "decode_image",
    "read_bytes",
    "read_image",
]

MAX_FILE_BYTES = 1 << 30
"""Largest image file that is read, in bytes."""

TWELVE_BITS = 4096
"""Sixteen-bit samples that all lie below are those of a 12-bit camera."""

_STRETCH_SAMPLES = 1 << 20


class FileState(NamedTuple):
    """What the file system says of a file; any change of its content changes one of these."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Take the fields from the result of :func:`os.stat`."""
        # Inodes may use all 64 bits, which a signed SQL integer cannot hold.
        inode = status.st_ino & 0x7FFF_FFFF_FFFF_FFFF
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, inode)


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    r"""Read an image file as RGB ``uint8``.

    BMP, PNG, JPEG, TIFF, WebP, JPEG 2000 and PNM are decoded by OpenCV, and brought to RGB by
    fixed rules: grey is repeated three times; a palette is expanded; 16-bit samples are scaled
    to the full range (``v / 257``, rounded); transparent pixels are laid over black; EXIF
    orientation is applied (not where there is transparency). Refused, with the reason: what is
    cut short, animated or of several pages, CMYK, floating point, a TIFF with transparent
    pixels, or 12-bit data in 16-bit samples (which would come out nearly black).

    Parameters
    ----------
    path : path-like
        The file.
    max_pixels : int, default=100_000_000
        Larger images are refused before they are decoded.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)

    Raises
    ------
    ImageReadError
        If the file is missing, not a regular file, empty, damaged or not an image.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "cell.pgm")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(b"P5 2 1 255\n" + bytes([0, 200]))
    ...     read_image(path)
    array([[[  0,   0,   0],
            [200, 200, 200]]], dtype=uint8)
    """
    name = os.fspath(path)
    data, _ = read_bytes(name)
    return decode_image(data, name, max_pixels=max_pixels)


def read_bytes(path: str) -> tuple[bytes, FileState]:
    """Read a regular file whole, together with its state at that moment.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    data : bytes
    state : FileState
        Size, times and inode of the very file that was read.

    Raises
    ------
    ImageReadError
        If it cannot be read, is empty, too large, or no regular file.
    """
    try:
        # O_NONBLOCK: opening a named pipe must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        raise ImageReadError(f"Cannot read the image {path!r}: {_reason(error, path)}.") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            what = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise ImageReadError(f"Cannot read the image {path!r}: it is {what}.")
        if status.st_size == 0:
            raise ImageReadError(f"Cannot read the image {path!r}: the file is empty.")
        if status.st_size > MAX_FILE_BYTES:
            raise ImageReadError(
                f"Cannot read the image {path!r}: the file has {status.st_size} bytes, more than "
                f"{MAX_FILE_BYTES}; cut it into single cells or fields first."
            )
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read()
        after = os.fstat(descriptor)
    except OSError as error:
        raise ImageReadError(f"Cannot read the image {path!r}: {error.strerror}.") from error
    finally:
        os.close(descriptor)
    if FileState.of(after) != FileState.of(status) or len(data) != status.st_size:
        raise ImageReadError(f"Cannot read the image {path!r}: it is being written to.")
    return data, FileState.of(status)


def decode_image(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode the bytes of an image file as RGB ``uint8``, by the rules of :func:`read_image`.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        What the errors call it.
    max_pixels : int, default=100_000_000
        Larger images are refused before they are decoded.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)

    Raises
    ------
    ImageReadError
        If it is damaged, too large or not an image.
    """
    header = check_encoded(data, name, max_pixels=max_pixels)
    pixels = _to_eight_bits(_decode(data, name, header), name)
    return _to_rgb(pixels, name, header)


def check_encoded(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """See that the bytes of a file are a whole image of a size to be decoded, without decoding.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, for messages.
    max_pixels : int, default=100,000,000
        Largest height x width.

    Returns
    -------
    ImageHeader

    Raises
    ------
    ImageReadError
        If it is cut short, too large or not an image.
    """
    try:
        header = read_header(data)
    except ValueError as error:
        raise ImageReadError(f"Cannot read the image {name!r}: it {error}.") from None
    if header.height * header.width > max_pixels:
        raise ImageReadError(
            f"Cannot read the image {name!r}: {header.height} x {header.width} pixels are more "
            f"than the {max_pixels} allowed; cut it into single cells or fields first."
        )
    return header


def _decode(data: bytes, name: str, header: ImageHeader) -> NDArray:
    import cv2

    # IMREAD_COLOR | IMREAD_ANYDEPTH: three channels, EXIF applied, 16 bits kept.
    flags = cv2.IMREAD_UNCHANGED if header.has_alpha else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageReadError(
            f"Cannot read the image {name!r}: OpenCV could not decode the {header.kind} "
            f"({error.err})."
        ) from None
    if pixels is None:
        raise ImageReadError(
            f"Cannot read the image {name!r}: OpenCV could not decode the {header.kind}; "
            "the file is damaged or of an unusual kind."
        )
    # EXIF may have swapped the sides. Anything else was not what the limit was asked about.
    if sorted(pixels.shape[:2]) != sorted((header.height, header.width)):
        raise ImageReadError(
            f"Cannot read the image {name!r}: its header announces {header.height} x "
            f"{header.width} pixels, and the {header.kind} holds {pixels.shape[0]} x "
            f"{pixels.shape[1]}; the file is damaged, or made to deceive."
        )
    return pixels.reshape(*pixels.shape[:2], -1)


def _to_eight_bits(pixels: NDArray, name: str) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype != np.uint16:
        raise ImageReadError(
            f"Cannot read the image {name!r}: its samples are {pixels.dtype}; 8 or 16 bits, "
            "unsigned, are needed. Scale it to 8 bits first."
        )
    top = int(pixels[..., :3].max())
    if 0 < top < TWELVE_BITS:
        raise ImageReadError(
            f"Cannot read the image {name!r}: its 16-bit samples reach only {top}, as from a "
            "12-bit camera, and would come out nearly black; scale it to 8 bits first."
        )
    scaled = np.empty(pixels.shape, np.uint8)
    for rows in _stretches(pixels):
        scaled[rows] = (pixels[rows].astype(np.uint32) + 128) // 257
    return scaled


def _to_rgb(pixels: NDArray[np.uint8], name: str, header: ImageHeader) -> NDArray[np.uint8]:
    import cv2

    channels = pixels.shape[2]
    if channels in (2, 4) and not (pixels[..., -1] == 255).all():
        if header.kind == "TIFF":
            # What OpenCV returns is multiplied by the transparency already, or not, by its kind.
            raise ImageReadError(
                f"Cannot read the image {name!r}: it is a TIFF with transparent pixels; lay it "
                "over a background first."
            )
        colour = np.empty((*pixels.shape[:2], channels - 1), np.uint8)
        for rows in _stretches(pixels):
            alpha = pixels[rows][..., -1:].astype(np.uint16)
            colour[rows] = (pixels[rows][..., :-1] * alpha + 127) // 255
        pixels, channels = colour, channels - 1
    if channels in (1, 2):
        return np.repeat(pixels[..., :1], 3, axis=2)
    if channels not in (3, 4):
        raise ImageReadError(f"Cannot read the image {name!r}: it has {channels} channels.")
    code = cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGB
    return cv2.cvtColor(pixels, code)


def _stretches(pixels: NDArray) -> Iterator[slice]:
    """Yield rows in parts, so that what is computed from them does not fill the memory."""
    step = max(1, _STRETCH_SAMPLES // max(1, pixels[0].size))
    for start in range(0, len(pixels), step):
        yield slice(start, start + step)


def _reason(error: OSError | ValueError, path: str) -> str:
    if isinstance(error, ValueError):
        return f"the path is not valid ({error})"
    if error.errno == errno.ENOENT:
        folder = os.path.dirname(path) or "."
        where = "" if os.path.isdir(folder) else f" (there is no folder {folder!r})"
        return f"there is no such file{where}"
    return error.strerror or str(error)
