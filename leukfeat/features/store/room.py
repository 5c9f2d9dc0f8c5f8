"""Whether a disk has room, and the process the right to fill it, asked before it is written to."""

from __future__ import annotations

import errno
import os

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

__all__ = ["check_room"]


def check_room(folder: str, needed: int, *, file_bytes: int = 0) -> None:
    """Refuse to begin what the disk cannot hold, or what the process may not write.

    A writer that stops before a block leaves a file in order; one that runs out of space in
    the middle leaves one that must be recovered. One that runs into its limit on the size of a
    file cannot even close it: HDF5 fails again at the end of the process, with a crash.

    Parameters
    ----------
    folder : str
        Where something shall be written.
    needed : int
        Bytes.
    file_bytes : int, default=0
        Bytes that the file has already, where it grows.

    Raises
    ------
    OSError
        With ``errno.ENOSPC`` or ``errno.EFBIG``.
    """
    if resource is not None:
        limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
        if limit != resource.RLIM_INFINITY and file_bytes + needed > limit:
            raise OSError(
                errno.EFBIG,
                f"this process may write files of {limit / 1e6:.1f} MB at most (ulimit -f), and "
                f"{(file_bytes + needed) / 1e6:.1f} MB are needed",
            )
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
