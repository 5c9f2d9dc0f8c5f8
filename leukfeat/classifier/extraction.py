"""Extraction in a given feature space: what a classifier does with images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from leukfeat.exceptions import WeightsError
from leukfeat.features import (
    FeatureSet,
    FeatureSpec,
    HandcraftedSpec,
    extract_features,
    extract_handcrafted,
    join_features,
)
from leukfeat.features.cells_input import as_dataset
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.int8_file import kept_calibration
from leukfeat.features.own_backbone import Backbone

__all__ = ["extract_space", "own_network_part", "own_weights_part"]

_DEEP_ONLY = ("batch_size", "engine", "device", "calibration")
_HANDCRAFTED_ONLY = ("n_jobs",)


def own_weights_part(spec: FeatureSpace) -> FeatureSpec | None:
    """Return the space that needs a weights file of the user's own, if there is one.

    Parameters
    ----------
    spec : FeatureSpace

    Returns
    -------
    FeatureSpec or None

    Raises
    ------
    WeightsError
        If there are several: a model file holds one.

    Examples
    --------
    >>> own_weights_part(FeatureSpec(weights="imagenet")) is None
    True
    """
    deep = (part for part in spec.parts if isinstance(part, FeatureSpec))
    own = [part for part in deep if part.weights == "file" and part.preprocessing is None]
    if len({part.weights_digest for part in own}) > 1:
        raise WeightsError(
            f"The features come from {len(own)} weights files of your own "
            f"({[part.title for part in own]}), and a classifier holds one. Classify features: "
            "head.predict(join_features(...))."
        )
    return own[0] if own else None


def own_network_part(spec: FeatureSpace) -> FeatureSpec | None:
    """Return the space of a network of the user's own, if there is one.

    Parameters
    ----------
    spec : FeatureSpace

    Returns
    -------
    FeatureSpec or None

    Raises
    ------
    WeightsError
        If there are several: a model file holds one.

    Examples
    --------
    >>> own_network_part(FeatureSpec(weights="imagenet")) is None
    True
    """
    deep = (part for part in spec.parts if isinstance(part, FeatureSpec))
    own = [part for part in deep if part.preprocessing is not None]
    if len({part.weights_digest for part in own}) > 1:
        raise WeightsError(
            f"The features come from {len(own)} networks of your own "
            f"({[part.title for part in own]}), and a classifier holds one. Classify features: "
            "head.predict(join_features(...))."
        )
    return own[0] if own else None


def extract_space(
    images: Any,
    spec: FeatureSpace,
    weights: str | None,
    settings: Mapping[str, Any],
    *,
    backbone: Backbone | None = None,
) -> FeatureSet:
    """Extract the features of a space, or of several side by side.

    Parameters
    ----------
    images : CellDataset, list of paths or of RGB uint8 arrays
        The cells.
    spec : FeatureSpace
        What to extract.
    weights : str or None
        Path of the user's own weights.
    settings : mapping
        Further arguments of the extractors; what only one of them takes goes to that one.
    backbone : Backbone, optional
        The user's own network.

    Returns
    -------
    FeatureSet
    """
    if len(spec.parts) == 1:
        return _extract_part(images, spec, weights, settings, backbone)
    cells = as_dataset(images)
    found = [_extract_part(cells, part, weights, settings, backbone) for part in spec.parts]
    if len({len(features) for features in found}) > 1:
        # With errors="skip", an image may be too large for one part only.
        common = set.intersection(*(set(f.ids) for f in found if f.ids is not None))
        found = [f[np.array([name in common for name in f.ids])] for f in found]  # type: ignore[union-attr]
    return join_features(*found)


def _extract_part(
    images: Any,
    spec: FeatureSpace,
    weights: str | None,
    settings: Mapping[str, Any],
    backbone: Backbone | None,
) -> FeatureSet:
    foreign = _DEEP_ONLY if isinstance(spec, HandcraftedSpec) else _HANDCRAFTED_ONLY
    settings = {name: value for name, value in settings.items() if name not in foreign}
    assert isinstance(spec, (FeatureSpec, HandcraftedSpec))
    if isinstance(spec, HandcraftedSpec):
        measured: dict[str, Any] = {
            "families": spec.families,
            "segmentation": spec.segmentation,
            "texture": spec.texture,
            "preparation": spec.preparation,
            "unit": spec.unit,
        }
        return extract_handcrafted(images, **(measured | settings))
    arithmetic: dict[str, Any] = {"precision": spec.precision}
    if spec.calibration is not None and "calibration" not in settings:
        arithmetic["calibration"] = _calibration(spec.calibration)
    if spec.preprocessing is not None:
        own: dict[str, Any] = {"backbone": backbone, "crop": spec.crop, "views": spec.views}
        own["preparation"] = spec.preparation
        return extract_features(images, **(own | arithmetic | settings))
    given: dict[str, Any] = {
        "backbone": spec.backbone,
        "layers": list(spec.layers),
        "pooling": spec.pooling,
        "mask": spec.mask,
        "input_size": spec.input_size,
        "crop": spec.crop,
        "preparation": spec.preparation,
        "views": spec.views,
        "weights": weights if spec.weights == "file" else spec.weights,
    }
    if spec.weights == "random":
        given["random_state"] = int(spec.weights_digest.rsplit(":", 1)[1])
    return extract_features(images, **(given | arithmetic | settings))


def _calibration(digest: str) -> str:
    path = kept_calibration(digest)
    if path is None:
        raise WeightsError(
            f"The head was fit on features in 8 bits, and their network ({digest}) is not on this "
            "machine: give the file of calibrate_int8, predict(cells, calibration=FILE)."
        )
    return path
