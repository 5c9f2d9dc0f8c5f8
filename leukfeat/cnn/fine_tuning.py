"""`fine_tune_backbone`: the last stages of a backbone, trained further on cells."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from leukfeat.cnn.checkpoint import Checkpoint, digest_of
from leukfeat.cnn.fine_tuned import FineTunedBackbone, write_facts
from leukfeat.cnn.images import CellImages
from leukfeat.cnn.settings import TrainingSettings, is_count, wrong_setting
from leukfeat.cnn.sides import two_sides
from leukfeat.cnn.training import train
from leukfeat.cnn.trunk import run_trunk
from leukfeat.data.dataset import CellDataset
from leukfeat.features.backbones import StockBackbone, find_backbone
from leukfeat.features.seen_data import seen_by_weights
from leukfeat.features.weights import find_weights, load_weights
from leukfeat.imaging.augmentation import CellAugmentation

__all__ = ["FineTuneConfig", "fine_tune_backbone"]

_log = logging.getLogger("leukfeat")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuneConfig(TrainingSettings):
    """Settings of :func:`fine_tune_backbone`, checked once, when made.

    Parameters
    ----------
    stages : int, default=1
        How many of the last stages are tuned: 1 is ``conv5`` of a ResNet.
    input_size, crop, batch_size, epochs, patience, validation_fraction, class_weight, version, preparation
        See :class:`TrainingSettings`.
    learning_rate : float, default=1e-4
        Of Adam. Batch normalisation stays as it is.
    dropout : float, default=0.3
        Before the dense layer that the classes are told with, which is thrown away.
    augmentation : CellAugmentation or None, default=None
        With none, the frozen stages run once for each cell; otherwise in every step.

    Examples
    --------
    >>> from leukfeat.cnn import FineTuneConfig
    >>> FineTuneConfig(stages=2).learning_rate
    0.0001
    """

    stages: int = 1
    input_size: tuple[int, int] = (224, 224)
    learning_rate: float = 1e-4
    epochs: int = 10
    patience: int | None = 3
    dropout: float = 0.3
    augmentation: CellAugmentation | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_count(self.stages):
            raise wrong_setting(self, "stages", "an integer of at least 1")


def fine_tune_backbone(
    cells: CellDataset | CellImages,
    path: str | os.PathLike[str],
    config: FineTuneConfig | None = None,
    *,
    backbone: str = "resnet50",
    weights: str | os.PathLike[str] = "imagenet",
    validation: CellDataset | CellImages | None = None,
    split: str = "group",
    checkpoint: str | os.PathLike[str] | None = None,
    if_checkpoint: str = "resume",
    random_state: int = 0,
    progress: bool = True,
    **settings: Any,
) -> FineTunedBackbone:
    """Train the last stages of a backbone on cells, and write weights for `extract_features`.

    The stages before are frozen, and batch normalisation is everywhere. What comes out is
    another feature space, of which the training cells must not be tested:
    :meth:`FineTunedBackbone.check_unseen` refuses them.

    Parameters
    ----------
    cells : CellDataset or CellImages
        Labelled cells.
    path : path-like
        The weights file to write; ends in ``.weights.h5``.
    config : FineTuneConfig, optional
        What is tuned, and how.
    backbone : str, default="resnet50"
        The network.
    weights : {"imagenet", "random"} or path-like, default="imagenet"
        Where to start from, as for `extract_features`.
    validation, split, checkpoint, if_checkpoint, progress
        See :func:`fit_cnn`.
    random_state : int, default=0
        Seed of the subjects set aside, order, dropout, the dense layer, and random weights.
    **settings
        Single settings of :class:`FineTuneConfig`, instead of those in `config`.

    Returns
    -------
    FineTunedBackbone
        Stands for the path: ``extract_features(cells, weights=tuned)``.

    Raises
    ------
    ValueError
        If cells are unlabelled, a setting is wrong, or the name has another ending.
    WeightsError
        If the weights to start from cannot be had.
    LeakageError
        If `validation` shares subjects or images with `cells`.
    """
    target = Path(path)
    if not target.name.endswith(".weights.h5"):
        raise ValueError(f"'path' must end in '.weights.h5'. Got {str(path)!r} instead.")
    config = (config if config is not None else FineTuneConfig()).replace(**settings)
    network = find_backbone(backbone)
    boundary = _boundary(network, config.stages)
    source = find_weights(network, weights, random_state)
    sides = two_sides(
        cells, validation, config, split=split, random_state=random_state, progress=progress
    )
    images = sides.training
    if len(images.class_names) < 2:
        raise ValueError(f"Tuning needs two classes or more. Got {images.class_names} instead.")
    whole = load_weights(network, source, config.input_size)
    tuned_layers = _freeze_up_to(whole, boundary)
    _log.info("tuning %d layers after %s", len(tuned_layers), boundary)
    cached = config.augmentation is None
    start = whole.get_layer(boundary).output if cached else whole.input
    classifier = _with_classes(start, whole.output, len(images.class_names), config, random_state)

    training, to_validate = sides.labelled(images), None
    if sides.validation is not None:
        to_validate = sides.labelled(sides.validation)
    if cached:
        import keras

        trunk = keras.Model(whole.input, start)
        maps = [
            None if side is None else run_trunk(trunk, side, network, progress=progress)
            for side in (images, sides.validation)
        ]
        training = sides.labelled(images, maps[0])
        if sides.validation is not None:
            to_validate = sides.labelled(sides.validation, maps[1])
    kept = None
    if checkpoint is not None:
        lasting = config.replace(epochs=1, patience=None).to_json()
        identity = sides.identity(digest_of(lasting, source.digest, backbone), random_state)
        kept = Checkpoint(checkpoint, identity, if_exists=if_checkpoint)
    model, history = train(
        lambda: classifier,
        training,
        to_validate,
        config=config,
        random_state=random_state,
        checkpoint=kept,
        prepare=None if cached else network.preprocessing(),
        progress=progress,
    )
    # After a resumed training the model is another object than the one built here.
    for name in tuned_layers:
        whole.get_layer(name).set_weights(model.get_layer(name).get_weights())
    tuned = FineTunedBackbone(
        path=target,
        backbone=backbone,
        layers=tuple(tuned_layers),
        class_names=images.class_names,
        settings={
            **json.loads(config.to_json()),
            "weights_digest": source.digest,
        },
        record=sides.record(history, random_state),
        before=seen_by_weights(source.kind, source.digest),
    )
    with tempfile.TemporaryDirectory(prefix=".leukfeat-", dir=target.absolute().parent) as folder:
        partial = Path(folder, "whole.weights.h5")
        whole.save_weights(partial)
        write_facts(partial, tuned)
        partial.replace(target)
    return tuned


def _boundary(backbone: StockBackbone, stages: int) -> str:
    # "avg_pool" is what follows the last stage, or the last stage once more.
    layers = [layer for name, (layer, _) in backbone.stages.items() if name != "avg_pool"]
    if stages >= len(layers):
        raise ValueError(
            f"The 'stages' setting of FineTuneConfig must be at most {len(layers) - 1} for "
            f"{backbone.name!r}: the first stage stays frozen. Got {stages} instead."
        )
    boundary = layers[-1 - stages]
    if boundary.startswith("+"):
        raise ValueError(
            f"{backbone.name!r} cannot be divided at {boundary[1:]!r}, where a branch goes round "
            "the layer: take another backbone."
        )
    return boundary


def _freeze_up_to(network: Any, boundary: str) -> list[str]:
    import keras

    names = [layer.name for layer in network.layers]
    after = set(names[names.index(boundary) + 1 :])
    tuned = []
    for layer in network.layers:
        frozen = isinstance(layer, keras.layers.BatchNormalization) or layer.name not in after
        layer.trainable = not frozen
        if not frozen and layer.weights:
            tuned.append(layer.name)
    return tuned


def _with_classes(
    start: Any, end: Any, n_classes: int, config: FineTuneConfig, random_state: int
) -> Any:
    import keras

    seed, dropout_seed = np.random.SeedSequence([random_state, 0]).generate_state(2).tolist()
    x = keras.layers.GlobalAveragePooling2D(name="features")(end)
    if config.dropout:
        x = keras.layers.Dropout(config.dropout, seed=dropout_seed)(x)
    x = keras.layers.Dense(
        n_classes,
        activation="softmax",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name="probability",
    )(x)
    model = keras.Model(start, x)
    model.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss="sparse_categorical_crossentropy",
    )
    return model
