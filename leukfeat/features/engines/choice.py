"""Which engines there are, which are installed, and loading one."""

from __future__ import annotations

import collections
import dataclasses
import importlib.util
import threading

from leukfeat.features.engines.interface import Engine
from leukfeat.features.engines.own_network import check_rows
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource

__all__ = ["ENGINES", "check_engine", "installed_engines", "load_engine"]

ENGINES = {"openvino": "openvino", "keras": "tensorflow"}
"""Name of an engine, and the package that it needs; the fastest first."""

PRECISIONS = {"openvino": ("float32", "bfloat16", "int8"), "keras": ("float32",)}
"""Arithmetic that each engine offers."""

_KEPT = 2
_loaded: collections.OrderedDict[str, Engine] = collections.OrderedDict()
_loading = threading.Lock()


def installed_engines(precision: str = "float32") -> list[str]:
    """List the engines that can run here, the preferred one first.

    Parameters
    ----------
    precision : str, default="float32"
        Only engines that offer it.

    Returns
    -------
    list of str
    """
    return [
        name
        for name, package in ENGINES.items()
        if precision in PRECISIONS[name] and importlib.util.find_spec(package) is not None
    ]


def check_engine(spec: FeatureSpec, source: WeightsSource, *, device: str = "auto") -> None:
    """Raise if this machine has not what an engine needs; the network is not loaded.

    Parameters
    ----------
    spec, source, device
        As for :func:`load_engine`, which would raise the same.

    Raises
    ------
    ImportError
        If the engine's package is not installed.
    ValueError
        If the device is not there, or does not offer the arithmetic.
    WeightsError
        If the network in 8 bits is not on this machine.
    """
    _check_installed(spec, source)
    if spec.engine == "openvino":
        from leukfeat.features.engines.openvino_engine import check_openvino

        check_openvino(spec, source, device=device)
    elif device != "auto":
        from leukfeat.features.engines.keras_engine import find_keras_device

        find_keras_device(device)


def load_engine(spec: FeatureSpec, source: WeightsSource, *, device: str = "auto") -> Engine:
    """Load the engine of a feature space; the last ones stay loaded.

    Threads that ask for the same one get the same; one is loaded at a time.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.
    device : str, default="auto"
        Where it computes, see :func:`leukfeat.extract_features`.

    Returns
    -------
    Engine

    Raises
    ------
    ValueError
        If the device is not there.
    WeightsError
        If the weights cannot be had, or a network of the user's own does not fit its
        declaration.
    ImportError
        If the engine's package is not installed.
    """
    # What is done to the images before is no matter of the engine.
    key = f"{dataclasses.replace(spec, preparation=None).digest} {device}"
    with _loading:
        if key in _loaded:
            _loaded.move_to_end(key)
            return _loaded[key]
        engine = _make(spec, source, device)
        if source.own is not None:
            check_rows(engine, source.own)
        _loaded[key] = engine
        while len(_loaded) > _KEPT:
            _loaded.popitem(last=False)
        return engine


def _make(spec: FeatureSpec, source: WeightsSource, device: str) -> Engine:
    _check_installed(spec, source)
    if spec.engine == "openvino":
        from leukfeat.features.engines.openvino_engine import OpenvinoEngine

        return OpenvinoEngine(spec, source, device=device)
    from leukfeat.features.engines.keras_engine import KerasEngine

    return KerasEngine(spec, source, device=device)


def _check_installed(spec: FeatureSpec, source: WeightsSource) -> None:
    if importlib.util.find_spec(ENGINES[spec.engine]) is None:
        asked, others = f"engine={spec.engine!r}", "install it or take another engine"
        if spec.precision != "float32":  # nothing else offers it, whatever engine was asked for
            asked, others = (
                f"precision={spec.precision!r}",
                "install it or take precision='float32'",
            )
        if source.own is not None and len(source.own.engines) == 1:
            others = f"install it: nothing else runs {source.own.file!r}"
        extra = " (pip install 'leukfeat[fast]')" if spec.engine == "openvino" else ""
        raise ImportError(
            f"{asked} needs the package {ENGINES[spec.engine]!r}, which is not "
            f"installed{extra}. Rows that the cache holds can be used without it; to compute "
            f"others, {others}."
        )
