"""The blocks that networks are made of: convolution, attention, residual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = [
    "activate",
    "channel_attention",
    "convolve",
    "dilated_residual_block",
    "spatial_attention",
]

Seeds = Callable[[], int]
"""Gives another seed at every call, so that no two layers start alike."""


def convolve(
    x: Any,
    filters: int,
    kernel_size: int,
    *,
    seeds: Seeds,
    padding: str = "same",
    dilation: int = 1,
    activation: str | None = "relu",
    batch_norm: bool = True,
    l2: float = 0.0,
) -> Any:
    """Convolution, batch normalisation, activation.

    Parameters
    ----------
    x : keras tensor of shape (n, height, width, channels)
    filters, kernel_size, dilation : int
        Of the convolution.
    seeds : callable
        Gives the seed of the kernel's initial values.
    padding : {"same", "valid"}, default="same"
    activation : str or None
        One of `ACTIVATIONS`, or none.
    batch_norm : bool, default=True
    l2 : float, default=0.0
        Penalty on the kernel.

    Returns
    -------
    keras tensor
    """
    import keras

    x = keras.layers.Conv2D(
        filters,
        kernel_size,
        padding=padding,
        dilation_rate=dilation,
        use_bias=not batch_norm,
        kernel_initializer=keras.initializers.HeNormal(seed=seeds()),
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
    )(x)
    if batch_norm:
        # Keras's own 0.99 takes hundreds of steps to forget the start: with few cells the
        # validation loss of the first epochs would say nothing.
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
    return x if activation is None else activate(x, activation)


def activate(x: Any, activation: str) -> Any:
    """Apply an activation; PReLU learns one slope a channel.

    Parameters
    ----------
    x : keras tensor
        A map or a vector.
    activation : {"relu", "leaky_relu", "prelu", "sigmoid"}

    Returns
    -------
    keras tensor
    """
    import keras

    if activation == "prelu":
        return keras.layers.PReLU(shared_axes=[1, 2] if len(x.shape) == 4 else None)(x)
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.1)(x)
    return keras.layers.Activation(activation)(x)


def channel_attention(x: Any, *, seeds: Seeds, ratio: int = 8) -> Any:
    """Weigh the channels by what they say over the whole map (squeeze-and-excitation).

    Parameters
    ----------
    x : keras tensor of shape (n, height, width, channels)
    seeds : callable
        Gives the seeds of the initial values.
    ratio : int, default=8
        How much narrower the squeezed vector is.

    Returns
    -------
    keras tensor of the same shape

    References
    ----------
    Hu, Shen, Sun: Squeeze-and-Excitation Networks, CVPR 2018.
    """
    import keras

    channels = x.shape[-1]
    squeezed = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    for units, activation in ((max(channels // ratio, 4), "relu"), (channels, "sigmoid")):
        squeezed = keras.layers.Dense(
            units,
            activation=activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seeds()),
        )(squeezed)
    return keras.layers.Multiply()([x, squeezed])


def spatial_attention(x: Any, *, seeds: Seeds, kernel_size: int = 7) -> Any:
    """Weigh the places by a convolution over the mean and maximum of the channels.

    Parameters
    ----------
    x : keras tensor of shape (n, height, width, channels)
    seeds : callable
        Gives the seed of the initial values.
    kernel_size : int, default=7
        Side of the convolution.

    Returns
    -------
    keras tensor of the same shape

    References
    ----------
    Woo et al.: CBAM, Convolutional Block Attention Module, ECCV 2018.
    """
    import keras

    # Operations of Keras, not Lambda layers: the file then loads in safe mode.
    mean = keras.ops.mean(x, axis=-1, keepdims=True)
    largest = keras.ops.max(x, axis=-1, keepdims=True)
    weights = keras.layers.Conv2D(
        1,
        kernel_size,
        padding="same",
        activation="sigmoid",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seeds()),
    )(keras.layers.Concatenate()([mean, largest]))
    return keras.layers.Multiply()([x, weights])


def dilated_residual_block(
    x: Any,
    filters: int,
    kernel_size: int,
    *,
    dilation_rates: Sequence[int],
    attention: Callable[[Any], Any],
    seeds: Seeds,
    **convolution: Any,
) -> Any:
    """Add dilated convolutions, weighed by attention, to their input.

    Parameters
    ----------
    x : keras tensor of shape (n, height, width, channels)
    filters, kernel_size : int
        Of the convolutions.
    dilation_rates : sequence of int
        One convolution each.
    attention : callable
        Applied before the sum.
    seeds : callable
        Gives the seeds of the initial values.
    **convolution
        ``activation``, ``batch_norm`` and ``l2`` of :func:`convolve`.

    Returns
    -------
    keras tensor of shape (n, height, width, filters)
    """
    import keras

    activation = convolution.pop("activation")
    branch = x
    for i, dilation in enumerate(dilation_rates, start=1):
        branch = convolve(
            branch,
            filters,
            kernel_size,
            dilation=dilation,
            activation=activation if i < len(dilation_rates) else None,
            seeds=seeds,
            **convolution,
        )
    if x.shape[-1] != filters:
        x = convolve(x, filters, 1, activation=None, seeds=seeds, **convolution)
    return activate(keras.layers.Add()([x, attention(branch)]), activation)
