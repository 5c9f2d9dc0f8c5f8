"""Making a new store file out of the good rows of old ones."""

from __future__ import annotations

import contextlib
import glob
import itertools
import logging
import os
import shutil
import uuid
from collections.abc import Collection
from types import TracebackType
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.store.giving_up import close, give_up, writing_to
from leukfeat.features.store.layout import KEY_BYTES, create_file
from leukfeat.features.store.reader import StoreReader, row_checksums
from leukfeat.features.store.room import check_room
from leukfeat.features.store.row_index import RowIndex

__all__ = [
    "UNKNOWN_SESSION",
    "NewStore",
    "Rewritten",
    "create_store",
    "find_leftovers",
    "remove_leftovers",
    "replace_rows",
    "rewrite_store",
]

UNKNOWN_SESSION = 0xFFFF_FFFF
"""Session of a row whose origin was lost to damage."""

_WINDOW = 1024

logger = logging.getLogger("leukfeat")


class Rewritten(NamedTuple):
    """What :func:`rewrite_store` did.

    Attributes
    ----------
    rows : int
        Rows kept, as :meth:`NewStore.add` says.
    kept_aside : str or None
        Where the file stands as it was, if rows were lost with its end that nobody can count.
    """

    rows: int
    kept_aside: str | None


class NewStore:
    """A store that is written whole under a temporary name; use it as a context manager.

    Left without :meth:`put_in_place`, it leaves nothing behind.

    Parameters
    ----------
    path : str
        Final name. The caller holds the writer's lock.
    spec : FeatureSpace
        The feature space.
    n_features : int
        Length of a row.
    """

    def __init__(self, path: str, spec: FeatureSpace, n_features: int) -> None:
        self._path = path
        self._temporary = _temporary_name(path)
        self._keys = np.empty((0, KEY_BYTES), np.uint8)
        self._files = np.empty((0, 2 * KEY_BYTES), np.uint8)
        try:
            create_file(self._temporary, spec, n_features)
            # In plain mode, which a kill would make unreadable: nobody reads this name.
            self._file = h5py.File(self._temporary, "r+", libver="latest", locking=False)
        except BaseException:
            self._remove()
            raise

    def add(self, source: StoreReader, drop: Collection[bytes] = ()) -> int:
        """Copy the good rows of another store, but for those held already.

        Parameters
        ----------
        source : StoreReader
            Of the same feature space.
        drop : collection of bytes
            Keys of rows to leave out.

        Returns
        -------
        int
            Rows copied. Left out are rows without a written key, rows whose checksum does not
            fit, rows of `drop`, and rows whose key is there already.
        """
        keys = source.keys
        named = b"".join(key for key in drop if len(key) == KEY_BYTES)
        dropped = np.frombuffer(named, np.uint8).reshape(-1, KEY_BYTES)
        wanted = source.index.find(keys) == np.arange(len(keys))
        wanted &= RowIndex(dropped).find(keys) < 0
        wanted &= RowIndex(self._keys).find(keys) < 0
        offset, n_sessions = len(self._file["sessions"]), len(source.sessions())
        copied = 0
        for start in range(0, len(keys), _WINDOW):
            places = start + np.flatnonzero(wanted[start : start + _WINDOW])
            rows = source.read(places)
            wanted[places[rows.damaged]] = False
            good = ~rows.damaged
            places = places[good]
            features, controls = rows.features[good], rows.controls[good]
            session = source.session_of(places)
            known = session < n_sessions
            session[known] += offset
            session[~known] = UNKNOWN_SESSION
            self._extend("features", features)
            self._extend("controls", controls)
            self._extend("checksum", row_checksums(keys[places], features, controls))
            self._extend("session", session.astype(np.uint32))
            self._extend("key", keys[places])
            copied += len(places)
        self._keys = np.concatenate([self._keys, keys[wanted]])
        self._add_files(source.file_entries())
        texts = [text.encode() for text in source.sessions()]
        self._extend("sessions", np.array(texts, self._file["sessions"].dtype))
        return copied

    def put_in_place(self) -> str | None:
        """Close the file, read it again from the disk, and give it its final name in one step.

        Returns
        -------
        str or None
            The name that the older file has now, if it was cut short: how many rows were lost
            with its end cannot be told, so it is not deleted.

        Raises
        ------
        OSError
            If what was written is not what is there: a full or a failing disk.
        """
        self._file.flush()
        close(self._file)
        with StoreReader(self._temporary) as written:
            places = np.arange(len(self._keys))
            good = np.array_equal(written.keys, self._keys) and not any(
                written.read(places[start : start + _WINDOW]).damaged.any()
                for start in range(0, len(places), _WINDOW)
            )
        if not good:
            raise OSError(f"what was written to {self._temporary!r} is not what is there")
        kept_aside = _keep_aside_if_cut(self._path)
        _put_in_place(self._temporary, self._path)
        return kept_aside

    def _add_files(self, entries: NDArray[np.uint8]) -> None:
        held = np.concatenate([self._files, entries])
        index = RowIndex(held[:, :KEY_BYTES])
        first = index.find(entries[:, :KEY_BYTES]) == len(self._files) + np.arange(len(entries))
        # A file whose row is not here is decoded anyway, and then entered again.
        entries = entries[first & (RowIndex(self._keys).find(entries[:, KEY_BYTES:]) >= 0)]
        self._files = np.concatenate([self._files, entries])
        self._extend("files", entries)

    def _extend(self, name: str, values: np.ndarray) -> None:
        dataset = self._file[name]
        n = len(dataset)
        dataset.resize(n + len(values), axis=0)
        dataset[n:] = values
        # h5py swallows the error of a flush that comes with the end of an object.
        dataset.flush()

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)

    def __enter__(self) -> NewStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            give_up(self._file)
        self._remove()


