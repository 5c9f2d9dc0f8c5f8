"""Settings of the convolutional network and of its training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from leukfeat.cnn.augmentation import Augmentation

__all__ = ["ACTIVATIONS", "CONFIG_VERSION", "CNNConfig"]

CONFIG_VERSION = 1
"""Raised when the same settings would build or train another network than before."""

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
    "class_weight": (None, "balanced"),
}
_ATTENTION = ("channel", "spatial")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CNNConfig:
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
    learning_rate : float, default=1e-3
        Halved whenever the validation loss has not fallen for half of `patience` epochs.
    batch_size : int, default=32
        Cells a step.
    epochs : int, default=50
        At most so many passes.
    patience : int or None, default=8
        Epochs without a lower validation loss after which training stops; ``None`` never stops
        early. The weights of the best epoch are kept either way.
    validation_fraction : float, default=0.2
        Part of the subjects set aside for early stopping; 0 trains on all cells.
    class_weight : {None, "balanced"}, default="balanced"
        Weigh a cell by the inverse frequency of its class.
    augmentation : Augmentation or None
        What is done to training images, each time anew.

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

    input_size: tuple[int, int] = (200, 200)
    crop: int | None = None
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
    dropout: float = 0.5
    l2: float = 1e-4
    loss: str = "auto"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 50
    patience: int | None = 8
    validation_fraction: float = 0.2
    class_weight: str | None = "balanced"
    augmentation: Augmentation | None = dataclasses.field(default_factory=Augmentation)
    version: int = CONFIG_VERSION

    def __post_init__(self) -> None:
        for name in ("input_size", "filters", "dilation_rates", "attention", "dense"):
            object.__setattr__(self, name, _as_tuple(name, getattr(self, name)))
        if isinstance(self.kernel_size, Sequence):
            object.__setattr__(self, "kernel_size", tuple(self.kernel_size))
        if isinstance(self.augmentation, dict):
            object.__setattr__(self, "augmentation", Augmentation(**self.augmentation))
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise _wrong(name, getattr(self, name), f"one of {allowed}")
        self._check_numbers()
        self._check_shapes()

    def _check_numbers(self) -> None:
        for name in ("batch_size", "epochs", "convolutions"):
            if not _is_count(getattr(self, name)):
                raise _wrong(name, getattr(self, name), "an integer of at least 1")
        for name in ("crop", "patience"):
            if getattr(self, name) is not None and not _is_count(getattr(self, name)):
                raise _wrong(name, getattr(self, name), "None or an integer of at least 1")
        for name in ("dropout", "validation_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise _wrong(name, getattr(self, name), "at least 0 and less than 1")
        if not self.l2 >= 0:
            raise _wrong("l2", self.l2, "at least 0")
        if not self.learning_rate > 0:
            raise _wrong("learning_rate", self.learning_rate, "greater than 0")

    def _check_shapes(self) -> None:
        if len(self.input_size) != 2 or not all(_is_count(side) for side in self.input_size):
            raise _wrong("input_size", self.input_size, "(height, width) in pixels")
        for name in ("filters", "dilation_rates", "dense"):
            values = getattr(self, name)
            if not all(_is_count(v) for v in values) or (name != "dense" and not values):
                raise _wrong(name, values, "a tuple of integers of at least 1")
        if set(self.attention) - set(_ATTENTION) or len(set(self.attention)) < len(self.attention):
            raise _wrong("attention", self.attention, f"a tuple from {_ATTENTION}")
        if len(self.kernel_sizes) != len(self.filters) or not all(
            map(_is_count, self.kernel_sizes)
        ):
            raise _wrong(
                "kernel_size", self.kernel_size, f"one integer, or {len(self.filters)} of them"
            )
        if self.block == "dilated_residual" and self.padding != "same":
            raise _wrong("padding", self.padding, "'same' in residual blocks, whose ends are added")
        self._check_room()

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

    def replace(self, **settings: Any) -> CNNConfig:
        """Return a copy with other settings.

        Parameters
        ----------
        **settings
            Names and values of the settings to change.

        Raises
        ------
        ValueError
            If there is no such setting, or its value is not allowed.
        """
        known = [field.name for field in dataclasses.fields(self)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(f"CNNConfig has no setting {unknown}; it has {known}.")
        return dataclasses.replace(self, **settings)

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no white space."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> CNNConfig:
        """Read settings back.

        Parameters
        ----------
        text : str
            As :meth:`to_json` wrote it.

        Raises
        ------
        ValueError
            If the settings were written by a newer leukfeat, or a value is not allowed.
        """
        settings = json.loads(text)
        if settings.get("version", 0) > CONFIG_VERSION:
            raise ValueError(
                f"These CNN settings (version {settings['version']}) were written by a newer "
                f"leukfeat; this one reads up to version {CONFIG_VERSION}. Install that version."
            )
        return cls().replace(**settings)

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


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _as_tuple(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _wrong(name, value, "a tuple")
    return tuple(value)


def _wrong(name: str, value: Any, allowed: str) -> ValueError:
    return ValueError(
        f"The {name!r} setting of CNNConfig must be {allowed}. Got {value!r} instead."
    )
