"""One writer at a time: a lock of the operating system, or a heartbeat where there is none."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import socket
import threading
import time
import uuid
from typing import Any

import filelock

__all__ = ["HeartbeatLock", "WriterLock"]

logger = logging.getLogger("leukfeat")

_POLL = 0.1
_SAY_AFTER = 3.0


class WriterLock:
    """The right to write a store.

    The operating system's lock is taken where the file system has one: it ends with its holder,
    whatever kills him. Elsewhere (some network and cluster file systems) a `HeartbeatLock`.

    Parameters
    ----------
    path : str
        The store; the lock's own file stands beside it.
    """

    def __init__(self, path: str) -> None:
        folder, name = os.path.split(path)
        self._path = os.path.join(folder, f".{name}.lock")
        self._lock: filelock.BaseFileLock | HeartbeatLock | None = None

    def acquire(self) -> None:
        """Wait until the right is ours; say so in the log when it takes more than seconds."""
        if os.environ.get("LEUKFEAT_LOCK") == "heartbeat":
            self._lock = HeartbeatLock(self._path + ".holder")
            self._lock.acquire()
            return
        lock = filelock.FileLock(self._path, thread_local=False)
        started, said = time.monotonic(), False
        while True:
            try:
                lock.acquire(timeout=_SAY_AFTER, poll_interval=_POLL)
                break
            except filelock.Timeout:
                if not said:
                    logger.warning("waiting for another process that writes to %s", self._path)
                    said = True
            except (OSError, NotImplementedError) as error:
                if getattr(error, "errno", errno.ENOSYS) not in (
                    errno.ENOSYS,
                    errno.ENOTSUP,
                    errno.EOPNOTSUPP,
                    errno.ENOLCK,
                ):
                    raise
                self._lock = HeartbeatLock(self._path + ".holder")
                self._lock.acquire()
                return
        if said:
            logger.warning("got it after %.0f s", time.monotonic() - started)
        self._lock = lock

    def release(self) -> None:
        """Give the right back."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None


class HeartbeatLock:
    """A lock that needs only that a file can be created exclusively.

    Its file names host and process, and is touched every few seconds. It is taken over when
    that process is gone from this host, or when the touches have stopped.

    Parameters
    ----------
    path : str
        The lock's file.
    beat : float, default=5.0
        Seconds between touches.
    patience : float, default=60.0
        Seconds without a touch after which the holder counts as dead.
    """

    def __init__(self, path: str, *, beat: float = 5.0, patience: float = 60.0) -> None:
        self._path = path
        self._beat = beat
        self._patience = patience
        self._token = uuid.uuid4().hex
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Wait until the lock is ours, taking it over from a dead holder."""
        said = False
        seen: tuple[str, int, float] | None = None
        while not self._create():
            holder, mtime = self._holder()
            now = time.monotonic()
            token = str(holder.get("token", ""))
            # The clock of the file system may be another than ours: watch whether it moves.
            if seen is None or seen[:2] != (token, mtime):
                seen = (token, mtime, now)
            if _is_dead(holder) or now - seen[2] > self._patience:
                self._take_away(token)
                continue
            if not said:
                logger.warning(
                    "waiting for process %s on %s, which writes to %s",
                    holder.get("pid"),
                    holder.get("host"),
                    self._path,
                )
                said = True
            time.sleep(_POLL)
        self._stop.clear()
        self._thread = threading.Thread(target=self._keep_touching, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lock back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._holder()[0].get("token") == self._token:
            os.unlink(self._path)

    def _create(self) -> bool:
        # Linked from a complete file: nobody ever sees a lock without its holder's name.
        draft = f"{self._path}.{self._token}"
        facts = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "born": _born(os.getpid()),
            "token": self._token,
        }
        with open(draft, "w", encoding="utf-8") as file:
            json.dump(facts, file)
        try:
            os.link(draft, self._path)
        except FileExistsError:
            return False
        except OSError:  # no hard links here either
            try:
                descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            except FileExistsError:
                return False
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(facts, file)
        finally:
            os.unlink(draft)
        return True

    def _holder(self) -> tuple[dict[str, Any], int]:
        try:
            mtime = os.stat(self._path).st_mtime_ns
            with open(self._path, encoding="utf-8") as file:
                facts = json.load(file)
        except (OSError, ValueError):
            return {}, 0
        return (facts if isinstance(facts, dict) else {}), mtime

    def _take_away(self, token: str) -> None:
        # Renaming succeeds for one process only, and the name tells whose lock was removed.
        grave = f"{self._path}.dead-{self._token}"
        with contextlib.suppress(OSError):
            if self._holder()[0].get("token", "") != token:
                return
            os.rename(self._path, grave)
            with open(grave, encoding="utf-8") as file:
                taken = file.read()
            if token and token not in taken:  # a new holder came between: give it back
                os.link(grave, self._path)
            os.unlink(grave)

    def _keep_touching(self) -> None:
        while not self._stop.wait(self._beat):
            with contextlib.suppress(OSError):
                os.utime(self._path)


def _is_dead(holder: dict[str, Any]) -> bool:
    if holder.get("host") != socket.gethostname():
        return False
    pid = holder.get("pid")
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    born = holder.get("born")
    return born is not None and _born(pid) not in (None, born)


def _born(pid: int) -> str | None:
    """Start time of a process, so that a reused number is not taken for the holder."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None
