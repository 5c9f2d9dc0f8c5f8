"""What an image file tells before its pixels: header, size, JPEG tables."""

from __future__ import annotations

import numpy as np

__all__ = ["FILE_COLUMNS", "HEADER_COLUMNS", "file_clues"]

HEADER_COLUMNS = ("format", "header_bytes", "jpeg_table", "metadata")
"""Format as a number, bytes before the pixels, mean of the first JPEG quantisation table (0 where
there is none), whether there is Exif."""

FILE_COLUMNS = (*HEADER_COLUMNS, "file_bytes")

_MAGIC = (b"BM", b"\x89PNG", b"\xff\xd8", b"II*\0", b"MM\0*", b"RIFF", b"\0\0\0\x0cjP")


def file_clues(data: bytes) -> np.ndarray:
    """Measure the bytes of an image file.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    ndarray of float32 of shape (5,)
        In the order of `FILE_COLUMNS`.

    Examples
    --------
    >>> bmp = b"BM" + bytes(8) + (54).to_bytes(4, "little") + bytes(100)
    >>> dict(zip(FILE_COLUMNS, file_clues(bmp).tolist()))["header_bytes"]
    54.0
    """
    kind = next((i for i, magic in enumerate(_MAGIC) if data.startswith(magic)), len(_MAGIC))
    header, table, exif = 0, 0.0, 0
    if kind == 0 and len(data) >= 14:
        header = int.from_bytes(data[10:14], "little")
    elif kind == 1:
        header, exif = max(data.find(b"IDAT") - 4, 0), int(b"eXIf" in data[:65536])
    elif kind == 2:
        header, table, exif = _jpeg(data)
    return np.array([kind, header, table, exif, len(data)], np.float32)


def _jpeg(data: bytes) -> tuple[int, float, int]:
    position, table, exif = 2, 0.0, 0
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xFF:
            position += 1
            continue
        if marker == 0xDB and not table:
            wide = data[position + 4] >> 4
            values = np.frombuffer(data, ">u2" if wide else np.uint8, 64, position + 5)
            table = float(values.mean())
        if marker == 0xE1 and data[position + 4 : position + 8] == b"Exif":
            exif = 1
        if marker == 0xDA:
            break
        position += 2 + length
    return position, table, exif
