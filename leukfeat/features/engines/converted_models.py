"""Networks converted for OpenVINO, kept so that starting needs no TensorFlow."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from leukfeat.features.engines.network_graph import network_function
from leukfeat.features.locations import user_cache_folder
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource
from leukfeat.native_libraries import import_native

__all__ = ["FORMAT", "converted_folder", "load_converted"]

logger = logging.getLogger("leukfeat")

FORMAT = 1
"""Raised when the conversion would write something else than before."""

_NAMES = ("model.xml", "model.bin")


def load_converted(
    spec: FeatureSpec, source: WeightsSource, core: Any
) -> tuple[Any, dict[str, str]]:
    """Return a network for OpenVINO, converted now or before.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.
    core : openvino.Core
        Reads it.

    Returns
    -------
    model : openvino.Model
        In float32, taking ``uint8`` of shape ``(1, height, width, 3)``.
    versions : dict of str to str
        Of the libraries that it was built with.

    Raises
    ------
    WeightsError
        If it has to be converted and the weights cannot be had.
    """
    folder = converted_folder(spec)
    versions = _read_note(folder)
    if versions is not None:
        return core.read_model(str(folder / _NAMES[0])), versions
    if source.own is not None and source.own.kind == "onnx":
        from leukfeat.features.engines.onnx_network import read_onnx

        model, versions = read_onnx(source.own, core), {}
    else:
        model, versions = _convert(spec, source)
    try:
        _keep(model, versions, folder, core)
    except (OSError, RuntimeError) as error:  # OpenVINO's own writing ends in a RuntimeError
        # Converting again costs seconds; the features are the same.
        logger.warning("The converted network is not kept in %s: %s", folder, error)
        return model, versions
    # What is kept is what is used: a fault in writing shows now and not next time.
    return core.read_model(str(folder / _NAMES[0])), versions


def converted_folder(spec: FeatureSpec) -> Path:
    """Return the folder of a converted network; its name depends on all that shapes it."""
    shape = [
        FORMAT,
        spec.version,
        spec.backbone,
        spec.weights,
        spec.weights_digest,
        spec.layers,
        spec.pooling,
        spec.mask,
        spec.input_size,
        *(_version(name) for name in ("openvino", "keras", "tensorflow")),
    ]
    if spec.preprocessing is not None:
        shape.append(spec.preprocessing)
    name = hashlib.sha256(json.dumps(shape).encode()).hexdigest()[:24]
    return user_cache_folder() / "openvino" / f"{spec.backbone}-{name}"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # built by hand, or under another name
        return ""


def _convert(spec: FeatureSpec, source: WeightsSource) -> tuple[Any, dict[str, str]]:
    openvino = import_native("openvino")
    compute = network_function(spec, source)
    import keras
    import tensorflow as tf

    signature = [tf.TensorSpec((1, *spec.input_size, 3), tf.uint8)]
    traced = tf.function(compute, input_signature=signature, autograph=False)
    model = openvino.convert_model(traced.get_concrete_function())
    return model, {"tensorflow": tf.__version__, "keras": keras.__version__}


def _keep(model: Any, versions: dict[str, str], folder: Path, core: Any) -> None:
    openvino = import_native("openvino")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".converting-") as place:
        whole = Path(place, "whole")
        whole.mkdir()
        # By default the weights would be rounded to float16.
        openvino.save_model(model, str(whole / _NAMES[0]), compress_to_fp16=False)
        # Where the disk is full OpenVINO 2025.2 cuts the file and says nothing.
        core.read_model(str(whole / _NAMES[0]))
        note = {"versions": versions, "sha256": {name: _digest(whole / name) for name in _NAMES}}
        (whole / "note.json").write_text(json.dumps(note), encoding="utf-8")
        if _read_note(folder) is not None:  # another process was quicker
            return
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)
        try:
            os.rename(whole, folder)
        except OSError:
            if _read_note(folder) is None:
                raise


def _read_note(folder: Path) -> dict[str, str] | None:
    """Versions, if the converted network is there and undamaged."""
    try:
        note = json.loads((folder / "note.json").read_text(encoding="utf-8"))
        whole = all(_digest(folder / name) == note["sha256"][name] for name in _NAMES)
        return dict(note["versions"]) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
