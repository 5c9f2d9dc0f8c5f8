"""The second index: from the digest of a file's bytes to the key of its pixels."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.store.row_index import RowIndex

__all__ = ["FileIndex"]


class FileIndex:
    """Keys of files whose row a store holds: of all, at 60 bytes a file, or of those asked for.

    Parameters
    ----------
    blocks : iterable of ndarray of uint8 of shape (n, 64)
        Entries: digest of a file, then key of its pixels.
    keys : ndarray of uint8 of shape (n_rows, 32)
        Of the rows that are held.
    index : RowIndex
        Of the same keys.
    asked : collection of bytes, optional
        Digests of the files that will be looked up. Default: any may be.

    Examples
    --------
    >>> keys = np.arange(64, dtype=np.uint8).reshape(2, 32)
    >>> entries = np.concatenate([keys + 100, keys], axis=1)
    >>> files = FileIndex([entries], keys, RowIndex(keys))
    >>> files.get(entries[1, :32].tobytes()) == keys[1].tobytes()
    True
    >>> len(files), files.get(bytes(32))
    (2, None)
    """

    def __init__(
        self,
        blocks: Iterable[NDArray[np.uint8]],
        keys: NDArray[np.uint8],
        index: RowIndex,
        *,
        asked: Collection[bytes] | None = None,
    ) -> None:
        width = keys.shape[1]
        wanted = None
        if asked is not None:
            wanted = RowIndex(np.frombuffer(b"".join(asked), np.uint8).reshape(-1, width))
        digests: list[NDArray[np.uint8]] = [np.empty((0, width), np.uint8)]
        rows: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for block in blocks:
            some = block if wanted is None else block[wanted.find(block[:, :width]) >= 0]
            # Where the row is not held the file is decoded, whatever its entry says.
            places = index.find(some[:, width:])
            held = (places >= 0) & some[:, :width].any(axis=1)
            digests.append(some[held, :width])
            rows.append(places[held])
        self._keys = keys
        self._rows = np.concatenate(rows)
        self._digests = RowIndex(np.concatenate(digests))

    @classmethod
    def empty(cls) -> FileIndex:
        """Return an index that knows no file."""
        none = np.empty((0, 32), np.uint8)
        return cls([], none, RowIndex(none))

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, digest: bytes) -> bytes | None:
        """Return the key of a file's pixels; ``None`` if its row is not held.

        Parameters
        ----------
        digest : bytes
            SHA-256 of the file.
        """
        place = self._digests.find_one(digest)
        return None if place < 0 else self._keys[self._rows[place]].tobytes()