def create_store(path: str, spec: FeatureSpace, n_features: int) -> None:
    """Create an empty store whole, then put it in place.

    Parameters
    ----------
    path : str
        Final name.
    spec : FeatureSpace
        The feature space.
    n_features : int
        Length of a row.
    """
    with writing_to(path), NewStore(path, spec, n_features) as new:
        new.put_in_place()


def rewrite_store(path: str, drop: Collection[bytes] = ()) -> Rewritten:
    """Replace a store by a copy of its good rows. The caller holds the writer's lock.

    This is how a file whose writer was killed becomes appendable again, and how rows are
    removed.

    Parameters
    ----------
    path : str
        The file.
    drop : collection of bytes
        Keys of rows to leave out.

    Returns
    -------
    Rewritten
    """
    with StoreReader(path) as old, writing_to(path):
        check_room(os.path.dirname(path), os.path.getsize(path))
        with NewStore(path, old.spec, old.n_features) as new:
            kept = new.add(old, drop)
            return Rewritten(kept, new.put_in_place())


def replace_rows(path: str, newer: str) -> None:
    """Put the good rows of another store before those of a store. The caller holds its lock.

    Parameters
    ----------
    path : str
        The file; of its rows those stay whose key the other does not hold.
    newer : str
        A store of the same feature space.
    """
    with StoreReader(newer) as new_rows, StoreReader(path) as old, writing_to(path):
        check_room(os.path.dirname(path), os.path.getsize(path) + os.path.getsize(newer))
        with NewStore(path, old.spec, old.n_features) as new:
            new.add(new_rows)
            new.add(old)
            new.put_in_place()


def remove_leftovers(path: str) -> list[str]:
    """Delete temporary files that a killed writer left. The caller holds the writer's lock.

    Parameters
    ----------
    path : str
        Final name of the store.

    Returns
    -------
    list of str
        What was deleted.
    """
    leftovers = find_leftovers(path)
    for leftover in leftovers:
        os.unlink(leftover)
    return leftovers


def find_leftovers(path: str) -> list[str]:
    """List temporary files beside a store: a writer is at work, or was killed.

    Parameters
    ----------
    path : str
        Final name of the store.

    Returns
    -------
    list of str
    """
    folder, name = os.path.split(path)
    return glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*.tmp"))


def _temporary_name(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:12]}.tmp")


def _keep_aside_if_cut(path: str) -> str | None:
    if not os.path.exists(path):
        return None
    with StoreReader(path) as old:
        missing = old.missing_bytes
    if not missing:
        return None
    names = itertools.chain(
        [f"{path}.damaged"], (f"{path}.damaged-{i}" for i in itertools.count(2))
    )
    aside = next(name for name in names if not os.path.lexists(name))
    try:
        os.link(path, aside)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, aside)
    logger.warning(
        "the feature store %s is cut short by %d bytes, and the rows that were lost with them cannot "
        "be counted: what can be read is kept in its place, the file as it was in %s",
        path,
        missing,
        aside,
    )
    return aside


def _put_in_place(temporary: str, path: str) -> None:
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
