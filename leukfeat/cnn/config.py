"""Settings of the convolutional network and of its training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from leukfeat.cnn.settings import TrainingSettings, as_tuple, is_count, is_number, wrong_setting

__all__ = ["ACTIVATIONS", "CNNConfig"]

ACTIVATIONS = ("relu", "leaky_relu", "prelu", "sigmoid")
"""Activations between the layers."""

_CHOICES: dict[str, tuple[Any, ...]] = {
    "standardise": (None, "image", "dataset"),
    "block": ("plain", "dilated_residual"),
    "padding": ("same", "valid"),
    "activation": ACTIVATIONS,
    "pooling": ("max", "average"),
    "readout": ("flatten", "average", "max"),
    "loss": ("auto", "binary", "categorical"),
    "optimizer": ("adam", "sgd", "rmsprop"),
}
_ATTENTION = ("channel", "spatial")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CNNConfig(TrainingSettings):
    """The network and its training, checked once, when made.

    Parameters
    ----------
    input_size : tuple of int, default=(200, 200)
        Height and width given to the network, in pixels.
    crop : int or None, default=None
        Side of the fixed central window, in pixels of the image, taken before resizing. With
        ``None`` the whole image is stretched to `input_size`, and a cell's size is lost where
        images differ in size.
    standardise : {None, "image", "dataset"}, default=None
        Beyond division by 255: zero mean and unit variance of every image, or of each channel
        over the training images.
    block : {"plain", "dilated_residual"}, default="plain"
        Convolution blocks in a row, or residual blocks of dilated convolutions.
    filters : tuple of int, default=(32, 64, 64, 128, 128)
        Filters of each block; as many blocks as entries. A block ends in pooling by 2.
    kernel_size : int or tuple of int, default=3
        Side of the kernels, one for all blocks or one a block.
    convolutions : int, default=1
        Convolutions in a plain block.
    dilation_rates : tuple of int, default=(1, 2)
        Dilations of the convolutions in a residual block.
    padding : {"same", "valid"}, default="same"
        ``"valid"`` shrinks the map at every convolution; plain blocks only.
    activation : {"relu", "leaky_relu", "prelu", "sigmoid"}, default="relu"
        Activation of every hidden layer.
    pooling : {"max", "average"}, default="max"
        Pooling at the end of a block.
    batch_norm : bool, default=True
        Batch normalisation after every convolution.
    attention : tuple of {"channel", "spatial"}, default=()
        Attention at the end of every block, in this order: squeeze-and-excitation over the
        channels, and a 7x7 convolution over the mean and maximum of the channels.
    readout : {"flatten", "average", "max"}, default="flatten"
        How the last map becomes a vector.
    dense : tuple of int, default=(128,)
        Units of the dense layers.
    dropout : float, default=0.5
        Dropout after every dense layer, in [0, 1); 0.2 to 0.5 is usual.
    l2 : float, default=1e-4
        L2 penalty on the kernels.
    loss : {"auto", "binary", "categorical"}, default="auto"
        Cross-entropy: ``"auto"`` takes binary for two classes.
    optimizer : {"adam", "sgd", "rmsprop"}, default="adam"
        ``"sgd"`` has Nesterov momentum 0.9.
    learning_rate, batch_size, epochs, patience, validation_fraction, class_weight
        See :class:`TrainingSettings`.
    augmentation : CellAugmentation or None
        What is done to training images, each time anew.
    version : int, default=1
        Raised when the same settings would train another network than before.
    preparation : Preparation or path-like, optional
        What is done to every whole image first; see :class:`TrainingSettings`.

    Raises
    ------
    ValueError
        If a setting is outside its range; the message says which and what it may be.

    Examples
    --------
    >>> from leukfeat.cnn import CNNConfig
    >>> config = CNNConfig(crop=300, activation="leaky_relu")
    >>> CNNConfig.from_json(config.to_json()) == config
    True
    """

    standardise: str | None = None
    block: str = "plain"
    filters: tuple[int, ...] = (32, 64, 64, 128, 128)
    kernel_size: int | tuple[int, ...] = 3
    convolutions: int = 1
    dilation_rates: tuple[int, ...] = (1, 2)
    padding: str = "same"
    activation: str = "relu"
    pooling: str = "max"
    batch_norm: bool = True
    attention: tuple[str, ...] = ()
    readout: str = "flatten"
    dense: tuple[int, ...] = (128,)
    l2: float = 1e-4
    loss: str = "auto"
    optimizer: str = "adam"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("filters", "dilation_rates", "attention", "dense"):
            object.__setattr__(self, name, as_tuple(self, name))
        if isinstance(self.kernel_size, Sequence):
            object.__setattr__(self, "kernel_size", tuple(self.kernel_size))
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise wrong_setting(self, name, f"one of {allowed}")
        if not is_count(self.convolutions):
            raise wrong_setting(self, "convolutions", "an integer of at least 1")
        if not is_number(self.l2) or self.l2 < 0:
            raise wrong_setting(self, "l2", "at least 0")
        if not isinstance(self.batch_norm, bool):
            raise wrong_setting(self, "batch_norm", "True or False")
        self._check_layers()
        self._check_room()

    def _check_layers(self) -> None:
        for name in ("filters", "dilation_rates", "dense"):
            values = getattr(self, name)
            if not all(is_count(v) for v in values) or (name != "dense" and not values):
                raise wrong_setting(self, name, "a tuple of integers of at least 1")
        if set(self.attention) - set(_ATTENTION) or len(set(self.attention)) < len(self.attention):
            raise wrong_setting(self, "attention", f"a tuple from {_ATTENTION}")
        kernels = self.kernel_sizes
        if len(kernels) != len(self.filters) or not all(is_count(k) for k in kernels):
            allowed = f"one integer, or {len(self.filters)} of them"
            raise wrong_setting(self, "kernel_size", allowed)
        if self.block == "dilated_residual" and self.padding != "same":
            raise wrong_setting(self, "padding", "'same' in residual blocks, whose ends are added")

    def _check_room(self) -> None:
        sides = list(self.input_size)
        for i, kernel in enumerate(self.kernel_sizes):
            if self.padding == "valid":
                sides = [side - self.convolutions * (kernel - 1) for side in sides]
            sides = [side // 2 for side in sides]
            if min(sides) < 1:
                raise ValueError(
                    f"Block {i + 1} of {len(self.filters)} leaves nothing of an image of "
                    f"{self.input_size} pixels: every block halves it and 'valid' convolutions "
                    "shrink it. Take fewer 'filters', a larger 'input_size', or padding='same'."
                )

    @property
    def kernel_sizes(self) -> tuple[int, ...]:
        """Side of the kernels, one a block."""
        if isinstance(self.kernel_size, tuple):
            return self.kernel_size
        return (self.kernel_size,) * len(self.filters)

    @classmethod
    def with_attention(cls, **settings: Any) -> CNNConfig:
        """Return dilated residual blocks with channel and spatial attention.

        After Jawahar et al., Scientific Reports 14, 17447 (2024): 224 x 224 pixels. The blocks
        are of that kind; the published weights and the exact widths are not.

        Parameters
        ----------
        **settings
            Settings to change.

        Examples
        --------
        >>> from leukfeat.cnn import CNNConfig
        >>> CNNConfig.with_attention(filters=(16, 32)).attention
        ('channel', 'spatial')
        """
        attention = cls(
            input_size=(224, 224),
            block="dilated_residual",
            filters=(32, 64, 128, 128),
            dilation_rates=(1, 2, 4),
            attention=_ATTENTION,
            readout="average",
        )
        return attention.replace(**settings)
