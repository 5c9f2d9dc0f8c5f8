"""One writer at a time: a lock of the operating system, or a heartbeat where there is none."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import time
from types import TracebackType

import filelock

from leukfeat.exceptions import CacheError
from leukfeat.features.store.heartbeat import HeartbeatLock

__all__ = ["HeartbeatLock", "WriterLock"]

logger = logging.getLogger("leukfeat")

_POLL = 0.1
_SAY_AFTER = 3.0
_REMOVED_AT_MOST = 20
"""Times that others may take the file away; some file systems count no links."""
_NO_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)


class WriterLock:
    """The right to write a store.

    The operating system's lock is taken where the file system has one: it ends with its holder,
    whatever kills him. Elsewhere (some network and cluster file systems) a `HeartbeatLock`.
    As a context manager it raises `CacheError` where the folder cannot be written to.

    Parameters
    ----------
    path : str
        The store; the lock's own file stands beside it.
    """

    def __init__(self, path: str) -> None:
        folder, name = os.path.split(path)
        self._store = path
        self._path = os.path.join(folder, f".{name}.lock")
        self._lock: filelock.BaseFileLock | HeartbeatLock | None = None

    def acquire(self) -> None:
        """Wait until the right is ours; say so in the log when it takes more than seconds."""
        if os.environ.get("LEUKFEAT_LOCK") == "heartbeat" or not _has_locks(self._path):
            self._lock = HeartbeatLock(self._path + ".holder")
            self._lock.acquire()
            return
        lock = filelock.FileLock(self._path, thread_local=False)
        started, said, removed = time.monotonic(), False, _REMOVED_AT_MOST
        while True:
            try:
                lock.acquire(timeout=_SAY_AFTER, poll_interval=_POLL)
                removed -= 1
                if removed < 0 or not _is_removed(lock):
                    break
                lock.release()
            except filelock.Timeout:
                if not said:
                    logger.warning("waiting for another process that writes to %s", self._path)
                    said = True
            except (OSError, NotImplementedError) as error:
                if getattr(error, "errno", errno.ENOSYS) not in _NO_LOCKS:
                    raise
                self._lock = HeartbeatLock(self._path + ".holder")
                self._lock.acquire()
                return
        if said:
            logger.warning("got it after %.0f s", time.monotonic() - started)
        self._lock = lock

    def release(self, *, unused: bool = False) -> None:
        """Give the right back.

        Parameters
        ----------
        unused : bool, default=False
            Whether nothing was written: the lock's own file is then removed too.
        """
        if self._lock is not None:
            if unused:
                with contextlib.suppress(OSError):
                    os.unlink(self._path)
            self._lock.release()
            self._lock = None

    @property
    def files(self) -> list[str]:
        """Where its files stand: the operating system's lock, and that of a heartbeat."""
        return [self._path, self._path + ".holder"]

    @property
    def beats(self) -> bool:
        """Whether the right is held by a heartbeat."""
        return isinstance(self._lock, HeartbeatLock)

    def is_held(self) -> bool:
        """Tell whether anybody has the right, as far as can be told without waiting."""
        path, beating = self.files
        if HeartbeatLock(beating).is_held():
            return True
        if not os.path.exists(path) or not _has_locks(path):
            return False
        lock = filelock.FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            return True
        lock.release()
        return False

    def is_ours(self) -> bool:
        """Tell whether the right is still ours: a heartbeat that paused may have lost it."""
        return not isinstance(self._lock, HeartbeatLock) or self._lock.is_ours()

    def __enter__(self) -> WriterLock:
        try:
            self.acquire()
        except OSError as error:
            raise CacheError(
                f"Cannot write to the cache folder {os.path.dirname(self._path)!r}: "
                f"{error.strerror or error}. Give a folder that can be written to as 'cache'."
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release(unused=not os.path.lexists(self._store))


def _is_removed(lock: filelock.BaseFileLock) -> bool:
    """Tell whether the locked file is gone: a lock on it keeps nobody out who makes a new one."""
    descriptor = getattr(getattr(lock, "_context", None), "lock_file_fd", None)
    return descriptor is not None and os.fstat(descriptor).st_nlink == 0


def _has_locks(path: str) -> bool:
    # Asked here because filelock, where there are none, takes a file that a killed holder keeps.
    try:
        import fcntl
    except ImportError:
        return True
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        os.close(descriptor)
    return True
