"""A network bound to its preprocessing, its stages and its stock weights."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["StockBackbone", "find_backbone"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StockBackbone:
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
        Our name of a stage, the Keras layer whose output map it is, and its channels. A ``+``
        before a layer means the sum that takes its output, which has no name of its own.
        ``"avg_pool"`` is the last one: pooled, it is what the network's own classifier sees.
    input_size : tuple of int
        Default height and width, in pixels.
    least_size : int
        Smallest side that the network takes, in pixels.
    gigaflops : float
        Multiplications and additions of one image at `input_size`, in 10^9 of each pair.
    imagenet_url : str
        Where Keras publishes its ImageNet weights.
    imagenet_digest : str
        Digest of that file in Keras's source, its function in front; empty if Keras gives none.
    imagenet_bytes : int
        Size of that file, about.
    norm_after_pooling : bool, default=False
        Whether the last layer is a normalisation that the classifier sees behind the pooling.
    imagenet_stem_scale : tuple of float, optional
        What Keras multiplies the normalised channels with, only where it loads its own
        ImageNet weights by name.
    """

    name: str
    constructor: str
    module: str
    stages: Mapping[str, tuple[str, int]]
    input_size: tuple[int, int] = (224, 224)
    least_size: int = 32
    gigaflops: float
    imagenet_url: str
    imagenet_digest: str
    imagenet_bytes: int
    norm_after_pooling: bool = False
    imagenet_stem_scale: tuple[float, float, float] | None = None

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

    def stage_map(self, network: Any, stage: str) -> Any:
        """Find the output of a stage.

        Parameters
        ----------
        network : keras.Model
            From :meth:`build`.
        stage : str
            One of `stages`.

        Returns
        -------
        KerasTensor of shape (None, rows, columns, channels)
        """
        name = self.stages[stage][0]
        output = network.get_layer(name.removeprefix("+")).output
        if not name.startswith("+"):
            return output
        return next(
            operation.output
            for operation in network.operations
            if isinstance(operation.input, (list, tuple))
            and any(taken is output for taken in operation.input)
        )

    def after_pooling(self, network: Any, stage: str) -> Callable[[Any], Any] | None:
        """Return what follows the pooling of a stage, if anything does."""
        return network.layers[-1] if self.norm_after_pooling and stage == "avg_pool" else None

    def preprocessing(self, imagenet: Any = None) -> Callable[[Any], Any]:
        """Return the function that the weights were trained behind.

        Parameters
        ----------
        imagenet : keras.Model, optional
            The network, if it holds Keras's ImageNet weights: given by path instead of by
            name, Keras leaves a factor out of EfficientNet's stem, which is put back here.

        Returns
        -------
        callable
            From float RGB pixels (0 to 255) of shape ``(n, height, width, 3)`` to the same
            shape.
        """
        module = importlib.import_module(f"keras.applications.{self.module}")
        if imagenet is None or self.imagenet_stem_scale is None:
            return module.preprocess_input
        normalization = next(layer for layer in imagenet.layers if hasattr(layer, "adapt"))
        scale = np.array(self.imagenet_stem_scale, np.float32)
        mean = 255 * np.asarray(normalization.mean, np.float32).reshape(3)

        def scaled(pixels: Any) -> Any:
            # The layer subtracts this mean again: what is left of it is multiplied.
            return (module.preprocess_input(pixels) - mean) * scale + mean

        return scaled


def find_backbone(name: str) -> StockBackbone:
    """Look a network up.

    Parameters
    ----------
    name : str
        Its name in the registry.

    Returns
    -------
    StockBackbone

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those that exist.

    Examples
    --------
    >>> find_backbone("resnet50").stages["conv4"]
    ('conv4_block6_out', 1024)
    """
    from leukfeat.features.stock_backbones import BACKBONES

    if name not in BACKBONES:
        raise ValueError(
            f"The 'backbone' parameter must be one of {[*BACKBONES]}. Got {name!r} instead."
        )
    return BACKBONES[name]
