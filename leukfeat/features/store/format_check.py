"""Whether an opened HDF5 file is a feature store; anything else is refused before it is read.

A file may come from a stranger. Nothing here follows a link out of the file, and nothing is
read whose announced size the file could not hold.
"""

from __future__ import annotations

import hashlib
import json
import math
import os

import h5py
import numpy as np

from leukfeat.exceptions import CacheError
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.space_json import space_from_json
from leukfeat.imaging.controls import CONTROL_COLUMNS, CONTROLS_VERSION

__all__ = ["check_is_store", "dataset_layout", "known_controls", "read_spec"]

FORMAT = "leukfeat-features"
FORMAT_VERSION = 1
KEY_BYTES = 32
SESSION_BYTES = 1024

_CHUNK_BYTES = 1 << 19
_ATTRIBUTE_BYTES = 1 << 16
_SPARE_BYTES = 1 << 26
"""What a killed writer may have announced and not yet written: one block of rows."""


class _Refused(Exception):
    pass


def dataset_layout(
    n_features: int, n_controls: int = len(CONTROL_COLUMNS)
) -> dict[str, tuple[tuple[int, ...], np.dtype, int]]:
    """Return name, shape of one entry, type and chunk length of every dataset.

    Parameters
    ----------
    n_features : int
        Length of a row.
    n_controls : int, default=18
        Control measurements of a row.
    """
    rows = max(1, min(64, _CHUNK_BYTES // (4 * n_features)))
    return {
        "features": ((n_features,), np.dtype("<f4"), rows),
        "controls": ((n_controls,), np.dtype("<f4"), 512),
        "checksum": ((), np.dtype("<u4"), 4096),
        "session": ((), np.dtype("<u4"), 4096),
        "key": ((KEY_BYTES,), np.dtype("u1"), 1024),
        "files": ((2 * KEY_BYTES,), np.dtype("u1"), 1024),
        "sessions": ((), np.dtype(f"S{SESSION_BYTES}"), 4),
    }


def read_spec(file: h5py.File) -> FeatureSpace:
    """Return the feature space of an opened store."""
    return space_from_json(_text(file.attrs["spec"]))


def check_is_store(file: h5py.File, path: str) -> None:
    """Refuse a file that is not a feature store of this format.

    Parameters
    ----------
    file : h5py.File
        Opened for reading.
    path : str
        What the error calls it.

    Raises
    ------
    CacheError
        With the reason.
    """
    try:
        _check_attributes(file)
        _check_datasets(file, _check_controls(file), os.stat(path).st_size)
    except _Refused as refusal:
        raise _refusal(path, str(refusal)) from refusal.__cause__
    except MemoryError:
        raise _refusal(path, "it announces more than fits in memory") from None
    except Exception as error:
        # A damaged file fails in HDF5 in more ways than can be listed.
        text = str(error).splitlines() or [""]
        raise _refusal(path, f"it is damaged ({text[0] or type(error).__name__})") from error


def _refusal(path: str, why: str) -> CacheError:
    return CacheError(
        f"{path!r} is not a feature store that this leukfeat can use: {why}. Give another "
        "'cache', or move the file away."
    )


def _check_attributes(file: h5py.File) -> None:
    if file.userblock_size:
        raise _Refused("something else stands before it in the file")
    found = _attribute(file, "format")
    if found != FORMAT:
        raise _Refused(f"its attribute 'format' is {found!r}, not {FORMAT!r}")
    version = _attribute(file, "format_version")
    if version != FORMAT_VERSION:
        raise _Refused(f"its format is version {version!r}, known is {FORMAT_VERSION}")
    text = str(_attribute(file, "spec"))
    try:
        space_from_json(text)
    except RecursionError:
        raise _Refused("its feature spec is no JSON object") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Refused(str(error)) from error
    # Of what is written: a spec that was read may know settings that its writer did not.
    if _attribute(file, "spec_digest") != hashlib.sha256(text.encode()).hexdigest():
        raise _Refused("its feature spec does not match its digest")


def _check_controls(file: h5py.File) -> int:
    """Return how many control columns the file holds: ours, or the first of them."""
    try:
        columns = json.loads(str(_attribute(file, "control_columns")))
    except (ValueError, RecursionError):
        columns = None
    version = _attribute(file, "controls_version")
    known = list(CONTROL_COLUMNS)
    if not isinstance(columns, list) or not isinstance(version, int | None):
        raise _Refused("its control measurements are not named")
    if columns != known[: len(columns)]:
        newer = columns[: len(known)] == known
        raise _Refused(
            f"it holds control measurements of a newer leukfeat ({columns[len(known) :]}); install "
            "that version to use it"
            if newer
            else "it holds other control measurements"
        )
    if version is not None and version > CONTROLS_VERSION:
        raise _Refused(
            f"its control measurements are of version {version}, known is {CONTROLS_VERSION}: it "
            "was written by a newer leukfeat; install that version to use it"
        )
    return len(columns)


def known_controls(file: h5py.File) -> int:
    """Return how many of the first control columns of an opened store can be used.

    Those that were measured by other rules than today's cannot.
    """
    version = int(file.attrs.get("controls_version", 1))
    return int(file["controls"].shape[1]) if version == CONTROLS_VERSION else 0


def _attribute(file: h5py.File, name: str) -> str | int | None:
    if name not in file.attrs:
        return None
    attribute = file.attrs.get_id(name)
    if attribute.shape != () or attribute.get_storage_size() > _ATTRIBUTE_BYTES:
        raise _Refused(f"its attribute {name!r} is no single value")
    value = file.attrs[name]
    if isinstance(value, np.integer):
        return int(value)
    if not isinstance(value, (str, bytes)):
        raise _Refused(f"its attribute {name!r} is of another type")
    return _text(value)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _check_datasets(file: h5py.File, n_controls: int, file_bytes: int) -> None:
    shape = _own_dataset(file, "features").shape
    n_features = int(shape[1]) if len(shape) == 2 else 0
    for name, (entry, dtype, _) in dataset_layout(max(1, n_features), n_controls).items():
        found = _own_dataset(file, name)
        if found.shape[1:] != entry or found.dtype != dtype or found.chunks is None:
            raise _Refused(f"its dataset {name!r} is of another kind")
        if math.prod(found.chunks) * dtype.itemsize > _SPARE_BYTES:
            raise _Refused(f"its dataset {name!r} lies in chunks of {found.chunks}")
        if found.id.get_create_plist().get_nfilters():
            raise _Refused(f"its dataset {name!r} passes through a filter")
        announced = found.shape[0] * dtype.itemsize * math.prod(entry)
        if announced > file_bytes + _SPARE_BYTES:
            raise _Refused(
                f"its dataset {name!r} announces {announced} bytes, the file has {file_bytes}"
            )


def _own_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    if isinstance(file.get(name, getlink=True), h5py.HardLink):
        found = file.get(name)
        if isinstance(found, h5py.Dataset) and not found.is_virtual and not found.external:
            return found
    raise _Refused(f"its dataset {name!r} is missing or of another kind")
