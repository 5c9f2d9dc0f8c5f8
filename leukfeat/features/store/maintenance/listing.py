"""Which stores lie in a folder, and what each holds."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

from leukfeat.exceptions import CacheError
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.store.layout import is_marked_as_written_to
from leukfeat.features.store.places import replacement_path
from leukfeat.features.store.reader import StoreReader
from leukfeat.features.store.rewriting import find_leftovers

__all__ = ["StoreSummary", "find_stores", "list_stores", "read_sessions"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoreSummary:
    """One store, as :func:`list_stores` found it.

    Attributes
    ----------
    path : str
        The file.
    bytes : int
        Its size.
    problem : str or None
        Why it cannot be used; then the rest is empty.
    spec : FeatureSpace or None
        The feature space.
    rows : int
        Rows held.
    n_features : int
        Length of a row.
    sessions : list of dict
        For each run that wrote rows: versions of the libraries, processor, time of its start.
    missing_bytes : int
        How many bytes the end of the file lacks: 0, unless somebody cut it. Then rows may be
        missing that cannot be counted.
    is_open : bool
        Whether its last writer is at work, or was killed.
    leftovers : list of str
        Temporary files of a killed writer, or of one at work, and the new rows of an overwrite
        that was stopped.
    """

    path: str
    bytes: int
    problem: str | None = None
    spec: FeatureSpace | None = None
    rows: int = 0
    n_features: int = 0
    sessions: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    missing_bytes: int = 0
    is_open: bool = False
    leftovers: list[str] = dataclasses.field(default_factory=list)

    @property
    def created(self) -> str | None:
        """Start of the first run that wrote rows, in ISO 8601; ``None`` if not known."""
        starts = (session.get("started") for session in self.sessions)
        return min((start for start in starts if isinstance(start, str)), default=None)


def find_stores(place: str | os.PathLike[str]) -> list[str]:
    """List the files that may be stores.

    Parameters
    ----------
    place : path-like
        A folder, not searched deeper, or one file.

    Returns
    -------
    list of str
        Absolute paths, sorted.

    Raises
    ------
    CacheError
        If there is no such folder or file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     find_stores(folder)
    []
    """
    path = os.path.abspath(os.path.expanduser(os.fspath(place)))
    try:
        names = os.listdir(path) if os.path.isdir(path) else None
        if names is None:
            os.stat(path)
            return [path]
    except OSError as error:
        raise CacheError(
            f"Cannot look for feature stores at {path!r}: {error.strerror}. Give the folder that "
            "was the 'cache' of extract_features, or one of its '.h5' files."
        ) from None
    stores = (n for n in names if n.endswith(".h5") and not n.startswith("."))
    return sorted(os.path.join(path, name) for name in stores)


def list_stores(place: str | os.PathLike[str]) -> list[StoreSummary]:
    """Tell what the stores of a cache folder hold, without reading their rows.

    Parameters
    ----------
    place : path-like
        A folder, or one file.

    Returns
    -------
    list of StoreSummary
        A file that is no store is listed too, with its `problem`.

    Raises
    ------
    CacheError
        If there is no such folder or file.
    """
    return [_summarise(path) for path in find_stores(place)]


def read_sessions(store: StoreReader) -> list[dict[str, Any]]:
    """Return what computed the rows, session by session; ``{}`` where that is not readable."""
    sessions = []
    for text in store.sessions():
        try:
            facts = json.loads(text)
        except (ValueError, RecursionError):
            facts = None
        sessions.append(facts if isinstance(facts, dict) else {})
    return sessions


def _summarise(path: str) -> StoreSummary:
    size = 0
    try:
        size = os.path.getsize(path)
        with StoreReader(path) as store:
            return StoreSummary(
                path=path,
                bytes=size,
                spec=store.spec,
                rows=len(store),
                n_features=store.n_features,
                sessions=read_sessions(store),
                missing_bytes=store.missing_bytes,
                is_open=is_marked_as_written_to(path),
                leftovers=[
                    *find_leftovers(path),
                    *filter(os.path.exists, [replacement_path(path)]),
                ],
            )
    except OSError as error:
        return StoreSummary(path=path, bytes=size, problem=str(error))
