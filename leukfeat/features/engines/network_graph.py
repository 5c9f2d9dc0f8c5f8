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

__all__ = ["network_function"]


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
    # Start-up notes of TensorFlow, unless the user has chosen otherwise.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    if source.own is not None:
        return own_keras_function(source.own, spec)
    backbone = find_backbone(spec.backbone)
    network = load_weights(backbone, source, spec.input_size)
    stages = keras.Model(
        network.input, [backbone.stage_map(network, layer) for layer in spec.layers]
    )
    after = [backbone.after_pooling(network, layer) for layer in spec.layers]
    preprocess = backbone.preprocessing(network if source.kind == "imagenet" else None)

    def compute(pixels: Any) -> Any:
        values = stages(preprocess(tf.cast(pixels, tf.float32)), training=False)
        values = values if isinstance(values, (list, tuple)) else [values]
        pooled = [pool_map(value, pixels, spec) for value in values]
        rows = [row if last is None else last(row) for row, last in zip(pooled, after, strict=True)]
        return tf.concat(rows, axis=1)

    return compute
