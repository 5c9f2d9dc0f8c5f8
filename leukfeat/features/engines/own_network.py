"""A user's own Keras network, read without running anything of its author's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from leukfeat.exceptions import WeightsError
from leukfeat.features.engines.interface import Engine
from leukfeat.features.engines.pooling import pool_map
from leukfeat.features.network_file import load_network
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.spec import FeatureSpec

__all__ = ["check_input", "check_output", "check_rows", "own_keras_function"]


def own_keras_function(own: Backbone, spec: FeatureSpec) -> Callable[[Any], Any]:
    """Build declared preprocessing, network and pooling as one function of pixels.

    Parameters
    ----------
    own : Backbone
        Of kind ``"keras"``.
    spec : FeatureSpec
        The feature space.

    Returns
    -------
    callable
        From RGB ``uint8`` of shape ``(n, height, width, 3)`` to float32 ``(n, n_features)``.

    Raises
    ------
    WeightsError
        If the file cannot be read safely, or its network does not fit the declaration.
    """
    import keras
    import tensorflow as tf

    model = _read(own)
    if len(model.inputs) != 1:
        raise WeightsError(f"{_of(own)} takes {len(model.inputs)} inputs; expected one image.")
    check_input(own, model.inputs[0].shape)
    output = _find_output(own, model)
    check_output(own, output.shape)
    network = keras.Model(model.inputs[0], output)
    last_first = own.layout == "NCHW"
    scale = tf.constant(own.scale, tf.float32)
    mean, std = tf.constant(own.mean, tf.float32), tf.constant(own.std, tf.float32)

    def compute(pixels: Any) -> Any:
        x = tf.cast(pixels, tf.float32)
        if own.channel_order == "BGR":
            x = x[..., ::-1]
        x = (x * scale - mean) / std
        if last_first:
            x = tf.transpose(x, (0, 3, 1, 2))
        values = tf.cast(network(x, training=False), tf.float32)
        if len(values.shape) == 4:
            values = tf.transpose(values, (0, 2, 3, 1)) if last_first else values
            return pool_map(values, pixels, spec)
        return values

    return compute


def check_input(own: Backbone, shape: Sequence[int | None]) -> None:
    """Compare what a network takes with what is declared.

    Parameters
    ----------
    own : Backbone
    shape : sequence of (int or None)
        Of the network's input, ``None`` where any length will do.

    Raises
    ------
    WeightsError
        If rank, channels, layout or size are others.
    """
    height, width = own.input_size
    wanted = (None, height, width, 3) if own.layout == "NHWC" else (None, 3, height, width)
    if len(shape) != 4 or any(
        found not in (None, expected)
        for found, expected in zip(tuple(shape)[1:], wanted[1:], strict=True)
    ):
        raise WeightsError(
            f"{_of(own)} takes an input of shape {_text(shape)}, but layout={own.layout!r} and "
            f"input_size={own.input_size} declare {_text(wanted)}. Declare what it was trained with."
        )


def check_output(own: Backbone, shape: Sequence[int | None]) -> None:
    """Refuse an output that is neither a vector nor a map.

    Parameters
    ----------
    own : Backbone
    shape : sequence of (int or None)
        Of the output.

    Raises
    ------
    WeightsError
        If the rank is neither 2 nor 4, or the number of channels is open.
    """
    channels = 3 if len(shape) == 4 and own.layout == "NHWC" else 1
    if len(shape) not in (2, 4) or shape[channels] is None:
        raise WeightsError(
            f"The output {own.output or 'of the network'!r} of {_of(own)} has shape "
            f"{_text(shape)}; expected (n, channels), or a map of rank 4. Name another with "
            "'output', or save the network up to such a layer (of a transformer: its class token)."
        )


def check_rows(engine: Engine, own: Backbone) -> None:
    """See that a loaded network gives numbers, on noise.

    Parameters
    ----------
    engine : Engine
        The network, loaded.
    own : Backbone
        What was declared of it.

    Raises
    ------
    WeightsError
        If a value is NaN or infinite.
    """
    noise = np.random.default_rng(0).integers(0, 256, (*own.input_size, 3), dtype=np.uint8)
    row = next(iter([*engine.stream([noise], 1)]))
    if not np.isfinite(row).all():
        n = int((~np.isfinite(row)).sum())
        raise WeightsError(
            f"{_of(own)} gives NaN or infinite values ({n} of {len(row)}) for random pixels: its "
            "weights or its declared preprocessing are wrong."
        )


def _read(own: Backbone) -> Any:
    own.check_file()
    try:
        model = load_network(own.file, compile=False)
    except ValueError as error:
        raise WeightsError(f"{_of(own)} {error}") from error
    try:
        model.inputs  # noqa: B018  # a Sequential that was never built has none
    except Exception as error:
        raise WeightsError(f"{_of(own)} cannot be used: {error}") from error
    # Rows would not tell: OpenVINO's relu turns NaN into 0.
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise WeightsError(f"{_of(own)} holds NaN or infinite values among its weights.")
    return model


def _find_output(own: Backbone, model: Any) -> Any:
    if own.output is not None:
        names = [layer.name for layer in model.layers]
        if own.output not in names:
            raise WeightsError(
                f"{_of(own)} has no layer {own.output!r}. Its last ones are {names[-8:]}."
            )
        output = model.get_layer(own.output).output
        if isinstance(output, (list, tuple, dict)):
            raise WeightsError(f"The layer {own.output!r} of {_of(own)} has several outputs.")
        return output
    if len(model.outputs) != 1:
        raise WeightsError(
            f"{_of(own)} has {len(model.outputs)} outputs: name a layer with 'output'."
        )
    return model.outputs[0]


def _of(own: Backbone) -> str:
    return f"the backbone {own.name!r} ({own.file})"


def _text(shape: Sequence[int | None]) -> str:
    sides = ["any" if side is None else str(side) for side in shape]
    return f"({', '.join(['n', *sides[1:]])})"
