"""Image size and completeness from the bytes of a file, before anything is decoded.

OpenCV decodes what it can of a cut file and allocates what a header asks for. So the header is
read here first: the size bounds the memory, and a file whose data end early is refused.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["ImageHeader", "read_header"]


class ImageHeader(NamedTuple):
    """What the first bytes of an image file say.

    Attributes
    ----------
    kind : str
        Format: ``"BMP"``, ``"PNG"``, ``"JPEG"``, ``"TIFF"``, ``"WebP"``, ``"JPEG 2000"``, ``"PNM"``.
    height, width : int
        In pixels, as stored (before any EXIF rotation).
    has_alpha : bool
        Whether pixels may be transparent.
    """

    kind: str
    height: int
    width: int
    has_alpha: bool = False


def read_header(data: bytes) -> ImageHeader:
    r"""Tell format and size of an encoded image, and refuse one that is cut or not a still.

    Parameters
    ----------
    data : bytes
        The whole file.

    Returns
    -------
    ImageHeader

    Raises
    ------
    ValueError
        With the reason, in words that follow the name of a file.

    Examples
    --------
    >>> read_header(b"P5 4 2 255\n" + bytes(8))
    ImageHeader(kind='PNM', height=2, width=4, has_alpha=False)
    >>> read_header(b"P5 4 2 255\n")
    Traceback (most recent call last):
    ValueError: is cut short: 8 bytes of pixels announced, 0 there
    """
    for magic, parse in _PARSERS:
        if data.startswith(magic):
            try:
                header = parse(data)
            except (struct.error, IndexError):
                raise ValueError("is cut short: the header is not complete") from None
            if header.height < 1 or header.width < 1:
                raise ValueError(f"has no pixels: {header.height} x {header.width}")
            return header
    raise ValueError(
        "is not an image that leukfeat reads (BMP, PNG, JPEG, TIFF, WebP, JPEG 2000, PNM); "
        f"it starts with {data[:8]!r}"
    )


def _cut(announced: int, there: int, what: str = "bytes of pixels") -> ValueError:
    return ValueError(f"is cut short: {announced} {what} announced, {max(there, 0)} there")


def _bmp(data: bytes) -> ImageHeader:
    offset, info_size = struct.unpack_from("<II", data, 10)
    if info_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)
    if compression in (0, 3) and width > 0:
        needed = (width * bits + 31) // 32 * 4 * height
        if len(data) - offset < needed:
            raise _cut(needed, len(data) - offset)
    return ImageHeader("BMP", height, width, has_alpha=bits == 32 and compression == 3)


_MOST_PNG_PARTS = 1_000_000


def _png(data: bytes) -> ImageHeader:
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise ValueError("is damaged: a PNG whose size does not come first")
    position, has_alpha = 8, colour in (4, 6)
    for _ in range(_MOST_PNG_PARTS):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise _cut(end, len(data), "bytes")
        if zlib.crc32(data[position + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise ValueError(f"is damaged: the checksum of its {name!r} part is wrong")
        if name == b"acTL":
            raise ValueError("is animated; give one image a file")
        if name == b"IHDR" and position > 8:
            raise ValueError("is damaged: a PNG that announces its size twice")
        has_alpha = has_alpha or name == b"tRNS"
        if name == b"IEND":
            return ImageHeader("PNG", height, width, has_alpha)
        position = end
    raise ValueError(f"has more than {_MOST_PNG_PARTS} parts: made to waste time")


_JPEG_MARKER = re.compile(rb"\xff+")  # all but the last are fill bytes
_MOST_JPEG_MARKERS = 10_000
_MOST_SCANS = 100
"""A progressive JPEG has about ten; each costs a pass over the whole image."""


def _jpeg(data: bytes) -> ImageHeader:
    position, size = 2, None
    for _ in range(_MOST_JPEG_MARKERS):
        start = _JPEG_MARKER.match(data, position)
        if position >= len(data):
            raise IndexError  # as of what is read beyond the end
        if start is None:
            raise ValueError("is damaged: a JPEG marker is missing")
        position = start.end() - 1
        marker = data[position + 1]
        # These have no length. Before the scan nobody writes them, and decoders pass over them.
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD9:
            raise ValueError(f"is damaged: a JPEG marker {marker:02X} before the scan")
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2:
            raise ValueError("is damaged: a JPEG marker without a length")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width, channels = struct.unpack_from(">HHB", data, position + 5)
            if channels == 4:
                raise ValueError("has four channels (CMYK); convert it to RGB first")
            if size is not None:
                raise ValueError("is damaged: a JPEG that announces its size twice")
            size = (height, width)
        if marker == 0xDA:
            break
        position += 2 + length
    else:
        raise ValueError(f"has more than {_MOST_JPEG_MARKERS} markers: made to waste time")
    if size is None:
        raise ValueError("is damaged: no JPEG frame before the scan")
    # Inside a scan FF is always followed by 00 or a restart, so these markers are the image's own.
    scans = data.count(b"\xff\xda", position)
    if scans > _MOST_SCANS:
        raise ValueError(f"has {scans} scans, more than {_MOST_SCANS}: made to waste time")
    if data.rfind(b"\xff\xd9") < position:
        raise ValueError("is cut short: the end marker of the JPEG is missing")
    return ImageHeader("JPEG", *size)


_TIFF_KINDS = {3: "H", 4: "I"}
"""Kinds of the numbers that are read here, which is what TIFF 6.0 asks of them: SHORT and LONG."""

_TIFF_TAGS = (256, 257, 258, 262, 273, 279, 322, 323, 324, 325, 338)
_MOST_STRIPS = 1 << 20


def _tiff(data: bytes) -> ImageHeader:
    order = "<" if data[:2] == b"II" else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, directory)
    tags: dict[int, tuple[int, ...]] = {}
    for i in range(entries):
        at = directory + 2 + 12 * i
        tag, kind, count = struct.unpack_from(order + "HHI", data, at)
        if tag not in _TIFF_TAGS:
            continue
        # Decoders differ on which of two they believe, and on numbers of other kinds.
        if tag in tags:
            raise ValueError(f"is damaged: a TIFF with the tag {tag} twice")
        if kind not in _TIFF_KINDS or count > _MOST_STRIPS:
            raise ValueError(f"is damaged: a TIFF whose tag {tag} holds {count} of kind {kind}")
        size = struct.calcsize(_TIFF_KINDS[kind]) * count
        start = at + 8 if size <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        if start + size > len(data):
            raise _cut(start + size, len(data), "bytes")
        tags[tag] = struct.unpack_from(f"{order}{count}{_TIFF_KINDS[kind]}", data, start)
    (following,) = struct.unpack_from(order + "I", data, directory + 2 + 12 * entries)
    if following:
        raise ValueError("holds several pages; give one image a file")
    if len(tags.get(256, ())) != 1 or len(tags.get(257, ())) != 1:
        raise ValueError("is damaged: a TIFF without a size")
    if tags.get(262) == (5,):
        raise ValueError("has four channels (CMYK); convert it to RGB first")
    starts = tags.get(273, tags.get(324, ()))
    lengths = tags.get(279, tags.get(325, ()))
    end = max((a + b for a, b in zip(starts, lengths, strict=False)), default=0)
    if not starts or end > len(data):
        raise _cut(end, len(data), "bytes")
    return ImageHeader("TIFF", tags[257][0], tags[256][0], has_alpha=338 in tags)


def _webp(data: bytes) -> ImageHeader:
    if data[8:12] != b"WEBP":
        raise ValueError("is not an image: a RIFF file that is not WebP")
    (length,) = struct.unpack_from("<I", data, 4)
    if length + 8 > len(data):
        raise _cut(length + 8, len(data), "bytes")
    kind = data[12:16]
    if kind == b"VP8X":
        flags = data[20]
        if flags & 2:
            raise ValueError("is animated; give one image a file")
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        return ImageHeader("WebP", height, width, has_alpha=bool(flags & 16))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        alpha = bool(bits >> 28 & 1)
        return ImageHeader("WebP", (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1, alpha)
    width, height = struct.unpack_from("<HH", data, 26)
    return ImageHeader("WebP", height & 0x3FFF, width & 0x3FFF)


_MOST_BOXES = 1000
_MOST_COMPONENTS = 4
"""OpenCV takes no more; the decoder below it would first unpack them all."""


def _jpeg2000(data: bytes) -> ImageHeader:
    at = 0 if data.startswith(b"\xff\x4f") else _codestream(data)
    if data[at : at + 4] != b"\xff\x4f\xff\x51":  # start of codestream, then its size marker
        raise ValueError("is damaged: no JPEG 2000 codestream")
    right, bottom, left, top = struct.unpack_from(">IIII", data, at + 8)
    (components,) = struct.unpack_from(">H", data, at + 40)
    if components > _MOST_COMPONENTS:
        raise ValueError(f"has {components} channels")
    if data.rfind(b"\xff\xd9") < at:
        raise ValueError("is cut short: the end marker of the JPEG 2000 codestream is missing")
    return ImageHeader("JPEG 2000", bottom - top, right - left)


def _codestream(data: bytes) -> int:
    """Return where the codestream begins in a file of boxes; other boxes may hold anything."""
    position = 0
    for _ in range(_MOST_BOXES):
        length, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, position + 8)
            header = 16
        if kind == b"jp2c":
            return position + header
        if length < header:
            break
        position += length
        if position > len(data):
            raise _cut(position, len(data), "bytes")
    raise ValueError("is damaged: no JPEG 2000 codestream among its boxes")


_PNM_HEADER = 1 << 16
_PNM_NUMBER = re.compile(rb"(?:\s|#[^\r\n]*+[\r\n])*+(\d{1,12})(?=\s)")


def _pnm(data: bytes) -> ImageHeader:
    fields: list[int] = []
    wanted = 2 if data[:2] in (b"P1", b"P4") else 3
    position = 2
    while len(fields) < wanted:
        found = _PNM_NUMBER.match(data, position, _PNM_HEADER)
        if found is None:
            raise ValueError("is damaged: a PNM header without its numbers")
        fields.append(int(found[1]))
        position = found.end()
    width, height = fields[:2]
    if data[:2] in (b"P4", b"P5", b"P6"):
        samples = 1 if wanted == 2 or fields[2] < 256 else 2
        channels = 3 if data[:2] == b"P6" else 1
        row = (width + 7) // 8 if data[:2] == b"P4" else width * channels * samples
        if len(data) - position - 1 < row * height:
            raise _cut(row * height, len(data) - position - 1)
    return ImageHeader("PNM", height, width)


_PARSERS: tuple[tuple[bytes, Callable[[bytes], ImageHeader]], ...] = (
    (b"BM", _bmp),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8", _jpeg),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"RIFF", _webp),
    (b"\0\0\0\x0cjP  \r\n\x87\n", _jpeg2000),
    (b"\xff\x4f\xff\x51", _jpeg2000),
    *((b"P%d" % i, _pnm) for i in range(1, 7)),
)
