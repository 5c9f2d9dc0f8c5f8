"""Whether every row of a store is what was written."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from leukfeat.features.store.layout import is_marked_as_written_to
from leukfeat.features.store.maintenance.listing import read_sessions
from leukfeat.features.store.reader import StoreReader
from leukfeat.features.store.rewriting import find_leftovers

__all__ = ["StoreReport", "verify_store"]

_BLOCK = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoreReport:
    """What :func:`verify_store` found.

    Attributes
    ----------
    path : str
        The file.
    rows : int
        Rows that are right.
    damaged_rows : int
        Rows whose checksum does not fit, or that cannot be read. They are never used.
    damaged_blocks : list of tuple of int
        First and last place of each stretch of damaged rows.
    duplicates : int
        Rows whose key another row has.
    unfinished : int
        Places without a key. They count as not there. Where `is_open` is true a killed writer
        left them; in a file that was closed their key was lost.
    missing_bytes : int
        How many bytes the end of the file lacks: 0, unless somebody cut it.
    not_finite : int
        Right rows that hold NaN or infinity: the network gave them.
    unknown_origin : int
        Right rows of which it is not known which run computed them.
    content_digest : str
        Of the right rows, whatever their order: equal for equal content.
    is_open : bool
        Whether its last writer is at work, or was killed.
    leftovers : list of str
        Temporary files of a killed writer, or of one at work.
    """

    path: str
    rows: int
    damaged_rows: int
    damaged_blocks: list[tuple[int, int]]
    duplicates: int
    unfinished: int
    missing_bytes: int
    not_finite: int
    unknown_origin: int
    content_digest: str
    is_open: bool
    leftovers: list[str]

    @property
    def is_sound(self) -> bool:
        """Whether the file is whole, nothing in it is damaged and no key is there twice."""
        return not (
            self.damaged_rows or self.duplicates or self.missing_bytes or self.rows_without_key
        )

    @property
    def rows_without_key(self) -> int:
        """Rows of a file that was closed in order which have lost the name of their image."""
        return 0 if self.is_open and not self.missing_bytes else self.unfinished


def verify_store(path: str | os.PathLike[str]) -> StoreReport:
    """Read every row of a store and check format, checksums, keys and origin.

    A writer may be at work meanwhile: the store is judged as it was at the start.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    StoreReport

    Raises
    ------
    CacheError
        If it cannot be opened or is not a feature store.
    """
    path = os.fspath(path)
    was_open = is_marked_as_written_to(path)
    with StoreReader(path) as store:
        written = store.written
        first = store.index.find(store.keys) == np.arange(len(store.keys))
        known = len([facts for facts in read_sessions(store) if facts])
        bad = np.zeros(len(store.keys), bool)
        not_finite = unknown = 0
        for start in range(0, len(store.keys), 16 * _BLOCK):
            places = start + np.flatnonzero(written[start : start + 16 * _BLOCK])
            rows = store.read(places)
            bad[places] = rows.damaged
            good = ~rows.damaged
            not_finite += int((~np.isfinite(rows.features[good])).any(axis=1).sum())
            unknown += int((store.session_of(places[good]) >= known).sum())
        return StoreReport(
            path=path,
            rows=int((written & first & ~bad).sum()),
            damaged_rows=int(bad.sum()),
            damaged_blocks=_stretches(bad),
            duplicates=int((written & ~first & ~bad).sum()),
            unfinished=int((~written).sum()),
            missing_bytes=store.missing_bytes,
            not_finite=not_finite,
            unknown_origin=unknown,
            content_digest=store.content_digest(),
            # A writer may have come or gone meanwhile.
            is_open=was_open or is_marked_as_written_to(path),
            leftovers=find_leftovers(path),
        )


def _stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of true values.

    Examples
    --------
    >>> _stretches(np.array([0, 1, 1, 0, 1], bool))
    [(1, 2), (4, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]
