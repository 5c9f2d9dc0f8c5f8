"""The frozen part of a backbone, run once over all cells."""

from __future__ import annotations

import os
import tempfile
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.cnn.images import CellImages
from leukfeat.features.backbones import StockBackbone

__all__ = ["TrunkMaps", "run_trunk"]


class TrunkMaps:
    """Maps that the frozen part of a network made of images, in a temporary file.

    Parameters
    ----------
    maps : ndarray of float16 of shape (n, height, width, channels)
        Half precision: what is learnt from them carries far more noise.
    """

    def __init__(self, maps: NDArray[np.float16]) -> None:
        self._maps = maps
        self.dtype = maps.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """``(n, height, width, channels)``."""
        return self._maps.shape

    def pixels(self, rows: Any) -> NDArray[np.float16]:
        """Return the maps of some rows."""
        return self._maps[rows]

    def __len__(self) -> int:
        return len(self._maps)


def run_trunk(
    trunk: Any,
    images: CellImages,
    backbone: StockBackbone,
    *,
    folder: str | os.PathLike[str] | None = None,
    batch_size: int = 32,
    progress: bool = False,
) -> TrunkMaps:
    """Compute the maps of all images.

    Parameters
    ----------
    trunk : keras.Model
        From preprocessed pixels to a map.
    images : CellImages
        What to run it on.
    backbone : StockBackbone
        Whose preprocessing it takes.
    folder : path-like, optional
        Where the temporary file goes; the system's folder for such by default.
    batch_size : int, default=32
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    TrunkMaps
    """
    import tensorflow as tf
    from tqdm.auto import tqdm

    signature = tf.TensorSpec((None, *images.shape[1:]), tf.uint8)
    preprocess = backbone.preprocessing()

    @tf.function(input_signature=[signature], autograph=False)
    def compute(pixels: Any) -> Any:
        maps = trunk(preprocess(tf.cast(pixels, tf.float32)), training=False)
        # Half precision ends at 65,504; no stage of a sane network comes near.
        return tf.cast(tf.clip_by_value(maps, -65504.0, 65504.0), tf.float16)

    # The one graph itself: TensorFlow would count the folds' tracings together, and warn.
    graph = compute.get_concrete_function()
    temporary = tempfile.TemporaryDirectory(prefix="leukfeat-maps-", dir=folder)
    maps = np.lib.format.open_memmap(
        Path(temporary.name, "maps.npy"),
        mode="w+",
        dtype=np.float16,
        shape=(len(images), *trunk.output_shape[1:]),
    )
    weakref.finalize(maps.base, temporary.cleanup)
    with tqdm(total=len(images), desc="frozen stages", disable=not progress) as bar:
        for start in range(0, len(images), batch_size):
            rows = slice(start, start + batch_size)
            maps[rows] = graph(tf.constant(images.pixels(rows))).numpy()
            bar.update(len(maps[rows]))
    return TrunkMaps(maps)
