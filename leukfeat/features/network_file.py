"""Network and weights files from a stranger: nothing in them runs, and nothing else is read."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from typing import IO, Any

import h5py

__all__ = ["foreign_parts", "leads_elsewhere"]

_RUN_CODE = (
    "Lambda",
    "__lambda__",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    # Any function of Keras by its name: older versions let one switch the safe mode off.
    "function",
)
_READ_FILES = ("StringLookup", "IntegerLookup", "TextVectorization")
_LARGEST_CONFIG = 64 << 20


def foreign_parts(path: str | os.PathLike[str]) -> list[str]:
    """List what a ``.keras`` file holds beside Keras's own layers and their numbers.

    Parts that are not Keras's own, parts that run stored code or read a file that they name, and
    weights that stand in another file.

    Parameters
    ----------
    path : path-like
        The file. Its description of the layers and the table of its weights are read, and no
        more.

    Returns
    -------
    list of str
        Empty if there is nothing of the kind.

    Raises
    ------
    zipfile.BadZipFile, KeyError, ValueError, OSError
        If it is no such file, or its description is larger than 64 MB.
    """
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("config.json").file_size > _LARGEST_CONFIG:
            raise ValueError("its config.json has more than 64 MB")
        found = set(_classes_of(json.loads(archive.read("config.json"))))
        for name in archive.namelist():
            if name.endswith((".h5", ".hdf5")):
                with archive.open(name) as member:
                    found |= {f"{name}: {part}" for part in leads_elsewhere(member)}
    return sorted(found)


def leads_elsewhere(file: str | os.PathLike[str] | IO[bytes]) -> list[str]:
    """List the entries of an HDF5 file whose numbers stand in another file, or are computed.

    HDF5 opens the file that an external link, external storage or a virtual dataset names,
    wherever it is, as soon as the entry is read.

    Parameters
    ----------
    file : path-like or binary file
        The HDF5 file.

    Returns
    -------
    list of str
        ``'name (external link)'`` and so on, sorted.

    Raises
    ------
    OSError
        If it is no HDF5 file.
    """
    found = []

    def of_link(name: str, link: Any) -> None:
        if isinstance(link, h5py.ExternalLink):
            found.append(f"{name} (external link)")

    def of_entry(name: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset) and (entry.external or entry.is_virtual):
            found.append(f"{name} ({'external storage' if entry.external else 'virtual dataset'})")

    with h5py.File(file, "r") as opened:
        opened.visititems_links(of_link)
        opened.visititems(of_entry)
    return sorted(found)


def _classes_of(config: Any) -> Iterator[str]:
    """Classes that are not Keras's own, run what is stored in them, or read files they name."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            name, module = value.get("class_name"), value.get("module")
            if name is None:
                continue
            is_keras = module is None or str(module).split(".")[0] == "keras"
            if name in _RUN_CODE or name in _READ_FILES or not is_keras:
                yield f"{module}.{name}" if module else str(name)
