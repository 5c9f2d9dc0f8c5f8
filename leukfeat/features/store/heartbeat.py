"""A lock for file systems that have none: a file with its holder's name, touched while he lives."""

from __future__ import annotations

import contextlib
import glob
import json
import logging
import os
import socket
import threading
import time
import uuid
from typing import Any

__all__ = ["HeartbeatLock"]

logger = logging.getLogger("leukfeat")

_POLL = 0.1
_OLD_DRAFT_NS = 3_600_000_000_000


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
        self._taker: tuple[int, float] | None = None

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
        self._remove_drafts()
        self._stop.clear()
        self._thread = threading.Thread(target=self._keep_touching, daemon=True)
        self._thread.start()

    def release(self) -> None:
        """Give the lock back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self.is_ours():
            os.unlink(self._path)

    def is_held(self) -> bool:
        """Tell whether somebody has it who is not known to be dead."""
        return os.path.lexists(self._path) and not _is_dead(self._holder()[0])

    def is_ours(self) -> bool:
        """Tell whether nobody has taken the lock over."""
        return self._holder()[0].get("token") == self._token

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

    def _remove_drafts(self) -> None:
        # Left by processes killed within the microseconds of _create.
        for draft in glob.glob(glob.escape(self._path) + "." + "[0-9a-f]" * 32):
            facts, mtime = _read_facts(draft)
            if not mtime:  # gone; its maker may make it anew at any moment
                continue
            if _is_dead(facts) or (not facts and time.time_ns() - mtime > _OLD_DRAFT_NS):
                with contextlib.suppress(OSError):
                    os.unlink(draft)

    def _holder(self) -> tuple[dict[str, Any], int]:
        return _read_facts(self._path)

    def _take_away(self, token: str) -> None:
        # One at a time: of two that saw the same dead holder, the slower one would otherwise
        # remove the lock that the faster one has just made.
        taking = f"{self._path}.taking"
        try:
            os.mkdir(taking)
        except FileExistsError:
            # Its maker is done within milliseconds, unless he was killed in between.
            with contextlib.suppress(OSError):
                made = os.stat(taking).st_mtime_ns
                if self._taker is None or self._taker[0] != made:
                    self._taker = (made, time.monotonic())
                elif time.monotonic() - self._taker[1] > self._patience:
                    os.rmdir(taking)
            time.sleep(_POLL)
            return
        try:
            if self._holder()[0].get("token", "") == token:
                os.unlink(self._path)
        except FileNotFoundError:
            pass
        finally:
            os.rmdir(taking)

    def _keep_touching(self) -> None:
        while not self._stop.wait(self._beat):
            with contextlib.suppress(OSError):
                os.utime(self._path)


def _read_facts(path: str) -> tuple[dict[str, Any], int]:
    """Who wrote a lock's file, and when it was last touched; ``({}, 0)`` if there is none."""
    try:
        mtime = os.stat(path).st_mtime_ns
    except OSError:
        return {}, 0
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
    except (OSError, ValueError):
        facts = {}
    return (facts if isinstance(facts, dict) else {}), mtime


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
