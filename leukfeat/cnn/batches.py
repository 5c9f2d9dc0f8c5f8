"""Batches for training: shuffled and augmented anew in every epoch, the same for the same seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from leukfeat.cnn.augmentation import augment_batch
from leukfeat.imaging.augmentation import CellAugmentation

__all__ = ["PixelSource", "n_steps", "training_batches"]


class PixelSource(Protocol):
    """What gives rows of images: `CellImages`, or the maps of a frozen trunk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, height, width, channels)``."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        ...

    def pixels(self, rows: Any) -> NDArray:
        """Return some rows."""
        ...

    def __len__(self) -> int: ...


def n_steps(n_cells: int, batch_size: int) -> int:
    """Return the number of batches in an epoch.

    Parameters
    ----------
    n_cells, batch_size : int
        The last batch may be smaller.

    Examples
    --------
    >>> n_steps(65, 32)
    3
    """
    return -(-n_cells // batch_size)


def training_batches(
    images: PixelSource,
    labels: NDArray[np.int64],
    weights: NDArray[np.float32],
    *,
    batch_size: int,
    augmentation: CellAugmentation | None,
    random_state: int = 0,
    first_epoch: int = 0,
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield batches without end, :func:`n_steps` an epoch.

    Epoch ``k`` depends on the seed and on ``k`` alone: a run that was stopped and goes on from
    ``first_epoch=k`` sees what it would have seen. Images are augmented by TensorFlow's threads
    while the network computes.

    Parameters
    ----------
    images : PixelSource
        Decoded cells, or maps that a frozen trunk made of them.
    labels : ndarray of int64 of shape (n,)
    weights : ndarray of float32 of shape (n,)
        Weight of each cell in the loss.
    batch_size : int
    augmentation : CellAugmentation or None
    random_state : int, default=0
    first_epoch : int, default=0

    Yields
    ------
    pixels : tensor of float32 of shape (batch, height, width, 3)
        0 to 255.
    labels, weights : tensor of shape (batch,)
    """
    import tensorflow as tf

    n = len(images)

    def rows() -> Iterator[tuple[Any, ...]]:
        count = itertools.count(first_epoch * n_steps(n, batch_size))
        for epoch in itertools.count(first_epoch):
            order = np.random.default_rng([random_state, epoch]).permutation(n)
            for start in range(0, n, batch_size):
                chosen = order[start : start + batch_size]
                seed = np.array([random_state, next(count)], np.int64)
                yield images.pixels(chosen), labels[chosen], weights[chosen], seed

    def augmented(pixels: Any, labels: Any, weights: Any, seed: Any) -> tuple[Any, Any, Any]:
        if augmentation is None:
            return tf.cast(pixels, tf.float32), labels, weights
        return augment_batch(pixels, seed, augmentation), labels, weights

    signature = (
        tf.TensorSpec((None, *images.shape[1:]), images.dtype),
        tf.TensorSpec((None,), tf.int64),
        tf.TensorSpec((None,), tf.float32),
        tf.TensorSpec((2,), tf.int64),
    )
    stream = tf.data.Dataset.from_generator(rows, output_signature=signature)
    # Two batches at once keep two cores busy while the network waits; order is kept.
    yield from stream.map(augmented, num_parallel_calls=2, deterministic=True).prefetch(2)
