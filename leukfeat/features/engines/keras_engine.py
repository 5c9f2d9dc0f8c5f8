"""The reference engine: Keras itself, traced once."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.backbones import find_backbone
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource, load_weights

__all__ = ["KerasEngine"]


class KerasEngine:
    """A backbone as one TensorFlow function: preprocessing, network, pooling, joining.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.
    """

    def __init__(self, spec: FeatureSpec, source: WeightsSource) -> None:
        # Start-up notes of TensorFlow, unless the user has chosen otherwise.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import keras
        import tensorflow as tf

        backbone = find_backbone(spec.backbone)
        network = load_weights(backbone, source, spec.input_size)
        maps = [network.get_layer(backbone.stages[layer][0]).output for layer in spec.layers]
        stages = keras.Model(network.input, maps)

        preprocess = backbone.preprocessing()

        def compute(pixels: Any) -> Any:
            values = stages(preprocess(tf.cast(pixels, tf.float32)), training=False)
            values = values if isinstance(values, (list, tuple)) else [values]
            return tf.concat([tf.reduce_mean(value, axis=(1, 2)) for value in values], axis=1)

        # Any number of rows: one trace serves every batch, where `predict` would set up its
        # loop again on each call.
        signature = [tf.TensorSpec((None, *spec.input_size, 3), tf.uint8)]
        self._compute = tf.function(compute, input_signature=signature, autograph=False)
        self.n_features = backbone.count_features(spec.layers)
        self.versions = {"tensorflow": tf.__version__, "keras": keras.__version__}

    def stream(
        self, inputs: Iterable[NDArray[np.uint8]], batch_size: int
    ) -> Iterator[NDArray[np.float32]]:
        """Compute one row for each input; see :class:`Engine`."""
        source = iter(inputs)
        while batch := list(itertools.islice(source, batch_size)):
            n = len(batch)
            # A batch of one takes another path through oneDNN and differs in the last bits.
            rows = self._compute(np.stack(batch if n > 1 else batch * 2)).numpy()
            yield from rows[:n]
