"""What a path is, when it is no file to be read: a pipe would wait, a device never ends."""

from __future__ import annotations

import os
import stat

__all__ = ["not_a_file"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def not_a_file(path: str | os.PathLike[str]) -> str | None:
    """Tell what a path is, if something is there that is no regular file.

    Parameters
    ----------
    path : path-like
        Links are followed.

    Returns
    -------
    str or None
        Words such as ``"a folder"`` or ``"a named pipe"``; ``None`` for a regular file, and where
        there is nothing.

    Raises
    ------
    OSError
        If it cannot be asked for another reason than that nothing is there.

    Examples
    --------
    >>> not_a_file(os.devnull), not_a_file(os.curdir), not_a_file("no such file")
    ('a device', 'a folder', None)
    """
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISREG(mode):
        return None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), "no regular file")
