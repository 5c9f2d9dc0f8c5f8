"""How fast this machine computes, as measured by the last run or guessed from its cores."""

from __future__ import annotations

import hashlib
import json
import os

from leukfeat.features.backbones import find_backbone
from leukfeat.features.locations import user_cache_folder
from leukfeat.features.spec import FeatureSpec

__all__ = ["estimate_rate", "remember_rate"]

_GIGAFLOPS_PER_CORE = 55.0
"""Multiply-add pairs a second and core, in 10^9, on a server processor of 2020 with AVX2."""


def estimate_rate(spec: FeatureSpec) -> tuple[float, bool]:
    """Return images a second for a feature space, and whether they were measured here.

    Parameters
    ----------
    spec : FeatureSpec

    Returns
    -------
    rate : float
    measured : bool
    """
    try:
        with open(_note(spec), encoding="utf-8") as file:
            rate = float(json.load(file)["images_per_second"])
        if rate > 0:
            return rate, True
    except (OSError, ValueError, KeyError, TypeError):
        pass
    # Nothing is known of a network of the user's own: it is taken for a ResNet50.
    backbone = find_backbone(spec.backbone if spec.preprocessing is None else "resnet50")
    height, width = backbone.input_size
    scale = spec.input_size[0] * spec.input_size[1] / (height * width)
    work = backbone.gigaflops * scale * (8 if spec.views == "dihedral" else 1)
    return _GIGAFLOPS_PER_CORE * (os.cpu_count() or 1) / work, False


def remember_rate(spec: FeatureSpec, rate: float) -> None:
    """Keep a measured rate for the next plan.

    Parameters
    ----------
    spec : FeatureSpec
    rate : float
        Images a second.
    """
    path = _note(spec)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"images_per_second": rate}, file)
        os.replace(temporary, path)
    except OSError:  # an estimate that is not kept is no loss
        return


def _note(spec: FeatureSpec) -> str:
    what = [spec.backbone, spec.engine, spec.precision, spec.views, *spec.input_size, *spec.layers]
    what += [] if spec.preprocessing is None else [spec.weights_digest]
    name = hashlib.sha256(json.dumps([what, os.cpu_count()]).encode()).hexdigest()[:24]
    return str(user_cache_folder() / "rates" / f"{name}.json")
