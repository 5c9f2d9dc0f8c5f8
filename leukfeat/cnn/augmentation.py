"""Augmentation on the fly: other turns, sizes and stains of the training cells."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

__all__ = ["Augmentation", "augment_batch"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What may be done to a training image, each time anew.

    Background stays background: what is exactly black keeps to black under every change of
    colour, and what is turned or moved into view takes `fill`.

    Parameters
    ----------
    flip : bool, default=True
        Mirror left to right and top to bottom, each in half of the cases.
    rotation : float, default=180.0
        Largest turn, in degrees to either side. A cell has no upright.
    shift : float, default=0.05
        Largest move along each axis, as a fraction of the side.
    zoom : float, default=0.0
        Largest relative change of size. 0 by default: the size of a cell tells its class.
    brightness : float, default=0.1
        Largest relative change of all channels.
    colour : float, default=0.05
        Largest relative change of each channel on its own.
    contrast : float, default=0.1
        Largest relative change of the distance from the cell's mean.
    fill : {"auto", "black", "reflect"}, default="auto"
        What comes into view from beyond the edge: black, or the image mirrored. ``"auto"``
        takes black where the training images have black borders.

    Raises
    ------
    ValueError
        If a setting is outside its range.

    Examples
    --------
    >>> from leukfeat.cnn import Augmentation
    >>> Augmentation(zoom=0.1).zoom
    0.1
    """

    flip: bool = True
    rotation: float = 180.0
    shift: float = 0.05
    zoom: float = 0.0
    brightness: float = 0.1
    colour: float = 0.05
    contrast: float = 0.1
    fill: str = "auto"

    def __post_init__(self) -> None:
        limits = {"rotation": 180.0, "shift": 0.5, "zoom": 0.9}
        limits |= {"brightness": 0.9, "colour": 0.9, "contrast": 0.9}
        for name, limit in limits.items():
            if not 0 <= getattr(self, name) <= limit:
                raise ValueError(
                    f"The {name!r} setting of Augmentation must be between 0 and {limit:g}. "
                    f"Got {getattr(self, name)!r} instead."
                )
        if self.fill not in ("auto", "black", "reflect"):
            raise ValueError(
                "The 'fill' setting of Augmentation must be 'auto', 'black' or 'reflect'. "
                f"Got {self.fill!r} instead."
            )


def augment_batch(images: Any, seed: Any, augmentation: Augmentation, *, fill: str) -> Any:
    """Change every image of a batch, as the seed says.

    Parameters
    ----------
    images : tensor of shape (n, height, width, 3)
        RGB, 0 to 255, of any real type.
    seed : tensor of int of shape (2,)
        The same seed and images give the same result.
    augmentation : Augmentation
        What may be done.
    fill : {"black", "reflect"}
        What comes into view from beyond the edge.

    Returns
    -------
    tensor of float32 of shape (n, height, width, 3)
        Still 0 to 255.
    """
    import tensorflow as tf

    images = tf.cast(images, tf.float32)
    draws = tf.random.stateless_uniform([tf.shape(images)[0], 11], seed, -1.0, 1.0)
    if augmentation.flip or augmentation.rotation or augmentation.shift or augmentation.zoom:
        images = tf.raw_ops.ImageProjectiveTransformV3(
            images=images,
            transforms=_transforms(images, draws[:, :6], augmentation),
            output_shape=tf.shape(images)[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="CONSTANT" if fill == "black" else "REFLECT",
        )
    if augmentation.brightness or augmentation.colour or augmentation.contrast:
        images = _recolour(images, draws[:, 6:], augmentation)
    return images


def _transforms(images: Any, draws: Any, augmentation: Augmentation) -> Any:
    """Return the eight numbers a row with which TensorFlow maps output to input pixels."""
    import tensorflow as tf

    height, width = (tf.cast(side, tf.float32) for side in tf.unstack(tf.shape(images)[1:3]))
    angle = draws[:, 0] * (augmentation.rotation * math.pi / 180)
    scale = 1.0 / (1.0 + draws[:, 1] * augmentation.zoom)
    ones = tf.ones_like(angle)
    mirror_x = tf.where(draws[:, 4] < 0, -ones, ones) if augmentation.flip else ones
    mirror_y = tf.where(draws[:, 5] < 0, -ones, ones) if augmentation.flip else ones
    a = tf.cos(angle) * scale * mirror_x
    b = -tf.sin(angle) * scale * mirror_y
    c = tf.sin(angle) * scale * mirror_x
    d = tf.cos(angle) * scale * mirror_y
    x, y = (width - 1) / 2, (height - 1) / 2
    to_x = x - a * x - b * y + draws[:, 2] * augmentation.shift * width
    to_y = y - c * x - d * y + draws[:, 3] * augmentation.shift * height
    zeros = tf.zeros_like(angle)
    return tf.stack([a, b, to_x, c, d, to_y, zeros, zeros], axis=1)


def _recolour(images: Any, draws: Any, augmentation: Augmentation) -> Any:
    """Change brightness, colour and contrast of the foreground only."""
    import tensorflow as tf

    cell = tf.cast(tf.reduce_any(images > 0, axis=3, keepdims=True), tf.float32)
    area = tf.maximum(tf.reduce_sum(cell, axis=(1, 2), keepdims=True), 1.0)
    mean = tf.reduce_sum(images, axis=(1, 2), keepdims=True) / area
    draws = draws[:, None, None, :]
    gain = (1 + draws[..., :1] * augmentation.brightness) * (
        1 + draws[..., 1:4] * augmentation.colour
    )
    spread = 1 + draws[..., 4:5] * augmentation.contrast
    # A cell's darkest pixels must not become background: 1 is the least that a cell shows.
    changed = tf.clip_by_value((images - mean) * (spread * gain) + mean * gain, 0.0, 255.0)
    return tf.where(cell > 0, tf.maximum(changed, tf.minimum(images, 1.0)), 0.0)
