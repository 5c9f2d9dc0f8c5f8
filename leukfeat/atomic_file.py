"""A file is there whole, or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["check_file_can_be_written", "check_folder_can_be_written", "written_whole"]

_SECONDS_UNTIL_LEFT = 24 * 3600


def check_file_can_be_written(path: str | os.PathLike[str]) -> None:
    """Raise what writing a file would raise, before the work whose result it shall hold.

    Parameters
    ----------
    path : path-like
        Where the file is to stand.

    Raises
    ------
    FileNotFoundError
        If its folder does not exist.
    IsADirectoryError
        If it is a folder itself.
    PermissionError
        If its folder may not be written to.
    """
    path = Path(path)
    folder = path.absolute().parent
    if path.is_dir():
        raise IsADirectoryError(f"'{path}' is a folder; give the name of a file in it.")
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder '{folder}' to write to.")
    _check_rights(folder)


def check_folder_can_be_written(folder: str | os.PathLike[str]) -> None:
    """Raise what making a folder, or writing into one, would raise.

    Parameters
    ----------
    folder : path-like
        It need not exist.

    Raises
    ------
    NotADirectoryError
        If it, or what is to hold it, is a file.
    PermissionError
        If it may not be made or written to.
    """
    wanted = Path(folder).absolute()
    there = next(place for place in (wanted, *wanted.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise NotADirectoryError(f"'{there}' is a file; give the name of a folder.")
    _check_rights(there)


def _check_rights(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f"The folder '{folder}' cannot be written to (permission denied); give another one."
        )


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

    Notes
    -----
    A process that is killed leaves its unfinished file. The next one that writes to the same
    `path` deletes it: a living writer holds a lock on his. Where there are no such locks, only
    what is older than a day is deleted.

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
    _delete_what_the_dead_left(path)
    handle, partial = _new_partial(path)
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        _give_usual_permissions(partial)
        os.replace(partial, path)
    finally:
        os.close(handle)
        partial.unlink(missing_ok=True)


def _beginning(path: Path) -> str:
    return f".{path.name[:100]}."


def _new_partial(path: Path) -> tuple[int, Path]:
    """Make an empty file that is locked for as long as its handle is open."""
    while True:
        try:
            handle, name = tempfile.mkstemp(
                dir=path.parent, prefix=_beginning(path), suffix=f".partial{path.suffix}"
            )
        except OSError as error:
            # The name that the caller knows, not one that was made up here.
            raise type(error)(error.errno, error.strerror, str(path)) from None
        _lock(handle)
        # Between the two another may have taken it for a dead one's.
        if os.path.exists(name):
            return handle, Path(name)
        os.close(handle)


def _lock(handle: int) -> bool | None:
    """Try to lock an open file; ``None`` where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _delete_what_the_dead_left(path: Path) -> None:
    pattern = f"{glob.escape(_beginning(path))}????????.partial{glob.escape(path.suffix)}"
    for left in glob.glob(os.path.join(glob.escape(str(path.parent)), pattern)):
        # One that is gone, or another user's, is not ours to delete.
        with contextlib.suppress(OSError):
            handle = os.open(left, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                is_left = _lock(handle)
                if is_left is None:
                    is_left = time.time() - os.fstat(handle).st_mtime > _SECONDS_UNTIL_LEFT
                if is_left and fcntl is not None:
                    os.unlink(left)
            finally:
                os.close(handle)
            if is_left and fcntl is None:  # an open file cannot be deleted there
                os.unlink(left)


def _give_usual_permissions(path: Path) -> None:
    # mkstemp makes a private file; the finished one is as readable as any other of the user's.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)
