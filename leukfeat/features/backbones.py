"""The networks: each bound to its preprocessing, its stages and its stock weights."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["BACKBONES", "Backbone", "find_backbone"]

_RESNET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backbone:
    """A Keras network without its classifier, and all that belongs to it.

    Parameters
    ----------
    name : str
        Name in the registry.
    constructor : str
        Name of the function in :mod:`keras.applications`.
    module : str
        Module of :mod:`keras.applications` whose ``preprocess_input`` these weights were
        trained with.
    stages : mapping of str to (str, int)
        Our name of a stage, the Keras layer whose output map it is, and its channels.
        ``"avg_pool"`` is the last one: pooled, it is what the network's own classifier sees.
    input_size : tuple of int
        Default height and width, in pixels.
    least_size : int
        Smallest side that the network takes, in pixels.
    gigaflops : float
        Multiplications and additions of one image at `input_size`, in 10^9 of each pair.
    imagenet_url : str
        Where Keras publishes its ImageNet weights.
    imagenet_md5 : str
        Digest of that file, from Keras's source.
    imagenet_bytes : int
        Size of that file, about.
    """

    name: str
    constructor: str
    module: str
    stages: Mapping[str, tuple[str, int]]
    input_size: tuple[int, int] = (224, 224)
    least_size: int = 32
    gigaflops: float
    imagenet_url: str
    imagenet_md5: str
    imagenet_bytes: int

    @property
    def imagenet_file(self) -> str:
        """Name of Keras's weights file."""
        return self.imagenet_url.rsplit("/", 1)[1]

    def check_layers(self, layers: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
        """Return stages asked for as a tuple.

        Parameters
        ----------
        layers : str or sequence of str
            One stage or several.

        Returns
        -------
        tuple of str

        Raises
        ------
        ValueError
            If a name is not one of this network's stages.
        """
        names = (layers,) if isinstance(layers, str) else tuple(layers)
        unknown = [name for name in names if name not in self.stages]
        if unknown or not names or len(set(names)) != len(names):
            raise ValueError(
                f"'layers' must be one or several of {[*self.stages]} for {self.name!r}, each "
                f"once. Got {layers!r} instead."
            )
        return names

    def count_features(self, layers: tuple[str, ...]) -> int:
        """Return the length of a row made of these stages."""
        return sum(self.stages[name][1] for name in layers)

    def build(self, input_size: tuple[int, int], weights: str | None) -> Any:
        """Build the Keras model without top.

        Parameters
        ----------
        input_size : tuple of int
            Height and width, in pixels.
        weights : str or None
            Path of a weights file, or ``None`` for Keras's own initialisation.

        Returns
        -------
        keras.Model
        """
        import keras

        constructor = getattr(keras.applications, self.constructor)
        return constructor(include_top=False, weights=weights, input_shape=(*input_size, 3))

    def preprocessing(self) -> Callable[[Any], Any]:
        """Return the function that the weights were trained behind.

        Returns
        -------
        callable
            From float RGB pixels (0 to 255) of shape ``(n, height, width, 3)`` to the same
            shape.
        """
        module = importlib.import_module(f"keras.applications.{self.module}")
        return module.preprocess_input


def _resnet(depth: int, blocks: tuple[int, int, int, int], **facts: Any) -> Backbone:
    stages = {
        f"conv{k}": (f"conv{k}_block{n}_out", 64 * 2**k) for k, n in enumerate(blocks, start=2)
    }
    name = f"resnet{depth}"
    return Backbone(
        name=name,
        constructor=f"ResNet{depth}",
        module="resnet50" if depth == 50 else "resnet",
        stages={**stages, "avg_pool": stages["conv5"]},
        imagenet_url=f"{_RESNET_URL}{name}_weights_tf_dim_ordering_tf_kernels_notop.h5",
        **facts,
    )


BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        _resnet(
            50,
            (3, 4, 6, 3),
            gigaflops=3.9,
            imagenet_md5="4d473c1dd8becc155b73f8504c6f6626",
            imagenet_bytes=94_765_736,
        ),
    )
}
"""The registry: name to `Backbone`."""


def find_backbone(name: str) -> Backbone:
    """Look a network up.

    Parameters
    ----------
    name : str
        Its name in the registry.

    Returns
    -------
    Backbone

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those that exist.

    Examples
    --------
    >>> find_backbone("resnet50").stages["conv4"]
    ('conv4_block6_out', 1024)
    """
    if name not in BACKBONES:
        raise ValueError(
            f"The 'backbone' parameter must be one of {[*BACKBONES]}. Got {name!r} instead."
        )
    return BACKBONES[name]
