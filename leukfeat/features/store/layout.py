"""How a feature store lies in its HDF5 file, and the only three ways in which one is opened.

A file is created whole under a temporary name and put in place; after that it is only appended
to, in HDF5's single-writer-multiple-readers mode (SWMR), and only read in that mode. Opened in
any other way, a killed process would leave a file that HDF5 refuses.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import stat
import struct
import time

import h5py
import numpy as np

from leukfeat.exceptions import CacheError
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.store.format_check import (
    FORMAT,
    FORMAT_VERSION,
    KEY_BYTES,
    SESSION_BYTES,
    check_is_store,
    dataset_layout,
    known_controls,
    read_spec,
)
from leukfeat.features.store.giving_up import close, give_up
from leukfeat.imaging.controls import CONTROL_COLUMNS, CONTROLS_VERSION

__all__ = [
    "KEY_BYTES",
    "SESSION_BYTES",
    "can_be_appended_to",
    "create_file",
    "has_all_controls",
    "is_marked_as_written_to",
    "known_controls",
    "missing_bytes",
    "open_for_appending",
    "open_for_reading",
    "read_spec",
]

_PATIENCE = 30.0
"""Seconds that a writer waits for readers of its own process."""

_RETRIES = 20
_READ_ATTEMPTS = 24
"""Pauses of 1, 2, 4, ... nanoseconds: 17 ms together, ample for a writer to finish a flush."""


def create_file(path: str, spec: FeatureSpace, n_features: int) -> None:
    """Write an empty store. Give a temporary name, and put the file in place afterwards.

    Parameters
    ----------
    path : str
        Where; an existing file is replaced.
    spec : FeatureSpace
        The feature space.
    n_features : int
        Length of a row.
    """
    file = h5py.File(path, "w", libver="latest", locking=False)
    try:
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["controls_version"] = CONTROLS_VERSION
        for name, text in {
            "format": FORMAT,
            "spec": spec.to_json(),
            "spec_digest": spec.digest,
            "control_columns": json.dumps(CONTROL_COLUMNS),
        }.items():
            # Of fixed length, so that it lies in the header under a checksum. A text of variable
            # length lies in a heap without one, where HDF5 loops for ever on a damaged entry.
            file.attrs[name] = np.bytes_(text.encode())
        for name, (entry, dtype, chunk) in dataset_layout(n_features).items():
            file.create_dataset(
                name, (0, *entry), dtype, maxshape=(None, *entry), chunks=(chunk, *entry)
            )
        file.flush()
    except BaseException:
        give_up(file)
        raise
    close(file)


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
    _check_regular(path)
    flags = h5py.h5f.ACC_RDWR | h5py.h5f.ACC_SWMR_WRITE
    access = _access()
    # What the only writer cannot read is damaged, and does not become whole by waiting.
    _limit_read_attempts(access, 1)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return h5py.File(h5py.h5f.open(os.fsencode(path), flags=flags, fapl=access))
        except OSError as error:
            # HDF5 does not let one process write a file that another of its threads reads.
            if "already open" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.02)


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
    _check_regular(path)
    for attempt in range(_RETRIES):
        try:
            flags = h5py.h5f.ACC_RDONLY | h5py.h5f.ACC_SWMR_READ
            access = _access()
            _limit_read_attempts(access, _READ_ATTEMPTS)
            # Without its cache HDF5 reads the rows asked for, not the whole chunk around each.
            metadata, slots, _, policy = access.get_cache()
            access.set_cache(metadata, slots, 0, policy)
            file = h5py.File(h5py.h5f.open(os.fsencode(path), flags=flags, fapl=access))
            break
        except FileNotFoundError:
            raise
        except (OSError, RuntimeError, ValueError) as error:
            # A writer that opens or closes at this very moment passes within milliseconds.
            if attempt + 1 == _RETRIES or not h5py.is_hdf5(path):
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise CacheError(
                    f"The feature store {path!r} cannot be opened: it is damaged, or no HDF5 "
                    f"file ({reason}). Move it away, or give another 'cache'."
                ) from error
            time.sleep(0.02)
    try:
        check_is_store(file, path)
    except BaseException:
        file.close()
        raise
    return file


def can_be_appended_to(path: str) -> bool:
    """Tell whether a store ends where it should and the places of its next rows are undamaged.

    Parameters
    ----------
    path : str
        A store.

    Returns
    -------
    bool

    Raises
    ------
    CacheError
        If it cannot be opened at all.
    """
    with open_for_reading(path) as file:
        try:
            if missing_bytes(file, path):
                return False
            for name in dataset_layout(1):
                if len(file[name]):
                    file[name][-1:]
        except OSError:
            return False
    return True


def has_all_controls(path: str) -> bool:
    """Tell whether a store has a place for every control measurement, by today's rules.

    Parameters
    ----------
    path : str
        A store.

    Returns
    -------
    bool
    """
    with open_for_reading(path) as file:
        return known_controls(file) == len(CONTROL_COLUMNS)


def missing_bytes(file: h5py.File, path: str) -> int:
    """Return how many bytes the end of a store lacks: somebody cut it.

    HDF5 gives zeros for what lies beyond the end of a file that is opened as stores are. Rows
    whose key is lost with it look as if they had never been there.

    Parameters
    ----------
    file : h5py.File
        The store, opened for reading.
    path : str
        Where it is.

    Returns
    -------
    int
        0 for a whole file, also while it is written to or after its writer was killed: what
        the file's own tables name was written before.
    """
    ends = [0]

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        if chunk.byte_offset is not None:
            ends.append(chunk.byte_offset + chunk.size)

    for name in dataset_layout(1):
        # A table that cannot be read is damage of another kind, which reading the rows shows.
        with contextlib.suppress(OSError, RuntimeError):
            file[name].id.chunk_iter(note)
    with open(path, "rb") as raw:
        superblock = raw.read(36)
        size = os.fstat(raw.fileno()).st_size
    # Version 3 with addresses of 8 bytes, as written by libver="latest"; then the end at 28.
    if len(superblock) == 36 and superblock[8] >= 3 and superblock[9] == 8:
        ends += struct.unpack("<Q", superblock[28:])
    return max(0, max(ends) - size)


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
    _check_regular(path)
    with open(path, "rb") as file:
        superblock = file.read(12)
    # Superblock version 3, as written by libver="latest"; byte 11 holds the consistency flags.
    return len(superblock) == 12 and superblock[8] >= 3 and superblock[11] != 0


def _check_regular(path: str) -> None:
    """Refuse what is no file before HDF5 opens it: a pipe would make it wait for ever."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb"):
                return
    except FileNotFoundError:
        raise
    except OSError as error:
        remedy = (
            "Ask its owner for the right to read it"
            if isinstance(error, PermissionError)
            else "Move it away"
        )
        raise CacheError(
            f"The feature store {path!r} cannot be opened: {error.strerror or error}. {remedy}, or "
            "give another 'cache'."
        ) from error
    kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, a socket or a device"
    raise CacheError(
        f"{path!r} is not a feature store but {kind}. Move it away, or give another 'cache'."
    )


def _access() -> h5py.h5p.PropFAID:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    # Our own lock decides who writes; HDF5's would turn readers away for moments.
    access.set_file_locking(False, True)
    return access


def _limit_read_attempts(access: h5py.h5p.PropFAID, attempts: int) -> None:
    """Bound how long HDF5 waits for damaged metadata to become whole.

    A SWMR reader tries 100 times and doubles the pause each time: on a damaged file it would
    never come back. h5py does not offer the setting, so the C function is called.
    """
    try:
        library = ctypes.CDLL(h5py.h5p.__file__)
        library.H5Pset_metadata_read_attempts(ctypes.c_int64(access.id), ctypes.c_uint(attempts))
    except (OSError, AttributeError):  # the function is not reachable through this build
        return
