"""Which engines there are, which are installed, and loading one."""

from __future__ import annotations

import collections
import importlib.util

from leukfeat.features.engines.interface import Engine
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource

__all__ = ["ENGINES", "installed_engines", "load_engine"]

ENGINES = {"keras": "tensorflow"}
"""Name of an engine, and the package that it needs; the fastest first."""

PRECISIONS = {"keras": ("float32",)}
"""Arithmetic that each engine offers."""

_KEPT = 2
_loaded: collections.OrderedDict[str, Engine] = collections.OrderedDict()


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


def load_engine(spec: FeatureSpec, source: WeightsSource) -> Engine:
    """Load the engine of a feature space; the last ones stay loaded.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.

    Returns
    -------
    Engine

    Raises
    ------
    WeightsError
        If the weights cannot be had.
    """
    key = spec.digest
    if key in _loaded:
        _loaded.move_to_end(key)
        return _loaded[key]
    from leukfeat.features.engines.keras_engine import KerasEngine

    engine = KerasEngine(spec, source)
    _loaded[key] = engine
    while len(_loaded) > _KEPT:
        _loaded.popitem(last=False)
    return engine
