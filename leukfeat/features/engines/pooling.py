"""From a stage's map to a vector."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.spec import FeatureSpec

__all__ = ["GEM_FLOOR", "GEM_POWER", "cell_borders", "pool_map"]

GEM_POWER = 3.0
"""Exponent of generalised-mean pooling (Radenovic et al. 2019 start from 3)."""

GEM_FLOOR = 1e-6
"""Values are cut off below here, so that they have a cube root."""


def pool_map(values: Any, pixels: Any, spec: FeatureSpec) -> Any:
    """Pool a map over its positions.

    Parameters
    ----------
    values : tensor of float32 of shape (n, rows, columns, channels)
        The map.
    pixels : tensor of uint8 of shape (n, height, width, 3)
        What the network saw, for ``mask="background"``.
    spec : FeatureSpec
        Its ``pooling`` and ``mask`` count.

    Returns
    -------
    tensor of float32 of shape (n, channels)
        ``"avg"``: the mean. ``"gem"``: the mean of cubes, of its cube root; values are cut off
        below at 1e-6, as usual. With ``mask="background"`` only positions count whose cell of
        the image holds a pixel that is not exactly 0; all of them count in an image that is
        0 throughout.
    """
    import tensorflow as tf

    if spec.pooling == "gem":
        values = tf.pow(tf.maximum(values, GEM_FLOOR), GEM_POWER)
    if spec.mask is None:
        pooled = tf.reduce_mean(values, axis=(1, 2))
    else:
        weights = _foreground(pixels, values.shape[1], values.shape[2])
        pooled = (
            tf.reduce_sum(values * weights[..., tf.newaxis], axis=(1, 2))
            / tf.reduce_sum(weights, axis=(1, 2))[:, tf.newaxis]
        )
    return tf.pow(pooled, 1.0 / GEM_POWER) if spec.pooling == "gem" else pooled


def _foreground(pixels: Any, rows: int, columns: int) -> Any:
    import tensorflow as tf

    # Two products with 0/1 matrices count foreground pixels in each cell, at any ratio of sizes.
    lit = tf.cast(tf.reduce_max(tf.cast(pixels, tf.float32), axis=3) > 0, tf.float32)
    down = tf.constant(cell_borders(pixels.shape[1], rows))
    across = tf.constant(cell_borders(pixels.shape[2], columns).T)
    inside = tf.cast(tf.matmul(tf.matmul(down, lit), across) > 0, tf.float32)
    nothing = tf.cast(tf.reduce_sum(inside, axis=(1, 2), keepdims=True) == 0, tf.float32)
    return inside + nothing


def cell_borders(n_pixels: int, n_positions: int) -> NDArray[np.float32]:
    """Tell which pixels belong to which position of a map, along one side.

    Parameters
    ----------
    n_pixels : int
        Side of the image.
    n_positions : int
        Side of the map.

    Returns
    -------
    ndarray of float32 of shape (n_positions, n_pixels)
        1 where the pixel lies, wholly or in part, in the position's equal share of the side.

    Examples
    --------
    >>> cell_borders(5, 2)
    array([[1., 1., 1., 0., 0.],
           [0., 0., 1., 1., 1.]], dtype=float32)
    """
    places = np.arange(n_positions)[:, np.newaxis]
    pixel = np.arange(n_pixels)
    first = places * n_pixels // n_positions
    last = -(-(places + 1) * n_pixels // n_positions)
    return ((pixel >= first) & (pixel < last)).astype(np.float32)
