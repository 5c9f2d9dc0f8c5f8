"""Reading a feature store beside its writer: a snapshot of keys, rows that are checked."""

from __future__ import annotations

import hashlib
import os
import zlib
from types import TracebackType
from typing import NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import CacheError
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store.layout import KEY_BYTES, open_for_reading, read_spec
from leukfeat.features.store.row_index import RowIndex

__all__ = ["Rows", "StoreReader", "row_checksums"]

_WINDOW = 1024


class Rows(NamedTuple):
    """Rows as read from a store.

    Attributes
    ----------
    features : ndarray of float32 of shape (n, n_features)
    controls : ndarray of float32 of shape (n, n_controls)
    damaged : ndarray of bool of shape (n,)
        True where the checksum does not fit: such a row must not be used.
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
        self.spec: FeatureSpec = read_spec(self._file)
        keys = self._file["key"][()]
        # Rows are written before their keys; never trust that a length was seen too late.
        whole = min(len(self._file[name]) for name in ("features", "controls", "checksum"))
        self.keys: NDArray[np.uint8] = keys[:whole]
        self.index = RowIndex(self.keys)

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

    def files(self) -> dict[bytes, bytes]:
        """Return the second index: digest of a file's bytes to key of its pixels."""
        pairs = self._file["files"][()].tobytes()
        size = 2 * KEY_BYTES
        return {
            pairs[i : i + KEY_BYTES]: pairs[i + KEY_BYTES : i + size]
            for i in range(0, len(pairs), size)
        }

    def sessions(self) -> list[str]:
        """Return what computed the rows (JSON: versions, processor, time), session by session."""
        return [text.decode() for text in self._file["sessions"][()] if text]

    def read(self, positions: NDArray[np.int64]) -> Rows:
        """Read rows in the order asked for, and check each.

        Parameters
        ----------
        positions : ndarray of int64 of shape (n,)
            Places of the rows.

        Returns
        -------
        Rows

        Raises
        ------
        CacheError
            If HDF5 cannot read them.
        """
        n = len(positions)
        features = np.empty((n, self.n_features), np.float32)
        controls = np.empty((n, self._file["controls"].shape[1]), np.float32)
        damaged = np.empty(n, bool)
        order = np.argsort(positions, kind="stable")
        ordered = positions[order]
        edges = np.flatnonzero(np.diff(ordered // _WINDOW)) + 1
        try:
            for part in np.split(order, edges) if n else []:
                here = positions[part]
                low, high = int(here[0]), int(here[-1]) + 1
                place = here - low
                if (np.diff(here) == 1).all() and (np.diff(part) == 1).all():
                    # The usual case, all rows in their order: straight into the result.
                    target = slice(int(part[0]), int(part[-1]) + 1)
                    self._file["features"].read_direct(features, np.s_[low:high], target)
                    rows = features[target]
                else:
                    rows = self._file["features"][low:high][place]
                    features[part] = rows
                rows_controls = self._file["controls"][low:high][place]
                controls[part] = rows_controls
                found = row_checksums(self.keys[here], rows, rows_controls)
                damaged[part] = found != self._file["checksum"][low:high][place]
        except OSError as error:
            raise CacheError(
                f"The feature store {self.path!r} is damaged: {error}. Delete it and extract "
                "again; no other file is needed for that."
            ) from error
        return Rows(features, controls, damaged)

    def content_digest(self) -> str:
        """Digest of what the store holds, whatever the order in which rows were written.

        Returns
        -------
        str
            The sum of the SHA-256 of every row (key, features, controls) modulo 2**256, in
            hexadecimal.
        """
        total = 0
        positions = np.flatnonzero(self.written)
        for start in range(0, len(positions), _WINDOW):
            part = positions[start : start + _WINDOW]
            rows = self.read(part)
            for key, row, control in zip(
                self.keys[part], rows.features, rows.controls, strict=True
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
