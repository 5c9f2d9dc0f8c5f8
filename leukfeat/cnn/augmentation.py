"""Augmentation on the fly: `CellAugmentation` for whole batches, in TensorFlow."""

from __future__ import annotations

import math
from typing import Any

from leukfeat.imaging.augmentation import CellAugmentation

__all__ = ["CHEAP_AUGMENTATION", "augment_batch"]

CHEAP_AUGMENTATION = CellAugmentation(scale=0.0, shear=0.0, noise=0.0, blur=0.0)
"""Turns, mirrors, moves and stains. Size is kept: it tells a cell's class."""


def augment_batch(images: Any, seed: Any, settings: CellAugmentation) -> Any:
    """Draw another view of every image of a batch.

    What is done, and how far, is as in :func:`leukfeat.imaging.augment_image`; the draws are
    TensorFlow's own. In an image with a background of exactly 0 the background moves with the
    cell and stays 0, and no pixel of the cell becomes 0; elsewhere what comes into view has the
    median colour of the image's frame.

    Parameters
    ----------
    images : tensor of shape (n, height, width, 3)
        RGB, 0 to 255, of any real type.
    seed : tensor of int of shape (2,)
        The same seed and images give the same views.
    settings : CellAugmentation
        What may be done.

    Returns
    -------
    tensor of float32 of shape (n, height, width, 3)
        0 to 255.
    """
    import tensorflow as tf

    images = tf.cast(images, tf.float32)
    inside = tf.cast(tf.reduce_any(images > 0, axis=3, keepdims=True), tf.float32)
    cut_out = tf.reduce_min(inside, axis=(1, 2, 3), keepdims=True) < 1
    draws = tf.random.stateless_uniform([tf.shape(images)[0], 17], seed, -1.0, 1.0)
    images, inside = _moved(images, inside, cut_out, draws, settings)
    images = _recoloured(images, inside, draws[:, 10:15], settings)
    if settings.blur:
        images = _blurred(images, inside, tf.abs(draws[:, 15]), settings.blur)
    if settings.noise:
        noise = tf.random.stateless_normal(tf.shape(images), seed + 1)
        images += noise * (settings.noise * tf.abs(draws[:, 16]))[:, None, None, None]
    images = tf.clip_by_value(images, 0.0, 255.0)
    # No pixel of a cell becomes 0, which would mean background.
    return tf.maximum(images, tf.where(cut_out, 1.0, 0.0)) * inside


def _moved(
    images: Any, inside: Any, cut_out: Any, draws: Any, settings: CellAugmentation
) -> tuple[Any, Any]:
    """Turn, mirror, stretch and move images and the masks of their cells."""
    import tensorflow as tf

    fill = tf.where(cut_out, 0.0, _frame_median(images))
    if any(
        (settings.flip, settings.rotation, settings.scale, settings.translation, settings.shear)
    ):
        transforms = _to_inputs(images, draws, settings)

        def move(x: Any, interpolation: str) -> Any:
            return tf.raw_ops.ImageProjectiveTransformV3(
                images=x,
                transforms=transforms,
                output_shape=tf.shape(images)[1:3],
                fill_value=0.0,
                interpolation=interpolation,
                fill_mode="CONSTANT",
            )

        images = move(images - fill, "BILINEAR") + fill
        # The black of the background is taken out of the rim, where pixels were interpolated.
        images /= tf.where(cut_out, tf.maximum(move(inside, "BILINEAR"), 0.1), 1.0)
        inside = move(inside, "NEAREST")
    if settings.crop:
        window = _window(images, draws[:, 7:10], settings.crop)
        images, inside = tf.where(window > 0, images, fill), inside * window
    return images, tf.where(cut_out, inside, tf.ones_like(inside))


