"""Network and weights files from a stranger: nothing in them runs, and nothing else is read."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import tempfile
import zipfile
from typing import IO, Any

import h5py

from leukfeat.features.network_parts import foreign_classes
from leukfeat.safe_archive import UnsafeArchiveError, read_member

__all__ = [
    "CONTROLS_MEMBER",
    "FACTS_MEMBER",
    "foreign_parts",
    "leads_elsewhere",
    "load_network",
    "network_member",
]

FACTS_MEMBER, CONTROLS_MEMBER = "leukfeat.json", "controls.skops"
"""What leukfeat adds to the file of a network of its own."""

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_LARGEST = {
    "metadata.json": 1 << 20,
    _CONFIG: 1 << 22,
    _WEIGHTS: 1 << 32,
    FACTS_MEMBER: 1 << 26,
    CONTROLS_MEMBER: 1 << 28,
}
_MOST_DEFLATED = 100
"""Weights and JSON are never packed to less than a hundredth, except by who wants to fill memory."""


def load_network(path: str | os.PathLike[str], *, compile: bool) -> Any:
    """Read a ``.keras`` file in Keras's safe mode, after looking at what Keras would do with it.

    Parameters
    ----------
    path : path-like
        The file.
    compile : bool
        Whether to read its optimiser too.

    Returns
    -------
    keras.Model

    Raises
    ------
    ValueError
        With the reason, in words that follow the name of the file: if it is no such file, holds
        what :func:`foreign_parts` lists, announces larger arrays than its weights are, or Keras
        cannot read it.
    """
    from keras.src.saving.serialization_lib import ObjectSharingScope, SafeModeScope

    try:
        foreign = foreign_parts(path)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError) as error:
        raise ValueError(f"is damaged, or no file of model.save: {error}") from error
    if foreign:
        raise ValueError(
            "holds parts that would run code of its author's or read other files: "
            f"{foreign}. Only layers of Keras itself are read. Write it with such layers, or "
            "export it to ONNX."
        )
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(network_member(archive, _CONFIG))
            stored = archive.getinfo(_WEIGHTS).file_size
        compiling = config.pop("compile_config", None)
        with ObjectSharingScope(), SafeModeScope(True):
            model, announced = _build(config, most=stored)
            if model is not None:
                if compile and compiling:
                    model.compile_from_config(compiling)
                _fill(model, path)
                return model
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(f"cannot be read by Keras: {reason}") from error
    raise ValueError(
        f"announces layers with {announced} weights, and has {stored} bytes of them: it would fill "
        "the memory. Write it again with model.save."
    )


def foreign_parts(path: str | os.PathLike[str]) -> list[str]:
    """List what a ``.keras`` file holds beside Keras's own layers and their numbers.

    Members that Keras or leukfeat do not write, parts that are not Keras's own, parts that run
    stored code or read a file that they name, and weights that stand in another file or that the
    file cannot hold.

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
    zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError
        If it is no such file, or a member is larger than it may be or deflated to less than a
        hundredth.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        # Keras would unpickle weights in NumPy's format, and unpack all below "assets".
        found = {f"{name} (a member without a place in it)" for name in {*names} - {*_LARGEST}}
        if len({*names}) < len(names):
            raise ValueError("it holds a member twice")
        found |= set(foreign_classes(json.loads(network_member(archive, _CONFIG))))
        weights = io.BytesIO(network_member(archive, _WEIGHTS))
    size = len(weights.getbuffer())
    found |= {f"{_WEIGHTS}: {part}" for part in leads_elsewhere(weights)}
    if _sum_of_arrays(weights) > size:
        found.add(f"{_WEIGHTS}: arrays that its {size} bytes cannot hold")
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


def network_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read one member of a ``.keras`` file.

    Parameters
    ----------
    archive : zipfile.ZipFile
        The file.
    name : str
        One that Keras or leukfeat writes.

    Returns
    -------
    bytes

    Raises
    ------
    KeyError
        If there is none.
    UnsafeArchiveError
        If it is larger than it may be, or packed to less than a hundredth.
    """
    entry = archive.getinfo(name)
    if entry.file_size > _MOST_DEFLATED * entry.compress_size:
        raise UnsafeArchiveError(
            f"{name!r} has {entry.file_size} bytes and is packed into {entry.compress_size}"
        )
    return read_member(archive, name, limit=_LARGEST[name])


def _sum_of_arrays(file: IO[bytes]) -> int:
    sizes = []

    def of_entry(name: str, entry: Any) -> None:
        if isinstance(entry, h5py.Dataset):
            sizes.append(math.prod(entry.shape or ()) * entry.dtype.itemsize)

    with h5py.File(file, "r") as opened:
        opened.visititems(of_entry)
    return sum(sizes)


def _build(config: dict[str, Any], *, most: int) -> tuple[Any, int]:
    """Build a network from its description, and make its variables if they are not too many.

    Layers are put together without making a variable, and their numbers counted; building is
    what takes long, and is done once.

    Parameters
    ----------
    config : dict
        The ``config.json`` of a ``.keras`` file.
    most : int
        Most numbers that its variables may have.

    Returns
    -------
    model : keras.Model or None
        With initial weights; ``None`` if it has more.
    announced : int
        How many it has.
    """
    import keras
    from keras.src.backend.common import global_state

    # What Keras has not initialised it keeps in a list, and does so when a later scope ends.
    waiting = "uninitialized_variables"
    before = list(global_state.get_global_attribute(waiting) or [])
    try:
        global_state.set_global_attribute(waiting, [])
        with keras.StatelessScope(initialize_variables=False):
            model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        made = global_state.get_global_attribute(waiting)
        announced = sum(math.prod(variable.shape) for variable in made)
        if announced > most:
            return None, announced
        with keras.StatelessScope():
            pass  # its end makes them
        return model, announced
    finally:
        global_state.set_global_attribute(waiting, before)


def _fill(model: Any, path: str | os.PathLike[str]) -> None:
    """Read weights, and the optimiser's state, from a file of their own: in the zip it is slow."""
    with tempfile.TemporaryDirectory(prefix="leukfeat-") as folder:
        source = path
        with contextlib.suppress(OSError), zipfile.ZipFile(path) as archive:  # there may be no room
            source = archive.extract(_WEIGHTS, folder)
        model.load_weights(source)
