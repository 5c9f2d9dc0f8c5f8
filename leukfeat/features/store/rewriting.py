"""Making a new store file out of the good rows of an old one."""

from __future__ import annotations

import glob
import os
import uuid

import h5py
import numpy as np

from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store.layout import create_file
from leukfeat.features.store.reader import StoreReader

__all__ = ["create_store", "remove_leftovers", "rewrite_store"]

_WINDOW = 1024


def create_store(path: str, spec: FeatureSpec, n_features: int) -> None:
    """Create an empty store whole, then put it in place.

    Parameters
    ----------
    path : str
        Final name.
    spec : FeatureSpec
        The feature space.
    n_features : int
        Length of a row.
    """
    temporary = _temporary_name(path)
    try:
        create_file(temporary, spec, n_features)
        _put_in_place(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def rewrite_store(path: str, drop: set[bytes] | None = None) -> int:
    """Replace a store by a copy of its good rows. The caller holds the writer's lock.

    This is how a file whose writer was killed becomes appendable again, and how rows are
    removed.

    Parameters
    ----------
    path : str
        The file.
    drop : set of bytes, optional
        Keys of rows to leave out.

    Returns
    -------
    int
        Rows kept. Left out are rows without a written key, rows whose checksum does not fit,
        and rows of `drop`.
    """
    drop = drop or set()
    temporary = _temporary_name(path)
    kept = 0
    try:
        with StoreReader(path) as old:
            create_file(temporary, old.spec, old.n_features)
            with h5py.File(temporary, "r+", libver="latest", locking=False) as new:
                source = old._file
                seen: set[bytes] = set()
                for start in range(0, len(old.keys), _WINDOW):
                    places = np.arange(start, min(start + _WINDOW, len(old.keys)))
                    rows = old.read(places)
                    good = old.written[places] & ~rows.damaged
                    for i in np.flatnonzero(good):
                        key = old.keys[places[i]].tobytes()
                        good[i] = key not in drop and key not in seen
                        seen.add(key)
                    places = places[good]
                    _extend(new["features"], rows.features[good])
                    _extend(new["controls"], rows.controls[good])
                    for name in ("checksum", "session", "key"):
                        values = source[name][start : start + _WINDOW]
                        _extend(new[name], values[places - start])
                    kept += len(places)
                pairs = source["files"][()]
                _extend(new["files"], pairs[pairs.any(axis=1)])
                _extend(new["sessions"], source["sessions"][()])
        _put_in_place(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return kept


def remove_leftovers(path: str) -> None:
    """Delete temporary files that a killed writer left. The caller holds the writer's lock.

    Parameters
    ----------
    path : str
        Final name of the store.
    """
    folder, name = os.path.split(path)
    for leftover in glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*.tmp")):
        os.unlink(leftover)


def _temporary_name(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:12]}.tmp")


def _put_in_place(temporary: str, path: str) -> None:
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _extend(dataset: h5py.Dataset, values: np.ndarray) -> None:
    n = len(dataset)
    dataset.resize(n + len(values), axis=0)
    dataset[n:] = values
