"""`fit_cnn`: from cells to a trained network."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.cnn.augmentation import Augmentation
from leukfeat.cnn.checkpoint import Checkpoint, digest_of
from leukfeat.cnn.classifier import CNNClassifier, TrainingRecord
from leukfeat.cnn.config import CNNConfig
from leukfeat.cnn.images import CellImages, read_cells
from leukfeat.cnn.network import build_network, is_binary
from leukfeat.cnn.training import LabelledImages, class_weights, train
from leukfeat.data.dataset import CellDataset
from leukfeat.splitting import check_split, make_splits

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
        Single settings of :class:`CNNConfig`, instead of those in `config`.

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
    images = _read(cells, config, progress)
    y = _labels(images)
    n_classes = len(images.class_names)
    is_binary(config, n_classes)
    if validation is None:
        rows, held_out, notes = _set_aside(images, config, split, random_state)
        held_out_images = None if held_out is None else images[held_out]
        images = images[rows]
    else:
        held_out_images = _read(validation, config, progress)
        notes = _check_apart(images, held_out_images)
    y = _labels(images)
    weights = np.ones(n_classes, np.float32)
    if config.class_weight == "balanced":
        weights = class_weights(y, n_classes)
    training = LabelledImages(images, y, weights[y])
    to_validate = None
    if held_out_images is not None:
        y_held_out = _labels(held_out_images)
        to_validate = LabelledImages(held_out_images, y_held_out, weights[y_held_out])
    fill = _fill(images, config.augmentation)

    def build() -> Any:
        moments = _channel_moments(images) if config.standardise == "dataset" else None
        return build_network(config, n_classes, channel_moments=moments, random_state=random_state)

    model, history = train(
        build,
        training,
        to_validate,
        config=config,
        fill=fill,
        random_state=random_state,
        checkpoint=None
        if checkpoint is None
        else Checkpoint(
            checkpoint,
            _identity(config, images, held_out_images, random_state),
            if_exists=if_checkpoint,
        ),
        progress=progress,
    )
    seen = [images] if held_out_images is None else [images, held_out_images]
    return CNNClassifier(
        model,
        config=config,
        class_names=images.class_names,
        positive=images.positive,
        record=TrainingRecord(
            history=history,
            subjects=frozenset().union(*(_subject_digests(part) for part in seen)),
            ids=frozenset().union(*(set(part.ids) for part in seen if part.ids is not None)),
            n_training=len(images),
            n_validation=0 if held_out_images is None else len(held_out_images),
            notes=notes,
            fill=fill,
            random_state=random_state,
        ),
    )


def _read(cells: CellDataset | CellImages, config: CNNConfig, progress: bool) -> CellImages:
    if isinstance(cells, CellImages):
        size, crop = cells.input_size, cells.crop
        if (size, crop) != (config.input_size, config.crop):
            raise ValueError(
                f"The images were read with input_size={size}, crop={crop}, but the network "
                f"takes input_size={config.input_size}, crop={config.crop}."
            )
        return cells
    return read_cells(cells, input_size=config.input_size, crop=config.crop, progress=progress)


def _labels(images: CellImages) -> NDArray[np.int64]:
    y = images.y
    unlabelled = len(images) if y is None else int((y < 0).sum())
    if y is None or unlabelled:
        raise ValueError(
            f"fit_cnn needs labelled cells: {unlabelled} of {len(images)} in {images.name!r} have "
            "no label. Leave them out first: cells[cells.y >= 0]."
        )
    missing = [name for i, name in enumerate(images.class_names) if i not in y]
    if missing and len(missing) == len(images.class_names) - 1:
        raise ValueError(
            f"fit_cnn needs cells of two classes or more. {images.name!r} has none of {missing}."
        )
    return y


def _set_aside(
    images: CellImages, config: CNNConfig, split: str, random_state: int
) -> tuple[Any, NDArray | None, tuple[str, ...]]:
    if split not in ("group", "random"):
        raise ValueError(f"'split' must be 'group' or 'random'. Got {split!r} instead.")
    if not config.validation_fraction:
        note = "no validation cells: the last epoch was kept, and nothing stopped training early"
        return slice(None), None, (note,)
    splits = make_splits(
        images,
        split=split,  # type: ignore[arg-type]
        n_splits=max(2, round(1 / config.validation_fraction)),
        random_state=random_state,
    )
    return splits[0].train, splits[0].test, splits.notes


def _check_apart(images: CellImages, validation: CellImages) -> tuple[str, ...]:
    if (images.class_names, images.positive) != (validation.class_names, validation.positive):
        raise ValueError(
            f"'cells' has the classes {images.class_names} (positive {images.positive!r}) but "
            f"'validation' has {validation.class_names} (positive {validation.positive!r})."
        )
    n = len(images)
    both = {
        what: np.concatenate([getattr(images, what), getattr(validation, what)])
        for what in ("subjects", "groups", "ids")
        if getattr(images, what) is not None and getattr(validation, what) is not None
    }
    check_split(np.arange(n), np.arange(n, n + len(validation)), **both)
    return ()


def _fill(images: CellImages, augmentation: Augmentation | None) -> str:
    if augmentation is None or augmentation.fill != "auto":
        return "black" if augmentation is None else augmentation.fill
    some = images.pixels(slice(None, None, max(1, len(images) // 200)))
    corners = some[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    return "black" if (corners == 0).all(axis=2).mean() > 0.5 else "reflect"


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


def _subject_digests(images: CellImages) -> set[str]:
    if images.subjects is None:
        return set()
    return {hashlib.sha256(s.encode()).hexdigest() for s in images.subjects if s is not None}


def _identity(
    config: CNNConfig, images: CellImages, validation: CellImages | None, random_state: int
) -> dict[str, str]:
    # How long to train may change between calls: a finished training can be prolonged.
    lasting = config.replace(epochs=1, patience=None).to_json()

    def digest(part: CellImages | None) -> str:
        return "" if part is None else digest_of(part.ids, _labels(part))

    return {
        "settings": digest_of(lasting),
        "training cells": digest(images),
        "validation cells": digest(validation),
        "random_state": str(random_state),
    }
