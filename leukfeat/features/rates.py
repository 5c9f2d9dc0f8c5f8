"""How fast this machine computes, as measured by the last run or guessed from its cores."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from leukfeat.features.backbones import find_backbone
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.locations import user_cache_folder
from leukfeat.features.spec import FeatureSpec

__all__ = ["estimate_rate", "estimate_start", "remember_rate"]

_GIGAFLOPS_PER_CORE = 55.0
"""Multiply-add pairs a second and core, in 10^9, on a server processor of 2020 with AVX2."""

_MEASURED_PER_WORKER = 8.0
"""Images of 300 x 300 pixels a second that a process segments and measures, about."""


_START = 20.0
"""Seconds in which a network is loaded, built and converted the first time, about."""


def estimate_rate(
    spec: FeatureSpace, n_workers: int = 1, device: str = "auto"
) -> tuple[float, bool]:
    """Return images a second for a feature space, and whether they were measured here.

    Parameters
    ----------
    spec : FeatureSpace
    n_workers : int, default=1
        Processes that compute.
    device : str, default="auto"
        Where they compute.

    Returns
    -------
    rate : float
    measured : bool
    """
    rate = _remembered(spec, n_workers, device, "images_per_second")
    if rate is not None and rate > 0:
        return rate, True
    if not isinstance(spec, FeatureSpec):
        return _MEASURED_PER_WORKER * n_workers, False
    # Nothing is known of a network of the user's own: it is taken for a ResNet50.
    backbone = find_backbone(spec.backbone if spec.preprocessing is None else "resnet50")
    height, width = backbone.input_size
    scale = spec.input_size[0] * spec.input_size[1] / (height * width)
    work = backbone.gigaflops * scale * (8 if spec.views == "dihedral" else 1)
    return _GIGAFLOPS_PER_CORE * (os.cpu_count() or 1) / work, False


def estimate_start(spec: FeatureSpace, n_workers: int = 1, device: str = "auto") -> float:
    """Return the seconds until the first image is computed: loading, building, converting.

    Parameters
    ----------
    spec : FeatureSpace
    n_workers : int, default=1
        Processes that compute.
    device : str, default="auto"
        Where they compute.

    Returns
    -------
    float
        That of the last run here, or about what the first takes, which converts the network.
    """
    seconds = _remembered(spec, n_workers, device, "start_seconds")
    if seconds is not None:
        return seconds
    return _START if isinstance(spec, FeatureSpec) else 0.0


def remember_rate(
    spec: FeatureSpace,
    rate: float,
    n_workers: int = 1,
    start_seconds: float = 0.0,
    device: str = "auto",
) -> None:
    """Keep a measured rate for the next plan.

    Parameters
    ----------
    spec : FeatureSpace
    rate : float
        Images a second.
    n_workers : int, default=1
        Processes that computed.
    start_seconds : float, default=0
        Until the first image.
    device : str, default="auto"
        Where it was computed.
    """
    path = _note(spec, n_workers, device)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"images_per_second": rate, "start_seconds": start_seconds}, file)
        os.replace(temporary, path)
    except OSError:  # an estimate that is not kept is no loss
        return


def _remembered(spec: FeatureSpace, n_workers: int, device: str, what: str) -> float | None:
    try:
        with open(_note(spec, n_workers, device), encoding="utf-8") as file:
            return float(json.load(file)[what])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(spec: FeatureSpace, n_workers: int, device: str) -> str:
    if isinstance(spec, FeatureSpec):
        what: list[Any] = [spec.backbone, spec.engine, spec.precision, spec.views]
        what += [*spec.input_size, *spec.layers]
        what += [] if spec.preprocessing is None else [spec.weights_digest]
        what += [] if spec.preparation is None else [spec.preparation]
        what += [] if n_workers == 1 else [n_workers]
        what += [] if device == "auto" else [device]
    else:
        what = [spec.to_json(), n_workers]
    name = hashlib.sha256(json.dumps([what, os.cpu_count()]).encode()).hexdigest()[:24]
    return str(user_cache_folder() / "rates" / f"{name}.json")
