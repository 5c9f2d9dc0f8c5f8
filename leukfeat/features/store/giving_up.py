"""Closing an HDF5 file that can no longer be written: a full disk, a device that went away.

HDF5 keeps what it could not write and tries again when the file is closed and when the process
ends, where a second failure is a crash. So its descriptor is pointed at memory first: the
file on disk stays as the failed call left it, as if the process had been killed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

import h5py

from leukfeat.exceptions import CacheError

__all__ = ["WRITE_ERRORS", "close", "give_up", "reason_of", "remedy_of", "writing_to"]

_KEPT = "What was written before is kept; {}, and call again to go on."
_NO_RIGHT = "give a folder that you may write to as 'cache'"
_REMEDIES = {
    errno.ENOSPC: _KEPT.format("make room or give another 'cache'"),
    errno.EFBIG: _KEPT.format(
        "raise the limit on the size of a file (ulimit -f, or the file system's own) or give "
        "another 'cache'"
    ),
    errno.EDQUOT: _KEPT.format(
        "your quota on this disk is used up: delete files of yours, have it raised, or give "
        "another 'cache'"
    ),
    errno.EACCES: _KEPT.format(_NO_RIGHT),
    errno.EPERM: _KEPT.format(_NO_RIGHT),
    errno.EROFS: _KEPT.format(_NO_RIGHT),
    errno.EIO: _KEPT.format("the disk may be failing: give a 'cache' on another one"),
    errno.ENOENT: "The cache folder was removed or its disk taken away while it was used; make it "
    "again or give another 'cache', and call again.",
}
_OTHER = _KEPT.format("give another 'cache' if it comes again")

WRITE_ERRORS = (OSError, RuntimeError, ValueError)
"""What h5py raises where HDF5 cannot write."""

_ATTEMPTS = 3
"""The first close after a failed flush always fails; the next one does not."""


@contextlib.contextmanager
def writing_to(path: str) -> Iterator[None]:
    """Turn whatever HDF5 raises when it cannot write into an error with its remedy.

    Parameters
    ----------
    path : str
        The store.

    Raises
    ------
    CacheError
    """
    try:
        yield
    except CacheError:
        raise
    except WRITE_ERRORS as error:
        raise CacheError(
            f"Cannot write to the feature store {path!r}: {reason_of(error)}. {remedy_of(error)}"
        ) from error


def give_up(file: h5py.File) -> None:
    """Close a file after a failed write; nothing more of it reaches the disk.

    Parameters
    ----------
    file : h5py.File
        Opened for writing. It need not be open any more.
    """
    if file:
        _discard(_descriptor(file))
    _close_at_last(file)


def close(file: h5py.File) -> None:
    """Close a file that is in order, and give it up if that fails.

    Parameters
    ----------
    file : h5py.File
        Opened for writing.

    Raises
    ------
    OSError, RuntimeError
        If it could not be written to the end.
    """
    descriptor = _descriptor(file)
    try:
        file.close()
    except WRITE_ERRORS:
        _discard(descriptor)
        _close_at_last(file)
        raise


class _Descriptor(NamedTuple):
    number: int
    device: int
    inode: int


def _descriptor(file: h5py.File) -> _Descriptor | None:
    try:
        number = file.id.get_vfd_handle()
        status = os.fstat(number)
    except WRITE_ERRORS:
        return None
    return _Descriptor(number, status.st_dev, status.st_ino)


def _discard(descriptor: _Descriptor | None) -> None:
    if descriptor is None:
        return
    with contextlib.suppress(OSError):
        status = os.fstat(descriptor.number)
        if (status.st_dev, status.st_ino) != descriptor[1:]:
            return  # closed already, and the number belongs to another file by now
        if hasattr(os, "memfd_create"):
            elsewhere = os.memfd_create("leukfeat-discarded")
        else:
            elsewhere = os.open(os.devnull, os.O_RDWR)
        try:
            os.dup2(elsewhere, descriptor.number)
        finally:
            os.close(elsewhere)


def _close_at_last(file: h5py.File) -> None:
    for _ in range(_ATTEMPTS):
        try:
            file.close()
        except WRITE_ERRORS:
            continue
        return


def remedy_of(error: BaseException) -> str:
    """Return what to do about a failed write, by the system's number for its reason.

    Examples
    --------
    >>> remedy_of(OSError(errno.ENOSPC, "No space left on device"))
    "What was written before is kept; make room or give another 'cache', and call again to go on."
    """
    number = getattr(error, "errno", None)
    if number is None and (found := re.search(r"errno = (\d+)", str(error))):
        number = int(found[1])
    return _REMEDIES.get(number, _OTHER) if number is not None else _OTHER


def reason_of(error: BaseException) -> str:
    """Return the system's own words out of HDF5's long ones.

    Examples
    --------
    >>> reason_of(RuntimeError("write failed, errno = 28, error message = 'No space left', ..."))
    'No space left'
    """
    text = str(error)
    words = re.search(r"error message = '([^']*)'", text)
    if words:
        return words[1]
    return getattr(error, "strerror", None) or text.splitlines()[0] if text else repr(error)
