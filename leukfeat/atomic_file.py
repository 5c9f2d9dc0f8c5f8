"""A file is there whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["written_whole"]


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under a temporary name, and put it in place when it is complete.

    Parameters
    ----------
    path : path-like
        Where the file is to stand. Its folder must exist; a file there is replaced.

    Yields
    ------
    pathlib.Path
        An empty file in the same folder, with the same ending, to write to. If the block
        raises, it is removed and what stood at `path` stays.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "notes.txt")
    >>> with written_whole(path) as partial:
    ...     _ = partial.write_text("all of it")
    >>> path.read_text()
    'all of it'
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name[:100]}.", suffix=f".partial{path.suffix}"
    )
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        _give_usual_permissions(partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _give_usual_permissions(path: Path) -> None:
    # mkstemp makes a private file; the finished one is as readable as any other of the user's.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)
