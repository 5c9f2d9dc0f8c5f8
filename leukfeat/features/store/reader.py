"""Reading a feature store beside its writer: a snapshot of keys, rows that are checked."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Collection
from types import TracebackType
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.store.damage import read_what_is_left
from leukfeat.features.store.file_index import FileIndex
from leukfeat.features.store.layout import (
    KEY_BYTES,
    known_controls,
    missing_bytes,
    open_for_reading,
    read_spec,
)
from leukfeat.features.store.row_index import RowIndex
from leukfeat.imaging.controls import CONTROL_COLUMNS

__all__ = ["Rows", "StoreReader", "row_checksums"]

_WINDOW = 1024
_FILES_WINDOW = 1 << 14
_GAP = 16
"""Rows between two that are wanted, up to which reading on costs less than another read."""


class Rows(NamedTuple):
    """Rows as read from a store.

    Attributes
    ----------
    features : ndarray of float32 of shape (n, n_features)
    controls : ndarray of float32 of shape (n, n_controls)
        NaN where an older leukfeat did not measure them, or did so by other rules.
    damaged : ndarray of bool of shape (n,)
        True where the checksum does not fit or HDF5 cannot read the row: it must not be used.
    """

    features: NDArray[np.float32]
    controls: NDArray[np.float32]
    damaged: NDArray[np.bool_]


class StoreReader:
    """A store as it was at the moment of opening; use it as a context manager.

    Parameters
    ----------
    path : str
        The file.

    Raises
    ------
    CacheError
        If it is damaged or not a feature store.
    FileNotFoundError
        If there is none.
    """

    def __init__(self, path: str) -> None:
        self.path = os.fspath(path)
        self._file: h5py.File = open_for_reading(self.path)
        try:
            self.spec: FeatureSpace = read_spec(self._file)
            keys, _ = read_what_is_left(self._file["key"], 0, len(self._file["key"]))
            # Rows are written before their keys; never trust that a length was seen too late.
            whole = min(len(self._file[name]) for name in ("features", "controls", "checksum"))
            self.keys: NDArray[np.uint8] = keys[:whole]
            self.index = RowIndex(self.keys)
        except BaseException:
            self._file.close()
            raise

    @property
    def n_features(self) -> int:
        """Length of a row."""
        return int(self._file["features"].shape[1])

    @property
    def written(self) -> NDArray[np.bool_]:
        """Which places hold a row whose key was written."""
        return np.any(self.keys, axis=1)

    def __len__(self) -> int:
        return int(self.written.sum())

    @property
    def missing_bytes(self) -> int:
        """How many bytes the end of the file lacks: 0, unless somebody cut it."""
        return missing_bytes(self._file, self.path)

    @property
    def n_files(self) -> int:
        """How many entries the second index has."""
        return len(self._file["files"])

    def file_index(self, asked: Collection[bytes] | None = None) -> FileIndex:
        """Return the second index for looking files up.

        Parameters
        ----------
        asked : collection of bytes, optional
            Digests of the files that will be looked up: others are not kept in memory. Default:
            all are.
        """
        n = self.n_files
        blocks = (
            read_what_is_left(self._file["files"], start, min(n, start + _FILES_WINDOW))[0]
            for start in range(0, n, _FILES_WINDOW)
        )
        return FileIndex(blocks, self.keys, self.index, asked=asked)

    def files(self) -> dict[bytes, bytes]:
        """Return the second index: digest of a file's bytes to key of its pixels."""
        pairs = self.file_entries().tobytes()
        size = 2 * KEY_BYTES
        return {
            pairs[i : i + KEY_BYTES]: pairs[i + KEY_BYTES : i + size]
            for i in range(0, len(pairs), size)
        }

    def file_entries(self) -> NDArray[np.uint8]:
        """Return the second index as it is stored, ``(n_files, 64)``: digest, then key."""
        entries, _ = read_what_is_left(self._file["files"], 0, len(self._file["files"]))
        # A killed writer may leave an entry of zeros, or one without its key.
        return entries[entries[:, :KEY_BYTES].any(axis=1) & entries[:, KEY_BYTES:].any(axis=1)]

    def sessions(self) -> list[str]:
        """Return what computed the rows (JSON: versions, processor, time), session by session."""
        texts, _ = read_what_is_left(self._file["sessions"], 0, len(self._file["sessions"]))
        return [text.decode(errors="replace") for text in texts]

    def session_of(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which entry of :meth:`sessions` computed each row.

        It is not covered by the checksum: a number past the end means that it is not known.

        Parameters
        ----------
        positions : ndarray of int64 of shape (n,)
            Places of the rows.
        """
        if not len(positions):
            return np.empty(0, np.int64)
        low, high = int(positions.min()), int(positions.max()) + 1
        values, lost = read_what_is_left(self._file["session"], low, high)
        sessions = values.astype(np.int64)
        sessions[lost] = np.iinfo(np.int64).max
        return sessions[positions - low]

    def read(self, positions: NDArray[np.int64]) -> Rows:
        """Read rows in the order asked for, and check each.

        Parameters
        ----------
        positions : ndarray of int64 of shape (n,)
            Places of the rows.

        Returns
        -------
        Rows
        """
        n = len(positions)
        features = np.empty((n, self.n_features), np.float32)
        controls = np.full((n, len(CONTROL_COLUMNS)), np.nan, np.float32)
        known = known_controls(self._file)
        damaged = np.empty(n, bool)
        order = np.argsort(positions, kind="stable")
        ordered = positions[order]
        edges = np.flatnonzero(np.diff(ordered // _WINDOW)) + 1
        for part in np.split(order, edges) if n else []:
            here = positions[part]
            low, high = int(here[0]), int(here[-1]) + 1
            place = here - low
            lost: NDArray[np.bool_] | None = None
            try:
                if (np.diff(here) == 1).all() and (np.diff(part) == 1).all():
                    # The usual case, all rows in their order: straight into the result.
                    target = slice(int(part[0]), int(part[-1]) + 1)
                    self._file["features"].read_direct(features, np.s_[low:high], target)
                    rows = features[target]
                else:
                    rows = _read_apart(self._file["features"], here)
                    features[part] = rows
                rows_controls = self._file["controls"][low:high][place]
                expected = self._file["checksum"][low:high][place]
            except OSError:
                (rows, rows_controls, expected), lost = self._read_what_is_left(low, high, place)
                features[part] = rows
            controls[part, :known] = rows_controls[:, :known]
            damaged[part] = row_checksums(self.keys[here], rows, rows_controls) != expected
            if lost is not None:
                damaged[part] |= lost
        return Rows(features, controls, damaged)

    def _read_what_is_left(
        self, low: int, high: int, place: NDArray[np.int64]
    ) -> tuple[list[NDArray], NDArray[np.bool_]]:
        names = ("features", "controls", "checksum")
        read = [read_what_is_left(self._file[name], low, high) for name in names]
        lost = np.logical_or.reduce([lost for _, lost in read])
        return [values[place] for values, _ in read], lost[place]

    def content_digest(self) -> str:
        """Digest of what the store holds, whatever the order in which rows were written.

        Returns
        -------
        str
            The sum of the SHA-256 of every undamaged row (key, features, controls) modulo
            2**256, in hexadecimal.
        """
        total = 0
        positions = np.flatnonzero(self.written)
        for start in range(0, len(positions), _WINDOW):
            part = positions[start : start + _WINDOW]
            rows = self.read(part)
            good = ~rows.damaged
            for key, row, control in zip(
                self.keys[part][good], rows.features[good], rows.controls[good], strict=True
            ):
                digest = hashlib.sha256(key.tobytes() + row.tobytes() + control.tobytes()).digest()
                total += int.from_bytes(digest, "big")
        return f"{total % (1 << 256):064x}"

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> StoreReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _read_apart(dataset: h5py.Dataset, places: NDArray[np.int64]) -> NDArray:
    """Read rows at ascending places, some more than once, without the many between them."""
    runs = np.split(places, np.flatnonzero(np.diff(places) > _GAP) + 1)
    return np.concatenate(
        [dataset[int(run[0]) : int(run[-1]) + 1][run - int(run[0])] for run in runs]
    )


def row_checksums(
    keys: NDArray[np.uint8], features: NDArray[np.float32], controls: NDArray[np.float32]
) -> NDArray[np.uint32]:
    """Return the CRC-32 of each row: key, features, controls, in this order.

    Parameters
    ----------
    keys : ndarray of uint8 of shape (n, 32)
    features : ndarray of float32 of shape (n, n_features)
    controls : ndarray of float32 of shape (n, n_controls)

    Returns
    -------
    ndarray of uint32 of shape (n,)
    """
    crc32 = zlib.crc32
    return np.fromiter(
        (
            crc32(control, crc32(row, crc32(key)))
            for key, row, control in zip(
                np.ascontiguousarray(keys),
                np.ascontiguousarray(features),
                np.ascontiguousarray(controls),
                strict=True,
            )
        ),
        np.uint32,
        len(keys),
    )