def _to_inputs(images: Any, draws: Any, settings: CellAugmentation) -> Any:
    """Return the eight numbers a row with which TensorFlow maps output to input places."""
    import tensorflow as tf

    angle = draws[:, 0] * math.radians(settings.rotation)
    zoom = (1 + settings.scale) ** draws[:, 1]
    shear = tf.tan(draws[:, 2] * math.radians(settings.shear))
    mirror_x, mirror_y = (
        tf.where(draws[:, k] < 0, -1.0, 1.0) if settings.flip else tf.ones_like(angle)
        for k in (3, 4)
    )
    cos, sin = tf.cos(angle) * zoom, tf.sin(angle) * zoom
    # Forward: turn times shear times mirror, about the middle. TensorFlow wants the inverse.
    a, b = cos * mirror_x, (cos * shear - sin) * mirror_y
    c, d = sin * mirror_x, (sin * shear + cos) * mirror_y
    determinant = a * d - b * c
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    height, width = (tf.cast(side, tf.float32) for side in tf.unstack(tf.shape(images)[1:3]))
    x, y = (width - 1) / 2, (height - 1) / 2
    from_x = x + settings.translation * draws[:, 5] * width
    from_y = y + settings.translation * draws[:, 6] * height
    zeros = tf.zeros_like(angle)
    to_x, to_y = x - a * from_x - b * from_y, y - c * from_x - d * from_y
    return tf.stack([a, b, to_x, c, d, to_y, zeros, zeros], axis=1)


def _frame_median(images: Any) -> Any:
    import tensorflow as tf

    frame = tf.concat([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    ordered = tf.sort(frame, axis=1)
    n = tf.shape(frame)[1]
    return ((ordered[:, (n - 1) // 2] + ordered[:, n // 2]) / 2)[:, None, None, :]


def _window(images: Any, draws: Any, crop: float) -> Any:
    """Return 1 inside a window at a random place, 0 outside, of shape (n, height, width, 1)."""
    import tensorflow as tf

    share = 1 - crop * tf.abs(draws[:, 0])
    parts = []
    for axis in (1, 2):
        side = tf.cast(tf.shape(images)[axis], tf.float32)
        long = tf.maximum(tf.round(side * share), 1.0)
        start = tf.round((side - long) * (draws[:, axis] + 1) / 2)
        place = tf.range(side)[None, :]
        within = (place >= start[:, None]) & (place < (start + long)[:, None])
        parts.append(tf.cast(within, tf.float32))
    return (parts[0][:, :, None] * parts[1][:, None, :])[..., None]


def _recoloured(images: Any, inside: Any, draws: Any, settings: CellAugmentation) -> Any:
    import tensorflow as tf

    draws = draws[:, None, None, :]
    if settings.stain:
        strength = 1 + settings.stain * draws[..., :3]
        # Optical density times its strength; as logarithm and exponential, which are vectorised
        # where a power is not.
        density = tf.math.log(tf.maximum(images, 0.0) * (1 / 256) + 1 / 256)
        images = 256 * tf.exp(strength * density) - 1
    if settings.contrast:
        area = tf.maximum(tf.reduce_sum(inside, axis=(1, 2), keepdims=True), 1.0)
        mean = tf.reduce_sum(images * inside, axis=(1, 2), keepdims=True) / area
        images = mean + (images - mean) * (1 + settings.contrast * draws[..., 3:4])
    if settings.brightness:
        images *= 1 + settings.brightness * draws[..., 4:5]
    return images


def _blurred(images: Any, inside: Any, draws: Any, largest: float) -> Any:
    """Blur each image by a width of its own, averaging over the cell only."""
    import tensorflow as tf

    reach = max(1, math.ceil(3 * largest))
    places = tf.range(-reach, reach + 1, dtype=tf.float32)
    sigma = tf.maximum(draws * largest, 0.05)
    lines = tf.exp(-tf.square(places[:, None] / sigma[None, :]) / 2)
    lines /= tf.reduce_sum(lines, axis=0)

    def spread(x: Any) -> Any:
        # Images side by side as channels: then each channel has a kernel of its own.
        n, height, width, channels = tf.unstack(tf.shape(x))
        kernel = tf.repeat(lines, channels, axis=1)
        x = tf.reshape(tf.transpose(x, (1, 2, 0, 3)), (1, height, width, n * channels))
        x = tf.nn.depthwise_conv2d(x, kernel[:, None, :, None], [1, 1, 1, 1], "SAME")
        x = tf.nn.depthwise_conv2d(x, kernel[None, :, :, None], [1, 1, 1, 1], "SAME")
        return tf.transpose(tf.reshape(x, (height, width, n, channels)), (2, 0, 1, 3))

    # Averaged over the cell only: black would otherwise creep in from the background.
    return spread(images * inside) / tf.maximum(spread(inside), 1e-3)
