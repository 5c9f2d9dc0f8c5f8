"""The digest of tuned weights: of what features depend on, and not of how training went."""

from __future__ import annotations

import hashlib
import os
from io import BufferedReader
from typing import Any

import h5py

from leukfeat.features.seen_data import FACTS

__all__ = ["weights_digest"]

_DEEPEST = 32
"""Groups within groups; Keras writes a handful."""


def weights_digest(file: BufferedReader) -> str:
    """Digest names, shapes and numbers of the weights in a file of `fine_tune_backbone`.

    The seconds of a training, which stand in the file too, and states of random generators are not
    in it: a tuning that was stopped and went on gives the same features, and the same digest.

    Parameters
    ----------
    file : binary file
        HDF5 that leads to no other file.

    Returns
    -------
    str
        SHA-256 in hexadecimal; of the whole file where its entries are linked as Keras links none.
    """
    digest = hashlib.sha256(b"leukfeat tuned weights 1")
    size = file.seek(0, os.SEEK_END)
    with h5py.File(file, "r") as opened:
        plain = _add(digest, opened, "", 0, size)
    if plain:
        return digest.hexdigest()
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _add(digest: Any, group: h5py.Group, place: str, depth: int, size: int) -> bool:
    if depth > _DEEPEST:
        return False
    for key in sorted(group):
        path = f"{place}{key}"
        if path == FACTS or "seed_generator" in key:
            continue
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            return False
        entry = group[key]
        if isinstance(entry, h5py.Group):
            if not _add(digest, entry, f"{path}/", depth + 1, size):
                return False
            continue
        # Numbers as they are: nothing packed, which could fill memory, and nothing but numbers.
        if not isinstance(entry, h5py.Dataset) or entry.dtype.kind == "O" or entry.nbytes > size:
            return False
        values = entry[()]
        digest.update(f"{path}:{values.dtype.str}:{values.shape}:".encode())
        digest.update(values.tobytes())
    return True
