"""The whole of what a row is, as one TensorFlow function: every engine runs this graph."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from leukfeat.features.backbones import find_backbone
from leukfeat.features.engines.own_network import own_keras_function
from leukfeat.features.engines.pooling import pool_map
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource, load_weights

__all__ = ["network_function", "stage_maps", "start_keras"]


def start_keras() -> tuple[Any, Any]:
    """Import Keras and TensorFlow without TensorFlow's start-up notes.

    Returns
    -------
    keras, tensorflow : module
        The notes come if ``TF_CPP_MIN_LOG_LEVEL`` is set otherwise.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    return keras, tf


def stage_maps(
    spec: FeatureSpec, source: WeightsSource
) -> tuple[Callable[[Any], list[Any]], list[Any]]:
    """Build preprocessing and network as one function of pixels, before anything is pooled.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights, of a known backbone.

    Returns
    -------
    maps : callable
        From RGB ``uint8`` of shape ``(n, height, width, 3)`` to the map of each layer, float32
        ``(n, rows, columns, n_features)``, all TensorFlow tensors; not traced yet.
    after : list of callable or None
        What stands behind the pooling of each layer.
    """
    keras, tf = start_keras()
    backbone = find_backbone(spec.backbone)
    network = load_weights(backbone, source, spec.input_size)
    outputs = [backbone.stage_map(network, layer) for layer in spec.layers]
    stages = keras.Model(network.input, outputs)
    preprocess = backbone.preprocessing(network if source.kind == "imagenet" else None)

    def maps(pixels: Any) -> list[Any]:
        values = stages(preprocess(tf.cast(pixels, tf.float32)), training=False)
        return list(values) if isinstance(values, (list, tuple)) else [values]

    return maps, [backbone.after_pooling(network, layer) for layer in spec.layers]


def network_function(spec: FeatureSpec, source: WeightsSource) -> Callable[[Any], Any]:
    """Build preprocessing, network, pooling and joining as one function of pixels.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.

    Returns
    -------
    callable
        From RGB ``uint8`` of shape ``(n, height, width, 3)`` to float32 ``(n, n_features)``,
        both TensorFlow tensors; not traced yet.

    Raises
    ------
    WeightsError
        If the weights cannot be had.
    """
    _, tf = start_keras()
    if source.own is not None:
        return own_keras_function(source.own, spec)
    maps, after = stage_maps(spec, source)

    def compute(pixels: Any) -> Any:
        pooled = [pool_map(value, pixels, spec) for value in maps(pixels)]
        rows = [row if last is None else last(row) for row, last in zip(pooled, after, strict=True)]
        return tf.concat(rows, axis=1)

    return compute
