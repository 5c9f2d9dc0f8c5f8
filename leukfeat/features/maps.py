"""The map of a network whose mean over places is a cell's row of features."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.backbones import find_backbone
from leukfeat.features.cell_reading import network_inputs
from leukfeat.features.engines.network_graph import stage_maps
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource

__all__ = ["map_function", "why_no_map"]


def why_no_map(spec: FeatureSpec, source: WeightsSource) -> str:
    """Say why the rows of a feature space are no means over the places of one map.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.

    Returns
    -------
    str
        Empty if they are.
    """
    if source.own is not None:
        return "the network is your own"
    if len(spec.layers) > 1:
        return f"several layers are joined ({', '.join(spec.layers)})"
    if spec.pooling != "avg":
        return f"pooling is {spec.pooling!r}"
    if spec.mask is not None:
        return "positions are masked"
    if spec.views != 1:
        return "several views are averaged"
    if find_backbone(spec.backbone).norm_after_pooling and spec.layers == ("avg_pool",):
        return "a normalisation stands behind the pooling"
    return ""


@functools.lru_cache(maxsize=2)
def map_function(
    spec: FeatureSpec, source: WeightsSource
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return what computes the map of an image, by Keras.

    The last two are kept: maps of several heads share one network.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space; :func:`why_no_map` must be empty.
    source : WeightsSource
        Its weights.

    Returns
    -------
    callable
        From RGB ``uint8`` of shape ``(height, width, 3)`` to float32 ``(rows, columns,
        n_features)``.

    Raises
    ------
    ValueError
        If there is no such map.
    """
    reason = why_no_map(spec, source)
    if reason:
        raise ValueError(f"These features are not the mean of one map: {reason}.")
    maps, _ = stage_maps(spec, source)

    def compute(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        (only,) = maps(network_inputs(image, spec))
        return np.asarray(only)[0]

    return compute
