"""How a feature store lies in its HDF5 file, and the only three ways in which one is opened.

A file is created whole under a temporary name and put in place; after that it is only appended
to, in HDF5's single-writer-multiple-readers mode (SWMR), and only read in that mode. Opened in
any other way, a killed process would leave a file that HDF5 refuses.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import h5py
import numpy as np

from leukfeat.exceptions import CacheError
from leukfeat.features.spec import FeatureSpec
from leukfeat.imaging.controls import CONTROL_COLUMNS

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "KEY_BYTES",
    "create_file",
    "is_marked_as_written_to",
    "open_for_appending",
    "open_for_reading",
    "read_spec",
]

FORMAT = "leukfeat-features"
FORMAT_VERSION = 1
KEY_BYTES = 32
SESSION_BYTES = 1024

_CHUNK_BYTES = 1 << 19
_RETRIES = 20


def _layout(n_features: int) -> dict[str, tuple[tuple[int, ...], np.dtype, int]]:
    """Name, shape of one entry, type and chunk length of every dataset."""
    rows = max(1, min(64, _CHUNK_BYTES // (4 * n_features)))
    return {
        "features": ((n_features,), np.dtype("<f4"), rows),
        "controls": ((len(CONTROL_COLUMNS),), np.dtype("<f4"), 512),
        "checksum": ((), np.dtype("<u4"), 4096),
        "session": ((), np.dtype("<u4"), 4096),
        "key": ((KEY_BYTES,), np.dtype("u1"), 1024),
        "files": ((2 * KEY_BYTES,), np.dtype("u1"), 1024),
        "sessions": ((), np.dtype(f"S{SESSION_BYTES}"), 4),
    }


def create_file(path: str, spec: FeatureSpec, n_features: int) -> None:
    """Write an empty store. Give a temporary name, and put the file in place afterwards.

    Parameters
    ----------
    path : str
        Where; an existing file is replaced.
    spec : FeatureSpec
        The feature space.
    n_features : int
        Length of a row.
    """
    with h5py.File(path, "w", libver="latest", locking=False) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["spec"] = spec.to_json()
        file.attrs["spec_digest"] = spec.digest
        file.attrs["control_columns"] = json.dumps(CONTROL_COLUMNS)
        for name, (entry, dtype, chunk) in _layout(n_features).items():
            file.create_dataset(
                name, (0, *entry), dtype, maxshape=(None, *entry), chunks=(chunk, *entry)
            )


def open_for_appending(path: str) -> h5py.File:
    """Open a store as its one writer. The caller holds the writer's lock.

    Parameters
    ----------
    path : str
        A store that is not marked as written to.

    Returns
    -------
    h5py.File
        In SWMR mode from the first moment: there is no instant at which a kill would leave
        it marked as open but not readable.
    """
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    access.set_file_locking(False, True)
    flags = h5py.h5f.ACC_RDWR | h5py.h5f.ACC_SWMR_WRITE
    return h5py.File(h5py.h5f.open(os.fsencode(path), flags=flags, fapl=access))


def open_for_reading(path: str) -> h5py.File:
    """Open a store beside a possible writer, and check that it is one of ours.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    h5py.File

    Raises
    ------
    CacheError
        If the file cannot be opened, is damaged, or is not a feature store.
    """
    for attempt in range(_RETRIES):
        try:
            file = h5py.File(path, "r", libver="latest", swmr=True, locking=False)
            break
        except FileNotFoundError:
            raise
        except OSError as error:
            # A writer that opens or closes at this very moment passes within milliseconds.
            if attempt + 1 == _RETRIES or not h5py.is_hdf5(path):
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise CacheError(
                    f"The feature store {path!r} cannot be opened: it is damaged, or no HDF5 "
                    f"file ({reason}). Move it away, or give another 'cache'."
                ) from error
            time.sleep(0.02)
    try:
        _check_is_ours(file, path)
    except BaseException:
        file.close()
        raise
    return file


def read_spec(file: h5py.File) -> FeatureSpec:
    """Return the feature space of an opened store."""
    return FeatureSpec.from_json(str(file.attrs["spec"]))


def is_marked_as_written_to(path: str) -> bool:
    """Tell whether the last writer left the file open: it is at work, or was killed.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    bool
    """
    with open(path, "rb") as file:
        superblock = file.read(12)
    # Superblock version 3, as written by libver="latest"; byte 11 holds the consistency flags.
    return len(superblock) == 12 and superblock[8] >= 3 and superblock[11] != 0


def _check_is_ours(file: h5py.File, path: str) -> None:
    def refuse(why: str) -> CacheError:
        return CacheError(
            f"{path!r} is not a feature store that this leukfeat can use: {why}. Give another "
            "'cache', or move the file away."
        )

    try:
        attributes: dict[str, Any] = dict(file.attrs)
    except OSError as error:
        raise refuse(f"its attributes cannot be read ({error})") from error
    if attributes.get("format") != FORMAT:
        raise refuse(f"its attribute 'format' is {attributes.get('format')!r}, not {FORMAT!r}")
    version = attributes.get("format_version")
    if version != FORMAT_VERSION:
        raise refuse(f"its format is version {version}, known is {FORMAT_VERSION}")
    if attributes.get("control_columns") != json.dumps(CONTROL_COLUMNS):
        raise refuse("it holds other control measurements")
    try:
        spec = read_spec(file)
    except (ValueError, KeyError, TypeError) as error:
        raise refuse(str(error)) from error
    if attributes.get("spec_digest") != spec.digest:
        raise refuse("its feature spec does not match its digest")
    n_features = _entry_length(file, "features")
    for name, (entry, dtype, _) in _layout(max(1, n_features)).items():
        link = file.get(name, getlink=True)
        found = file.get(name) if isinstance(link, h5py.HardLink) else None
        if (
            not isinstance(found, h5py.Dataset)
            or found.shape[1:] != entry
            or found.dtype != dtype
            or found.is_virtual
            or found.external
        ):
            raise refuse(f"its dataset {name!r} is missing or of another kind")


def _entry_length(file: h5py.File, name: str) -> int:
    found = file.get(name) if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    shape: tuple[int, ...] = found.shape if isinstance(found, h5py.Dataset) else ()
    return int(shape[1]) if len(shape) == 2 else 0
