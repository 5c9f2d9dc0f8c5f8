"""Packages that bring the same native library in different versions, loaded in an order that works."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import sys
from typing import Any

from leukfeat.telemetry import send_nothing

__all__ = ["import_native"]

_TBB = "libtbb.so.12"
_loaded: list[ctypes.CDLL] = []


def import_native(name: str) -> Any:
    """Import a package that computes with TBB: ``openvino``, ``sklearnex``, ``daal4py``.

    ``openvino`` brings a TBB of its own that is older than the one of ``scikit-learn-intelex``;
    both have the same name, so the one that is loaded first serves both, and
    ``import sklearnex`` after ``openvino`` fails with an undefined symbol. The newer one knows
    all that the older one knows, so it is loaded here before either, for the whole process.
    That also helps where the user has imported ``openvino`` before. OpenVINO is also kept from
    reporting its use.

    Parameters
    ----------
    name : str
        Module to import.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If the package is not installed.

    Examples
    --------
    >>> import_native("json").dumps([1])
    '[1]'
    """
    if sys.platform.startswith("linux") and not _loaded:
        path = _packaged_tbb()
        if path is not None:
            _loaded.append(ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL))
    if name.partition(".")[0] == "openvino":
        send_nothing()
    return importlib.import_module(name)


def _packaged_tbb() -> str | None:
    """Path of the library that the package ``tbb`` installed, if it is installed."""
    try:
        files = importlib.metadata.files("tbb") or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == _TBB:
            path = file.locate()
            return str(path) if path.exists() else None  # type: ignore[attr-defined]
    return None
