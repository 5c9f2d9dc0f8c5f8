"""From settings to a Keras model."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.cnn.config import CNNConfig
from leukfeat.cnn.layers import (
    Seeds,
    activate,
    channel_attention,
    convolve,
    dilated_residual_block,
    spatial_attention,
)

__all__ = ["build_network", "is_binary"]


def build_network(
    config: CNNConfig,
    n_classes: int,
    *,
    channel_moments: tuple[NDArray, NDArray] | None = None,
    random_state: int = 0,
) -> Any:
    """Build and compile the network of some settings.

    The model takes RGB from 0 to 255, of shape ``(n, height, width, 3)``; scaling and
    standardisation are inside, so that a file needs nothing beside it.

    Parameters
    ----------
    config : CNNConfig
        The settings.
    n_classes : int
        Number of classes, at least 2.
    channel_moments : tuple of ndarray of shape (3,), optional
        Mean and variance of the channels over the training images, from 0 to 255; needed with
        ``standardise="dataset"``.
    random_state : int, default=0
        Seed of the initial values and of dropout. Keras's own random state is not touched.

    Returns
    -------
    keras.Model
        Compiled. One sigmoid unit with binary cross-entropy, a softmax otherwise.

    Raises
    ------
    ValueError
        If there are fewer than two classes, or binary cross-entropy is asked for more than two.

    Examples
    --------
    >>> from leukfeat.cnn import CNNConfig
    >>> from leukfeat.cnn.network import build_network
    >>> model = build_network(CNNConfig(input_size=(32, 32), filters=(4, 4), dense=(8,)), 2)
    >>> model.output_shape
    (None, 1)
    """
    import keras

    binary = is_binary(config, n_classes)
    seeds = _seeds(random_state)
    inputs = keras.Input((*config.input_size, 3), name="pixels")
    x = _standardise(inputs, config, channel_moments)
    for filters, kernel_size in zip(config.filters, config.kernel_sizes, strict=True):
        x = _block(x, filters, kernel_size, config, seeds)
    x = _readout(x, config)
    regularizer = keras.regularizers.L2(config.l2) if config.l2 else None
    for units in config.dense:
        x = keras.layers.Dense(
            units,
            kernel_initializer=keras.initializers.HeNormal(seed=seeds()),
            kernel_regularizer=regularizer,
        )(x)
        x = activate(x, config.activation)
        if config.dropout:
            x = keras.layers.Dropout(config.dropout, seed=seeds())(x)
    outputs = keras.layers.Dense(
        1 if binary else n_classes,
        activation="sigmoid" if binary else "softmax",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seeds()),
        name="probability",
    )(x)
    model = keras.Model(inputs, outputs, name="leukfeat_cnn")
    model.compile(
        optimizer=_optimizer(config),
        loss="binary_crossentropy" if binary else "sparse_categorical_crossentropy",
    )
    return model


def is_binary(config: CNNConfig, n_classes: int) -> bool:
    """Tell whether the network ends in one sigmoid unit.

    Parameters
    ----------
    config : CNNConfig
        The settings.
    n_classes : int
        Number of classes.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If there are fewer than two classes, or binary cross-entropy is asked for more than two.
    """
    if n_classes < 2:
        raise ValueError(f"A classifier needs two classes or more. Got {n_classes} instead.")
    if config.loss == "binary" and n_classes != 2:
        raise ValueError(
            f"loss='binary' is for two classes; there are {n_classes}. Give loss='categorical'."
        )
    return n_classes == 2 and config.loss != "categorical"


def _standardise(x: Any, config: CNNConfig, moments: tuple[NDArray, NDArray] | None) -> Any:
    import keras

    if config.standardise == "dataset":
        if moments is None:
            raise ValueError(
                "standardise='dataset' needs 'channel_moments', the mean and variance of the "
                "training images' channels."
            )
        mean, variance = moments
        return keras.layers.Normalization(mean=np.asarray(mean), variance=np.asarray(variance))(x)
    x = keras.layers.Rescaling(1 / 255)(x)
    if config.standardise == "image":
        # Without scale and centre, normalising all axes is the standardisation of one image.
        x = keras.layers.LayerNormalization(axis=[1, 2, 3], scale=False, center=False)(x)
    return x


def _block(x: Any, filters: int, kernel_size: int, config: CNNConfig, seeds: Seeds) -> Any:
    import keras

    def attend(x: Any) -> Any:
        for kind in config.attention:
            attention = channel_attention if kind == "channel" else spatial_attention
            x = attention(x, seeds=seeds)
        return x

    shared: dict[str, Any] = {
        "activation": config.activation,
        "batch_norm": config.batch_norm,
        "l2": config.l2,
    }
    if config.block == "dilated_residual":
        x = dilated_residual_block(
            x,
            filters,
            kernel_size,
            dilation_rates=config.dilation_rates,
            attention=attend,
            seeds=seeds,
            **shared,
        )
    else:
        for _ in range(config.convolutions):
            x = convolve(x, filters, kernel_size, padding=config.padding, seeds=seeds, **shared)
        x = attend(x)
    pooling = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
    return pooling[config.pooling](2)(x)


def _readout(x: Any, config: CNNConfig) -> Any:
    import keras

    readouts = {
        "flatten": keras.layers.Flatten,
        "average": keras.layers.GlobalAveragePooling2D,
        "max": keras.layers.GlobalMaxPooling2D,
    }
    return readouts[config.readout](name="features")(x)


def _optimizer(config: CNNConfig) -> Any:
    import keras

    if config.optimizer == "sgd":
        return keras.optimizers.SGD(config.learning_rate, momentum=0.9, nesterov=True)
    named = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    return named[config.optimizer](config.learning_rate)


def _seeds(random_state: int) -> Seeds:
    numbers = itertools.count()
    return lambda: int(np.random.SeedSequence([random_state, next(numbers)]).generate_state(1)[0])
