"""What a run leaves that is killed before its first row: files beside a store that is not there."""

from __future__ import annotations

import contextlib
import os
import re

from leukfeat.exceptions import CacheError
from leukfeat.features.store.lock import WriterLock
from leukfeat.features.store.rewriting import find_leftovers, remove_leftovers

__all__ = ["remove_orphans"]

_BESIDE = re.compile(r"\.(.+\.h5(?:\.overwrite)?)\.(?:lock|lock\.holder|[0-9a-f]{12}\.tmp)")


def remove_orphans(place: str | os.PathLike[str], *, dry_run: bool = False) -> list[str]:
    """Delete locks and temporary files beside stores that do not exist.

    A run that was killed before its first row leaves them. The next run on the same feature
    space uses its lock and deletes the rest; this is for a space that is not wanted any more.
    What a run holds that is at work is left alone, and not waited for.

    Parameters
    ----------
    place : path-like
        A cache folder, not searched deeper. Beside a single store nothing is orphaned.
    dry_run : bool, default=False
        Only tell what would be deleted.

    Returns
    -------
    list of str
        Absolute paths, sorted.

    Raises
    ------
    CacheError
        If they cannot be deleted.
    """
    folder = os.path.abspath(os.path.expanduser(os.fspath(place)))
    if not os.path.isdir(folder):
        return []
    try:
        found = filter(None, map(_BESIDE.fullmatch, os.listdir(folder)))
        stores = {os.path.join(folder, match[1]) for match in found}
        removed: list[str] = []
        for store in sorted(stores):
            if not os.path.lexists(store):
                removed += _remove(store, dry_run=dry_run)
    except OSError as error:
        raise CacheError(
            f"Cannot delete what killed runs left in {folder!r}: {error.strerror or error}."
        ) from error
    return sorted(removed)


def _remove(store: str, *, dry_run: bool) -> list[str]:
    lock = WriterLock(store)
    if lock.is_held():
        return []
    there = [*filter(os.path.lexists, lock.files), *find_leftovers(store)]
    if dry_run:
        return there
    with lock:
        if os.path.lexists(store):  # somebody was faster, and it is in use
            return []
        remove_leftovers(store)
        if not lock.beats:  # a heartbeat of one who is dead
            with contextlib.suppress(FileNotFoundError):
                os.unlink(lock.files[1])
    return there
