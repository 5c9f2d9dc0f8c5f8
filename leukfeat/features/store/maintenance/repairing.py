"""Making a store whole again: its good rows, and nothing else."""

from __future__ import annotations

import dataclasses
import os

from leukfeat.features.store.lock import WriterLock
from leukfeat.features.store.maintenance.verifying import StoreReport, verify_store
from leukfeat.features.store.reader import StoreReader
from leukfeat.features.store.rewriting import remove_leftovers, rewrite_store

__all__ = ["RepairReport", "repair_store"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RepairReport:
    """What :func:`repair_store` did.

    Attributes
    ----------
    path : str
        The file.
    rewritten : bool
        Whether the file was replaced; a sound one is left as it is.
    before : StoreReport
        What was found.
    rows_kept : int
        Rows in the file now.
    rows_dropped : int
        Rows that were damaged or there twice; the next extraction computes them again.
    rows_without_key : int
        Rows that had lost the name of their image; the next extraction computes them again.
    kept_aside : str or None
        Where the file stands as it was, if it was cut short: how many rows were lost with its
        end cannot be told. Delete it when you no longer want it.
    removed : list of str
        Temporary files of a killed writer that were deleted.
    """

    path: str
    rewritten: bool
    before: StoreReport
    rows_kept: int
    rows_dropped: int
    rows_without_key: int
    kept_aside: str | None
    removed: list[str]


def repair_store(path: str | os.PathLike[str]) -> RepairReport:
    """Keep the good rows of a store, drop the damaged ones, recover what a kill left.

    The new file is written beside the old one and then takes its place, so a kill in between
    changes nothing. It waits for a writer that is at work.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    RepairReport

    Raises
    ------
    CacheError
        If it cannot be opened at all, or is not a feature store: then no row can be saved.
    """
    path = os.path.abspath(os.fspath(path))
    with StoreReader(path):
        pass  # beside what is no store no lock is left
    with WriterLock(path):
        removed = remove_leftovers(path)
        before = verify_store(path)
        ill = before.is_open or before.unfinished or not before.is_sound
        kept, kept_aside = rewrite_store(path) if ill else (before.rows, None)
        return RepairReport(
            path=path,
            rewritten=bool(ill),
            before=before,
            rows_kept=kept,
            rows_dropped=before.rows + before.damaged_rows + before.duplicates - kept,
            rows_without_key=before.rows_without_key,
            kept_aside=kept_aside,
            removed=removed,
        )
