"""Whether a disk has room, asked before it is written to."""

from __future__ import annotations

import errno
import os

__all__ = ["check_room"]


def check_room(folder: str, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    A writer that stops before a block leaves a file in order; one that runs out of space in
    the middle leaves one that must be recovered.

    Parameters
    ----------
    folder : str
        Where something shall be written.
    needed : int
        Bytes.

    Raises
    ------
    OSError
        With ``errno.ENOSPC``.
    """
    if not hasattr(os, "statvfs"):
        return
    status = os.statvfs(folder or ".")
    free = status.f_bavail * status.f_frsize
    # Some network file systems tell nothing.
    if status.f_blocks and free < needed:
        raise OSError(
            errno.ENOSPC,
            f"no space left on the device: {needed / 1e6:.1f} MB needed, {free / 1e6:.1f} MB free",
        )
