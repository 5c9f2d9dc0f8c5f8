"""What is installed here, what is found, and what would make extraction faster."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from leukfeat.features.engines import installed_engines
from leukfeat.features.engines.choice import PRECISIONS
from leukfeat.features.locations import user_cache_folder, weights_folders
from leukfeat.features.stock_backbones import BACKBONES
from leukfeat.native_libraries import import_native

__all__ = ["Diagnosis", "diagnose"]

_PACKAGES = ("tensorflow", "keras", "scikit-learn", "numpy", "h5py", "opencv-python", "skops")
_EXTRAS = {
    "openvino": "fast",
    "scikit-learn-intelex": "fast",
    "nncf": "int8",
    "dask": "cluster",
    "pyarrow": "parquet",
    "imagecodecs": "slides",
}
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What :func:`diagnose` found.

    Attributes
    ----------
    system : dict of str to str
        Python, operating system, processor architecture.
    packages, extras : dict of str to (str or None)
        Versions; ``None`` where a package is not installed.
    engines : list of str
        What can run a network here, the preferred one first.
    precisions : list of str
        Arithmetic that an engine offers on this processor: without instructions for bfloat16
        OpenVINO has none.
    cores : int
        Cores that this process may use.
    threads : dict of str to str
        Limits on threads that the environment sets.
    weights : dict of str to str
        Networks whose ImageNet weights are on this machine, and where. The files are named,
        not checked; that happens when they are loaded.
    cache_folder : str
        The user's cache folder, for weights, indices and converted models.
    cache_is_writable : bool
    cache_free_bytes : int or None
        Room on its disk; ``None`` where the system does not tell.
    problems : list of str
        What keeps leukfeat from working.
    advice : list of str
        What would make it faster or safer.
    """

    system: dict[str, str]
    packages: dict[str, str | None]
    extras: dict[str, str | None]
    engines: list[str]
    precisions: list[str]
    cores: int
    threads: dict[str, str]
    weights: dict[str, str]
    cache_folder: str
    cache_is_writable: bool
    cache_free_bytes: int | None
    problems: list[str]
    advice: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return dataclasses.asdict(self)


def diagnose() -> Diagnosis:
    """Look at the installation. No network is loaded, nothing kept or downloaded.

    Whether the cache folder can be written to is tried, with an empty folder that is removed.

    Returns
    -------
    Diagnosis

    Examples
    --------
    >>> diagnose().packages["numpy"] is None
    False
    """
    packages = {name: _version(name) for name in _PACKAGES}
    extras = {name: _version(name) for name in _EXTRAS}
    engines = installed_engines()
    weights = _find_weights()
    threads = {name: os.environ[name] for name in _THREADS if name in os.environ}
    cores = _usable_cores()
    folder = user_cache_folder()
    existing = _nearest_existing(folder)
    is_writable = _can_be_written(existing)
    problems = []
    if not engines:
        problems.append("No engine is installed: install tensorflow, or leukfeat[fast].")
    if folder.exists() and not folder.is_dir():
        problems.append(f"The cache folder {str(folder)!r} is a file; set LEUKFEAT_CACHE_DIR.")
        is_writable = False
    elif not is_writable:
        problems.append(
            f"The cache folder {str(folder)!r} cannot be written to; set LEUKFEAT_CACHE_DIR."
        )
    return Diagnosis(
        system={
            "python": platform.python_version(),
            "system": platform.platform(terse=True),
            "machine": platform.machine(),
        },
        packages=packages,
        extras=extras,
        engines=engines,
        precisions=_precisions(engines),
        cores=cores,
        threads=threads,
        weights=weights,
        cache_folder=str(folder),
        cache_is_writable=is_writable,
        cache_free_bytes=_free_bytes(existing),
        problems=problems,
        advice=_advise(extras, engines, weights, threads, cores),
    )


def _advise(
    extras: dict[str, str | None],
    engines: list[str],
    weights: dict[str, str],
    threads: dict[str, str],
    cores: int,
) -> list[str]:
    advice = []
    if "openvino" not in engines:
        advice.append("pip install 'leukfeat[fast]': OpenVINO runs the networks faster than Keras.")
    if extras["scikit-learn-intelex"] is None and platform.machine() in ("x86_64", "AMD64"):
        advice.append(
            "pip install 'leukfeat[fast]': scikit-learn-intelex fits SVMs and forests faster."
        )
    for name, value in threads.items():
        if not re.fullmatch(r"\d+(,\d+)*", value.strip()):  # OpenMP knows a list by nesting
            advice.append(
                f"{name}={value} is no number of threads, and each library makes of it what it "
                "will: set a number from 1, or unset it."
            )
        elif value.isdecimal() and int(value) < cores:
            advice.append(f"{name}={value} leaves {cores - int(value)} of {cores} cores idle.")
    if "resnet50" not in weights:
        advice.append(
            "The ImageNet weights of resnet50 are not here: they are downloaded on first use, or "
            "put them into the folder named by LEUKFEAT_WEIGHTS_DIR."
        )
    return advice


def _precisions(engines: list[str]) -> list[str]:
    if "openvino" not in engines:
        return [name for name in PRECISIONS["keras"] if engines]
    try:
        offered = import_native("openvino").Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, OSError, RuntimeError):  # installed, and does not start
        offered = []
    return [name for name in PRECISIONS["openvino"] if name != "bfloat16" or "BF16" in offered]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        if package == "opencv-python" and importlib.util.find_spec("cv2") is not None:
            return _version("opencv-python-headless") or "unknown"
        return None


def _find_weights() -> dict[str, str]:
    found = {}
    for name, backbone in BACKBONES.items():
        for folder in weights_folders():
            path = folder / backbone.imagenet_file
            if path.is_file():
                found[name] = str(path)
                break
    return found


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _nearest_existing(folder: Path) -> Path:
    return next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))


def _can_be_written(folder: Path) -> bool:
    """Tell whether a file can be made in a folder; /proc says that it may be, and refuses."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".leukfeat-"):
            return True
    except OSError:
        return False


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
