"""Digests of large files that rarely change, remembered by the file's state."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path

from leukfeat.features.locations import user_cache_folder
from leukfeat.imaging.reading import FileState

__all__ = ["digest_file"]

_RACY_NS = 2_000_000_000


def digest_file(
    path: str, algorithm: str = "sha256", compute: Callable[[BufferedReader], str] | None = None
) -> str:
    """Return the digest of a file, from memory where the file has not changed since.

    What is remembered lies in the user's cache folder, one small file a path. A file younger
    than two seconds is never taken from memory: it may change without changing its times.

    Parameters
    ----------
    path : str
        The file.
    algorithm : str, default="sha256"
        A name that :func:`hashlib.new` takes, or with `compute` what its result is remembered as.
    compute : callable, optional
        Gives the digest of an open file in place of that of all its bytes.

    Returns
    -------
    str
        In hexadecimal.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    path = os.path.realpath(path)
    name = hashlib.sha256(f"{algorithm}:{path}".encode(errors="surrogateescape")).hexdigest()
    note = user_cache_folder() / "file-digests" / f"{name}.json"
    state = FileState.of(os.stat(path))
    remembered = _read_note(note)
    if remembered is not None and remembered[0] == [*state]:
        return remembered[1]
    now = time.time_ns()
    with open(path, "rb") as file:
        state = FileState.of(os.fstat(file.fileno()))
        digest = _of_all(file, algorithm) if compute is None else compute(file)
    if max(state.mtime_ns, state.ctime_ns) + _RACY_NS < now:
        _write_note(note, [[*state], digest])
    return digest


def _of_all(file: BufferedReader, algorithm: str) -> str:
    return hashlib.file_digest(
        file, lambda: hashlib.new(algorithm, usedforsecurity=False)
    ).hexdigest()


def _read_note(note: Path) -> tuple[list[int], str] | None:
    try:
        state, digest = json.loads(note.read_text())
    except (OSError, ValueError):
        return None
    return state, digest


def _write_note(note: Path, content: list) -> None:
    temporary = note.with_suffix(f".{os.getpid()}.tmp")
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content))
        os.replace(temporary, note)
    except OSError:  # a cache folder that cannot be written costs time, nothing else
        return
