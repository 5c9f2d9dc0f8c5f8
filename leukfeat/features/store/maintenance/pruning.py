"""Removing rows that are no longer wanted, or a whole store."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import CacheError
from leukfeat.features.store.lock import WriterLock
from leukfeat.features.store.maintenance.listing import read_sessions
from leukfeat.features.store.places import replacement_path
from leukfeat.features.store.reader import StoreReader
from leukfeat.features.store.rewriting import remove_leftovers, rewrite_store
from leukfeat.features.store.row_index import RowIndex

__all__ = ["PruneReport", "prune_rows", "remove_store"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PruneReport:
    """What pruning removed, or would remove.

    Attributes
    ----------
    path : str
        The file.
    rows_removed, rows_kept : int
        Rows.
    bytes_before, bytes_after : int
        Size of the file; after a dry run, about.
    dry_run : bool
        Whether nothing was changed.
    """

    path: str
    rows_removed: int
    rows_kept: int
    bytes_before: int
    bytes_after: int
    dry_run: bool


def prune_rows(
    path: str | os.PathLike[str],
    *,
    keep: Collection[bytes] | None = None,
    before: datetime.datetime | None = None,
    dry_run: bool = False,
) -> PruneReport:
    """Remove the rows that no given image uses, or that are old, or both.

    Where both are given a row must be unused and old to be removed. A row of unknown age is
    kept. The file shrinks: it is written anew beside the old one and then takes its place.

    Parameters
    ----------
    path : path-like
        The store.
    keep : collection of bytes, optional
        Keys of the images in use; see :func:`leukfeat.features.image_keys.image_keys`.
    before : datetime.datetime, optional
        With its time zone. Rows computed by a run that started earlier are old.
    dry_run : bool, default=False
        Only tell what would be removed.

    Returns
    -------
    PruneReport

    Raises
    ------
    ValueError
        If neither `keep` nor `before` is given, or `before` has no time zone.
    CacheError
        If the store cannot be read or written.
    """
    if keep is None and before is None:
        raise ValueError("prune_rows needs 'keep' or 'before'; to remove all, use remove_store.")
    if before is not None and before.tzinfo is None:
        raise ValueError(f"The 'before' parameter needs a time zone. Got {before!r} instead.")
    path = os.path.abspath(os.fspath(path))
    with StoreReader(path):
        pass  # beside what is no store no lock is left
    with contextlib.nullcontext() if dry_run else WriterLock(path):
        if not dry_run:
            remove_leftovers(path)
        size = os.path.getsize(path) if os.path.exists(path) else 0
        with StoreReader(path) as store:
            unwanted = store.written & _is_unused(store, keep) & _is_old(store, before)
            doomed = {key.tobytes() for key in store.keys[unwanted]}
            kept = len(store) - len(doomed)
        if doomed and not dry_run:
            kept = rewrite_store(path, doomed).rows
        share = kept / max(1, kept + len(doomed))
        return PruneReport(
            path=path,
            rows_removed=len(doomed),
            rows_kept=kept,
            bytes_before=size,
            bytes_after=round(size * share) if dry_run else os.path.getsize(path),
            dry_run=dry_run,
        )


def remove_store(path: str | os.PathLike[str], *, dry_run: bool = False) -> PruneReport:
    """Delete a whole store. It waits for a writer that is at work.

    Parameters
    ----------
    path : path-like
        The store; a file that is no store of ours is not deleted.
    dry_run : bool, default=False
        Only tell what would be removed.

    Returns
    -------
    PruneReport

    Raises
    ------
    CacheError
        If it is not a feature store, or cannot be deleted.
    """
    path = os.path.abspath(os.fspath(path))
    with StoreReader(path) as store:
        rows = len(store)
    size = os.path.getsize(path)
    if not dry_run:
        with WriterLock(path):
            try:
                remove_leftovers(path)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(replacement_path(path))
                os.unlink(path)
            except OSError as error:
                raise CacheError(f"Cannot delete {path!r}: {error.strerror}.") from error
    return PruneReport(
        path=path,
        rows_removed=rows,
        rows_kept=0,
        bytes_before=size,
        bytes_after=0,
        dry_run=dry_run,
    )


def _is_unused(store: StoreReader, keep: Collection[bytes] | None) -> NDArray[np.bool_]:
    if keep is None:
        return np.ones(len(store.keys), bool)
    wanted = np.frombuffer(b"".join(keep), np.uint8).reshape(-1, store.keys.shape[1])
    return RowIndex(wanted).find(store.keys) < 0


def _is_old(store: StoreReader, before: datetime.datetime | None) -> NDArray[np.bool_]:
    if before is None:
        return np.ones(len(store.keys), bool)
    old = []
    for facts in read_sessions(store):
        try:
            old.append(datetime.datetime.fromisoformat(facts["started"]) < before)
        except (KeyError, ValueError, TypeError):
            old.append(False)
    session = store.session_of(np.arange(len(store.keys)))
    return np.array([*old, False])[np.minimum(session, len(old))]
