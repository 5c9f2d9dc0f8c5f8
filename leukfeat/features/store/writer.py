"""Appending to a feature store: one writer, a block at a time, nothing half written."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

import h5py
import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import CacheError
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.store.giving_up import WRITE_ERRORS, close, give_up, writing_to
from leukfeat.features.store.layout import (
    SESSION_BYTES,
    can_be_appended_to,
    has_all_controls,
    is_marked_as_written_to,
    open_for_appending,
)
from leukfeat.features.store.lock import WriterLock
from leukfeat.features.store.reader import StoreReader, row_checksums
from leukfeat.features.store.rewriting import (
    create_store,
    remove_leftovers,
    replace_rows,
    rewrite_store,
)
from leukfeat.features.store.room import check_room
from leukfeat.interrupts import interrupts_wait

__all__ = ["StoreWriter"]

logger = logging.getLogger("leukfeat")

_SPARE_BYTES = 4 << 20
"""Room beside the rows: chunks that are begun, their addresses, and the last flush."""


class StoreWriter:
    """The one writer of a store; use it as a context manager.

    Entering waits for the lock, clears what a killed writer left, and recovers its file.

    Parameters
    ----------
    path : str
        The store; it need not exist yet.
    spec : FeatureSpace
        The feature space.
    """

    def __init__(self, path: str, spec: FeatureSpace) -> None:
        self.path = path
        self.spec = spec
        self._lock = WriterLock(path)
        self._file: h5py.File | None = None
        self._session: int | None = None
        self._made: list[str] = []

    def __enter__(self) -> StoreWriter:
        try:
            self._made = _make_folders(os.path.dirname(self.path))
            try:
                self._lock.acquire()
            except FileNotFoundError:  # who made it wrote nothing, and took it away again
                self._made = _make_folders(os.path.dirname(self.path))
                self._lock.acquire()
        except CacheError:
            raise
        except OSError as error:
            raise CacheError(
                f"Cannot write to the cache folder {os.path.dirname(self.path)!r}: "
                f"{error.strerror or error}. Give a folder that can be written to as 'cache'."
            ) from error
        try:
            # The lock's file may be there from before. Better now than when rows are computed.
            self._check_rights()
            with self._writing():
                remove_leftovers(self.path)
                # We hold the lock, so whoever marked it is dead.
                if os.path.exists(self.path) and (
                    is_marked_as_written_to(self.path) or not can_be_appended_to(self.path)
                ):
                    kept = rewrite_store(self.path).rows
                    logger.info("recovered %d rows of %s", kept, self.path)
        except BaseException:
            self._give_back()
            raise
        return self

    def read(self) -> StoreReader | None:
        """Open what is held now for reading; ``None`` if the store does not exist yet."""
        return StoreReader(self.path) if os.path.exists(self.path) else None

    def drop(self, keys: set[bytes]) -> None:
        """Remove rows, before anything is appended.

        Parameters
        ----------
        keys : set of bytes
            Their keys.
        """
        if keys and os.path.exists(self.path):
            with self._writing():
                rewrite_store(self.path, keys)

    def replace_by(self, newer: str) -> None:
        """Put the rows of another store in, in place of those held of the same pixels.

        It is done in one step: a kill leaves the old rows or the new ones.

        Parameters
        ----------
        newer : str
            A store of the same feature space, which nobody writes to.
        """
        with self._writing():
            replace_rows(self.path, newer)

    def append(
        self,
        keys: Sequence[bytes],
        features: NDArray[np.float32],
        controls: NDArray[np.float32],
        versions: Mapping[str, str],
    ) -> None:
        """Write a block of rows; when this returns a kill cannot take them back.

        Parameters
        ----------
        keys : sequence of bytes
            Digest of each row's pixels, none of them in the store yet.
        features : ndarray of float32 of shape (n, n_features)
        controls : ndarray of float32 of shape (n, n_controls)
        versions : mapping of str to str
            Versions of the libraries that computed the rows.

        Raises
        ------
        CacheError
            If the block cannot be written (a full disk, a folder that went away).
        """
        if not keys:
            return
        with self._writing(features.nbytes + controls.nbytes):
            file = self._opened(features.shape[1])
            if self._session is None:
                self._session = self._begin_session(file, versions)
            key_rows = np.frombuffer(b"".join(keys), np.uint8).reshape(len(keys), -1)
            n = int(file["key"].shape[0])
            # A killed writer's unfinished rows may lie beyond the last key: write over them.
            self._put(file["features"], n, features)
            self._put(file["controls"], n, controls)
            self._put(file["checksum"], n, row_checksums(key_rows, features, controls))
            self._put(file["session"], n, np.full(len(keys), self._session, np.uint32))
            # The keys come last: a row without its key does not exist.
            self._put(file["key"], n, key_rows)

    def append_files(self, pairs: Sequence[tuple[bytes, bytes]]) -> None:
        """Add to the second index.

        Parameters
        ----------
        pairs : sequence of (bytes, bytes)
            Digest of a file's bytes, and key of its pixels.
        """
        if not pairs or not os.path.exists(self.path):
            return
        with self._writing():
            file = self._opened(0)
            entries = np.frombuffer(b"".join(a + b for a, b in pairs), np.uint8)
            self._put(file["files"], int(file["files"].shape[0]), entries.reshape(len(pairs), -1))

    def close(self) -> None:
        """Close the file and give the lock back."""
        with interrupts_wait():
            try:
                if self._file is not None:
                    with self._writing(room=False):
                        close(self._file)
            finally:
                self._file = None
                self._session = None
                self._give_back()

    def _give_back(self) -> None:
        """Give the lock back; where nothing was written leave nothing."""
        unused = not os.path.exists(self.path)
        self._lock.release(unused=unused)
        for folder in self._made if unused else ():
            with contextlib.suppress(OSError):  # somebody else uses it
                os.rmdir(folder)

    def _check_rights(self) -> None:
        folder = os.path.dirname(self.path)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise CacheError(
                f"Cannot write to the cache folder {folder!r}: permission denied. Give a folder "
                "that can be written to as 'cache'."
            )
        if os.path.exists(self.path) and not os.access(self.path, os.W_OK):
            raise CacheError(
                f"Cannot write to the feature store {self.path!r}: permission denied. Make the "
                "file writable, or give another 'cache'."
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self, n_features: int) -> h5py.File:
        if self._file is None:
            if not os.path.exists(self.path):
                create_store(self.path, self.spec, n_features)
            elif not has_all_controls(self.path):
                # The rows to come have measurements for which an older file has no place.
                rewrite_store(self.path)
            self._file = open_for_appending(self.path)
        return self._file

    @contextlib.contextmanager
    def _writing(self, n_bytes: int = 0, *, room: bool = True) -> Iterator[None]:
        """Turn a failed write into an error with its remedy, and into no worse one later."""
        with writing_to(self.path):
            if not self._lock.is_ours():
                raise OSError("this process was silent for so long that another took its lock")
            if room:
                # Before anything is half written: the file can then be closed as usual.
                size = os.path.getsize(self.path) if os.path.exists(self.path) else 0
                folder = os.path.dirname(self.path)
                check_room(folder, n_bytes + _SPARE_BYTES, file_bytes=size)
            try:
                yield
            except WRITE_ERRORS:
                if self._file is not None:
                    give_up(self._file)
                    self._file = None
                raise

    def _begin_session(self, file: h5py.File, versions: Mapping[str, str]) -> int:
        from leukfeat import __version__

        facts = {
            "leukfeat": __version__,
            "numpy": np.__version__,
            "h5py": h5py.__version__,
            "hdf5": h5py.version.hdf5_version,
            "python": platform.python_version(),
            "processor": _processor(),
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            **versions,
        }
        text = json.dumps(facts, sort_keys=True).encode()[:SESSION_BYTES]
        n = int(file["sessions"].shape[0])
        self._put(file["sessions"], n, np.array([text], file["sessions"].dtype))
        return n

    @staticmethod
    def _put(dataset: h5py.Dataset, start: int, values: np.ndarray) -> None:
        dataset.resize(start + len(values), axis=0)
        dataset[start:] = values
        dataset.flush()


def _make_folders(folder: str) -> list[str]:
    """Make a folder and return those that were not there, the innermost first."""
    made, place = [], folder
    while not os.path.lexists(place):
        made.append(place)
        place = os.path.dirname(place)
    os.makedirs(folder, exist_ok=True)
    return made


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
