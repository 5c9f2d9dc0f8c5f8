"""Finding rows by key, many at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowIndex"]


class RowIndex:
    """Position of each key in an array of keys.

    Parameters
    ----------
    keys : ndarray of uint8 of shape (n, 32)
        Digests; those of all zeros are places not yet written, and are never found.

    Examples
    --------
    >>> keys = np.arange(64, dtype=np.uint8).reshape(2, 32)
    >>> RowIndex(keys).find(keys[::-1]).tolist()
    [1, 0]
    >>> RowIndex(keys).find(keys + 1).tolist()
    [-1, -1]
    """

    def __init__(self, keys: NDArray[np.uint8]) -> None:
        self._keys = np.ascontiguousarray(keys)
        starts = _starts(self._keys)
        self._order = np.argsort(starts, kind="stable")
        self._sorted = starts[self._order]

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, wanted: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Return the position of each wanted key, -1 where it is not there.

        Parameters
        ----------
        wanted : ndarray of uint8 of shape (m, 32)

        Returns
        -------
        ndarray of int64 of shape (m,)
        """
        found = np.full(len(wanted), -1, np.int64)
        if not len(self._keys) or not len(wanted):
            return found
        starts = _starts(np.ascontiguousarray(wanted))
        left = np.searchsorted(self._sorted, starts, "left")
        right = np.searchsorted(self._sorted, starts, "right")
        candidates = np.flatnonzero((right > left) & wanted.any(axis=1))
        rows = self._order[left[candidates]]
        same = (self._keys[rows] == wanted[candidates]).all(axis=1)
        found[candidates[same]] = rows[same]
        if not same.all():
            # Keys that share their first eight bytes: an accident, or a file made to harm.
            alike = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
            alike = np.unique(np.concatenate([alike, alike + 1]))
            first: dict[bytes, int] = {}
            for row in self._order[alike]:
                first.setdefault(self._keys[row].tobytes(), int(row))
            for i in candidates[~same]:
                found[i] = first.get(wanted[i].tobytes(), -1)
        return found

    def find_one(self, wanted: bytes) -> int:
        """Return the position of one key, -1 where it is not there: quicker than `find` for one.

        Parameters
        ----------
        wanted : bytes
            A key.
        """
        if not len(self._keys) or not any(wanted):
            return -1
        start = np.frombuffer(wanted[:8], np.uint64)[0]
        for place in range(int(self._sorted.searchsorted(start)), len(self._sorted)):
            if self._sorted[place] != start:
                break
            row = int(self._order[place])
            if self._keys[row].tobytes() == wanted:
                return row
        return -1


def _starts(keys: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return keys[:, :8].copy().view(np.uint64).ravel() if len(keys) else np.empty(0, np.uint64)
