"""What the files looked like when they were last read, so that a warm call need not read them.

The index lies in the user's cache folder and not beside the features: paths can hold names.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from leukfeat.features.locations import user_cache_folder
from leukfeat.imaging.reading import FileState

__all__ = ["Known", "Seen", "StatIndex"]

logger = logging.getLogger("leukfeat")

_FORMAT = 1
_RACY_NS = 2_000_000_000
_WHOLE_FOLDER_FROM = 50

_TABLES = """
CREATE TABLE IF NOT EXISTS folders (id INTEGER PRIMARY KEY, path BLOB UNIQUE NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    folder INTEGER NOT NULL, name BLOB NOT NULL,
    size INTEGER, mtime INTEGER, ctime INTEGER, inode INTEGER, checked INTEGER,
    digest BLOB, key BLOB,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;
"""

_COLUMNS = "name, size, mtime, ctime, inode, checked, digest, key"


class Known(NamedTuple):
    """What an unchanged file is known to hold.

    Attributes
    ----------
    digest : bytes
        SHA-256 of the file's bytes.
    key : bytes
        Digest of its decoded pixels.
    """

    digest: bytes
    key: bytes


class Seen(NamedTuple):
    """A file that was read.

    Attributes
    ----------
    path : str
    state : FileState
        At the moment of reading.
    checked : int
        Time of reading, in ns since the epoch.
    digest, key : bytes
        As in `Known`.
    """

    path: str
    state: FileState
    checked: int
    digest: bytes
    key: bytes


class StatIndex:
    """Path and state of files to what they hold.

    As git does, an entry is not trusted where the file was changed less than two seconds before
    it was read: it may have changed again without changing its times. An index that cannot be
    opened counts as empty: it saves time, nothing depends on it.

    Parameters
    ----------
    path : path-like, optional
        Default: in the user's cache folder.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = Path(path or user_cache_folder() / f"stat-index-{_FORMAT}.sqlite")

    def look_up(self, paths: Sequence[str]) -> list[Known | None]:
        """Look files up by path and present state.

        Parameters
        ----------
        paths : sequence of str

        Returns
        -------
        list of Known or None
            ``None`` where a file is unknown, changed, too young to tell, or missing.
        """
        if not self._path.exists():
            return [None] * len(paths)
        places: dict[str, list[tuple[int, str]]] = {}
        for i, path in enumerate(paths):
            folder, name = _split(path)
            places.setdefault(folder, []).append((i, name))
        found: list[Known | None] = [None] * len(paths)
        try:
            with contextlib.closing(self._connect()) as connection:
                for folder, wanted in places.items():
                    entries = self._entries(connection, folder, [name for _, name in wanted])
                    for i, name in wanted:
                        entry = entries.get(name)
                        if entry is not None and _is_current(paths[i], entry):
                            found[i] = Known(entry[6], entry[7])
        except sqlite3.Error as error:
            self._give_up(error)
            return [None] * len(paths)
        return found

    def record(self, seen: Iterable[Seen]) -> None:
        """Remember files that were read.

        Parameters
        ----------
        seen : iterable of Seen
        """
        seen = list(seen)
        if not seen:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(self._connect()) as connection, connection:
                folders: dict[str, int] = {}
                rows = []
                for entry in seen:
                    folder, name = _split(entry.path)
                    if folder not in folders:
                        folders[folder] = self._folder_id(connection, folder)
                    rows.append((folders[folder], os.fsencode(name), *entry.state, *entry[2:]))
                connection.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
                )
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10.0)
        try:
            # Losing the newest entries in a power cut costs time only.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            connection.executescript(_TABLES)
        except BaseException:
            connection.close()
            raise
        return connection

    def _entries(
        self, connection: sqlite3.Connection, folder: str, names: list[str]
    ) -> dict[str, tuple]:
        key = os.fsencode(_absolute(folder))
        row = connection.execute("SELECT id FROM folders WHERE path = ?", (key,)).fetchone()
        if row is None:
            return {}
        if len(names) >= _WHOLE_FOLDER_FROM:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM files WHERE folder = ?", row)
            return {os.fsdecode(entry[0]): entry for entry in rows}
        query = f"SELECT {_COLUMNS} FROM files WHERE folder = ? AND name = ?"
        found = {
            name: connection.execute(query, (row[0], os.fsencode(name))).fetchone()
            for name in names
        }
        return {name: entry for name, entry in found.items() if entry is not None}

    @staticmethod
    def _folder_id(connection: sqlite3.Connection, folder: str) -> int:
        key = (os.fsencode(_absolute(folder)),)
        connection.execute("INSERT OR IGNORE INTO folders (path) VALUES (?)", key)
        return connection.execute("SELECT id FROM folders WHERE path = ?", key).fetchone()[0]

    def _give_up(self, error: Exception) -> None:
        logger.info("the index %s cannot be used (%s); files are read instead", self._path, error)
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(
            error, sqlite3.OperationalError
        ):
            # Damaged: it can always be made again.
            with contextlib.suppress(OSError):
                self._path.unlink()


def _absolute(folder: str) -> str:
    return os.path.abspath(folder or ".")


def _split(path: str) -> tuple[str, str]:
    # os.path.split, at a third of its cost where nothing is unusual.
    folder, separator, name = path.rpartition(os.sep)
    return (folder, name) if folder and separator and os.altsep is None else os.path.split(path)


def _is_current(path: str, entry: tuple) -> bool:
    _, size, mtime, ctime, inode, checked, _, _ = entry
    if mtime + _RACY_NS >= checked or ctime + _RACY_NS >= checked:
        return False
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    return (
        status.st_mtime_ns == mtime
        and status.st_ctime_ns == ctime
        and FileState.of(status) == (size, mtime, ctime, inode)
    )
