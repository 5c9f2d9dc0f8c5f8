"""Reading a zip from a stranger: no surprise in names, sizes or array headers."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np

from leukfeat.exceptions import LeukfeatError

__all__ = ["UnsafeArchiveError", "check_archive", "read_member"]

_MAX_MEMBERS = 100_000
_MAX_HEADER = 10_000


class UnsafeArchiveError(LeukfeatError, ValueError):
    """A zip holds something that its reader did not ask for."""


def check_archive(
    archive: zipfile.ZipFile, *, path: Path, allowed: Collection[str] | None = None
) -> None:
    """Refuse an archive that could write elsewhere, grow without bound, or lie about arrays.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Open for reading.
    path : pathlib.Path
        Shown in messages.
    allowed : collection of str, optional
        The only names that may occur.

    Raises
    ------
    UnsafeArchiveError
        If a name occurs twice, is absolute or leads upwards, is not in `allowed`, is a link; if
        a member is compressed (leukfeat stores), or an array's header promises more than the
        member holds, or Python objects; or if anything stands before, between or after them.
    """
    _check_nothing_else(archive, path)
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(entries) > _MAX_MEMBERS or len(set(names)) != len(names):
        raise UnsafeArchiveError(f"'{path}' holds too many members, or one twice.")
    for entry in entries:
        name = entry.filename
        is_link = (entry.external_attr >> 16) & 0o170000 == 0o120000
        leads_away = name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/")
        if is_link or leads_away or ":" in name or (allowed is not None and name not in allowed):
            raise UnsafeArchiveError(f"'{path}' holds {name!r}, which has no place in it.")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise UnsafeArchiveError(
                f"'{path}' holds {name!r} in compressed form; leukfeat's files are stored, so "
                "that nothing in them can grow when it is read."
            )
        if name.endswith(".npy"):
            _check_array(archive, entry, path)


def read_member(archive: zipfile.ZipFile, name: str, *, limit: int) -> bytes:
    """Read one member, and no more of it than was announced.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Open for reading, and checked.
    name : str
        The member.
    limit : int
        Most bytes it may have.

    Returns
    -------
    bytes

    Raises
    ------
    UnsafeArchiveError
        If it has more.
    """
    size = archive.getinfo(name).file_size
    if size > limit:
        raise UnsafeArchiveError(
            f"'{archive.filename}': {name!r} has {size} bytes, more than the {limit} announced."
        )
    return archive.read(name)


_LOCAL_HEADER = struct.Struct("<4s22xHH")
_END = struct.Struct("<4s18s")


def _check_nothing_else(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse bytes that no member accounts for: a script in front, a second archive behind."""
    file = archive.fp
    assert file is not None
    place = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        file.seek(entry.header_offset)
        start = file.read(_LOCAL_HEADER.size).ljust(_LOCAL_HEADER.size, b"\0")
        magic, name, extra = _LOCAL_HEADER.unpack(start)
        if entry.header_offset != place or magic != b"PK\3\4":
            break
        place += _LOCAL_HEADER.size + name + extra + entry.compress_size
    else:
        file.seek(-_END.size, os.SEEK_END)
        magic, _ = _END.unpack(file.read(_END.size))
        if place == archive.start_dir and magic == b"PK\5\6" and not archive.comment:
            return
    raise UnsafeArchiveError(
        f"'{path}' is incomplete or damaged, or holds bytes before, between or after its members, "
        "which leukfeat does not write. Get the file again."
    )


def _check_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    with archive.open(entry) as file:
        try:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(file, max_header_size=_MAX_HEADER)
        except ValueError as error:
            raise UnsafeArchiveError(
                f"'{path}': {entry.filename!r} is no array: {error}."
            ) from error
    # Python integers: a product of NumPy's would wrap around, and a huge array would pass.
    promised = dtype.itemsize
    for side in shape:
        promised *= int(side)
    if dtype.hasobject or promised > entry.file_size:
        raise UnsafeArchiveError(
            f"'{path}': the header of {entry.filename!r} promises {dtype} of shape {shape}, which "
            f"its {entry.file_size} bytes cannot hold."
        )
