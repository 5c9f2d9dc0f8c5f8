"""`fit_cnn`: from cells to a trained network."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.cnn.checkpoint import Checkpoint
from leukfeat.cnn.classifier import CNNClassifier
from leukfeat.cnn.config import CNNConfig
from leukfeat.cnn.images import CellImages
from leukfeat.cnn.network import build_network, is_binary
from leukfeat.cnn.sides import two_sides
from leukfeat.cnn.training import train
from leukfeat.data.dataset import CellDataset
from leukfeat.heads.controls import control_columns, control_pipelines

__all__ = ["fit_cnn"]


def fit_cnn(
    cells: CellDataset | CellImages,
    config: CNNConfig | None = None,
    *,
    validation: CellDataset | CellImages | None = None,
    split: str = "group",
    checkpoint: str | os.PathLike[str] | None = None,
    if_checkpoint: str = "resume",
    random_state: int = 0,
    progress: bool = True,
    **settings: Any,
) -> CNNClassifier:
    """Train an end-to-end convolutional network on cells.

    Images are decoded once, at the network's size. A part of the subjects is set aside, and the
    weights are kept of the epoch that did best on them.

    Parameters
    ----------
    cells : CellDataset or CellImages
        Labelled cells.
    config : CNNConfig, optional
        The network and its training.
    validation : CellDataset or CellImages, optional
        Cells of other subjects for early stopping. By default a part of `cells`, as
        ``config.validation_fraction`` says.
    split : {"group", "random"}, default="group"
        What is set aside for early stopping: whole subjects, or cells at random.
    checkpoint : path-like, optional
        A folder that holds the state after every epoch. Called again with the same cells and
        settings, a training that was killed goes on from there, to the same weights.
    if_checkpoint : {"resume", "overwrite", "error"}, default="resume"
        What to do if the folder holds a checkpoint.
    random_state : int, default=0
        Seed of the initial values, the subjects set aside, order, augmentation and dropout.
        The global random states are not touched.
    progress : bool, default=True
        Show progress bars.
    **settings
        Single settings of :class:`CNNConfig`, instead of those in `config`; such as
        ``preparation=``, what is done to every image first, which stays with the network: it
        prepares the images that it classifies in the same way.

    Returns
    -------
    CNNClassifier
        ``evaluate`` takes it like a head.

    Raises
    ------
    ValueError
        If cells are unlabelled, a class is missing, or a setting is wrong.
    LeakageError
        If `validation` shares subjects or images with `cells`.

    Examples
    --------
    >>> from leukfeat import make_cells
    >>> from leukfeat.cnn import fit_cnn
    >>> cells = make_cells(10, 40, size=32)
    >>> small = {"input_size": (32, 32), "filters": (4, 4), "dense": (), "epochs": 1}
    >>> cnn = fit_cnn(cells, **small, progress=False)
    >>> cnn.predict_proba(cells).shape
    (40, 2)
    """
    config = (config if config is not None else CNNConfig()).replace(**settings)
    sides = two_sides(
        cells,
        validation,
        config,
        split=split,
        random_state=random_state,
        progress=progress,
    )
    images = sides.training
    n_classes = len(images.class_names)
    is_binary(config, n_classes)

    def build() -> Any:
        moments = _channel_moments(images) if config.standardise == "dataset" else None
        return build_network(config, n_classes, channel_moments=moments, random_state=random_state)

    kept = None
    if checkpoint is not None:
        # How long to train may change between calls: a finished training can be prolonged.
        lasting = config.replace(epochs=1, patience=None).to_json()
        identity = sides.identity(lasting, random_state)
        kept = Checkpoint(checkpoint, identity, if_exists=if_checkpoint)
    model, history = train(
        build,
        sides.labelled(images),
        None if sides.validation is None else sides.labelled(sides.validation),
        config=config,
        random_state=random_state,
        checkpoint=kept,
        progress=progress,
    )
    return CNNClassifier(
        model,
        config=config,
        class_names=images.class_names,
        positive=images.positive,
        record=sides.record(history, random_state),
        control_heads=_fit_controls(images),
    )


def _fit_controls(images: CellImages) -> dict[str, Any]:
    measured = control_columns(images.controls).to_numpy()  # type: ignore[arg-type]
    heads = control_pipelines(len(measured))
    return {name: head.fit(measured, images.y) for name, head in heads.items()}


def _channel_moments(images: CellImages) -> tuple[NDArray, NDArray]:
    counts = np.zeros((3, 256))
    for start in range(0, len(images), 64):
        pixels = images.pixels(slice(start, start + 64))
        for channel in range(3):
            counts[channel] += np.bincount(pixels[..., channel].ravel(), minlength=256)
    levels = np.arange(256)
    means = counts @ levels / counts.sum(axis=1)
    variances = counts @ levels**2 / counts.sum(axis=1) - means**2
    return means, np.maximum(variances, 1e-3)
