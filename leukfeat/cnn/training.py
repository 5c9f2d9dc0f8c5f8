"""The training loop: epochs, early stopping, learning rate, checkpoints."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.cnn.batches import PixelSource, n_steps, training_batches
from leukfeat.cnn.checkpoint import Checkpoint, Progress
from leukfeat.cnn.settings import TrainingSettings
from leukfeat.cnn.steps import Outcome, Steps
from leukfeat.features.network_file import load_network

__all__ = ["LabelledImages", "class_weights", "train"]

_log = logging.getLogger("leukfeat")


class LabelledImages(NamedTuple):
    """What a network is trained or validated on.

    Parameters
    ----------
    images : PixelSource
    labels : ndarray of int64 of shape (n,)
        From 0 to the number of classes less 1.
    weights : ndarray of float32 of shape (n,)
        Weight of each cell in the loss.
    """

    images: PixelSource
    labels: NDArray[np.int64]
    weights: NDArray[np.float32]


def class_weights(labels: NDArray[np.int64], n_classes: int) -> NDArray[np.float32]:
    """Return the weight of each class that gives all classes the same sum.

    Parameters
    ----------
    labels : ndarray of int64 of shape (n,)
    n_classes : int

    Returns
    -------
    ndarray of float32 of shape (n_classes,)
        1 on average over the cells.

    Examples
    --------
    >>> import numpy as np
    >>> class_weights(np.array([0, 1, 1, 1, 1, 1]), 2)
    array([3. , 0.6], dtype=float32)
    """
    counts = np.bincount(labels, minlength=n_classes)
    return (len(labels) / (n_classes * np.maximum(counts, 1))).astype(np.float32)


def train(
    build: Callable[[], Any],
    training: LabelledImages,
    validation: LabelledImages | None,
    *,
    config: TrainingSettings,
    random_state: int,
    checkpoint: Checkpoint | None = None,
    prepare: Callable[[Any], Any] | None = None,
    progress: bool = True,
) -> tuple[Any, pd.DataFrame]:
    """Train a network, and return it as it was after its best epoch.

    Parameters
    ----------
    build : callable
        Returns the compiled network to start from; not called when a checkpoint is taken up.
    training : LabelledImages
        What it learns from.
    validation : LabelledImages or None
        What its best epoch is chosen on; without it the last epoch is the best.
    config : TrainingSettings
        Epochs, patience, batch size and augmentation.
    random_state : int
        Seed of order, augmentation and dropout.
    checkpoint : Checkpoint, optional
        Where to keep the state after every epoch, and to take it up from.
    prepare : callable, optional
        Brings a batch of pixels (float32, 0 to 255) to what the model takes.
    progress : bool, default=True
        Show a progress bar.

    Returns
    -------
    model : keras.Model
    history : pandas.DataFrame
        One row an epoch: ``epoch``, ``loss``, ``penalty`` (the part of the loss that the size of
        the weights makes; the rest is cross-entropy), ``accuracy``, the same of the validation
        with ``val_`` before it, ``learning_rate``, ``seconds``.

    Raises
    ------
    FloatingPointError
        If the loss is no longer a number.
    """
    from tqdm.auto import tqdm

    model, state, best = _start(build, checkpoint)
    steps = Steps(model, prepare)
    batches = training_batches(
        *training,
        batch_size=config.batch_size,
        augmentation=config.augmentation,
        random_state=random_state,
        first_epoch=state.epoch,
    )
    n_batches = n_steps(len(training.images), config.batch_size)
    with tqdm(
        total=config.epochs * n_batches,
        initial=state.epoch * n_batches,
        desc="training",
        disable=not progress,
    ) as bar:
        while state.epoch < config.epochs and not _is_over(state, config):
            started = time.perf_counter()
            row = _one_epoch(model, steps, batches, n_batches, random_state, state.epoch, bar)
            if validation is not None:
                row |= _validate(steps, validation, config.batch_size)
            row |= {
                "learning_rate": float(model.optimizer.learning_rate),
                "seconds": time.perf_counter() - started,
            }
            state.epoch += 1
            state.history.append({"epoch": state.epoch, **row})
            if _is_best(state, row):
                best = model.get_weights()
            elif config.patience and state.waited % max(1, config.patience // 2) == 0:
                model.optimizer.learning_rate = row["learning_rate"] / 2
            if checkpoint is not None:
                checkpoint.save(model, state)
            bar.set_postfix({k: f"{row[k]:.3f}" for k in ("loss", "val_loss") if k in row})
            _log.debug("epoch %d: %s", state.epoch, row)
    if best is not None:
        model.set_weights(best)
    return model, pd.DataFrame(state.history)


def _start(
    build: Callable[[], Any], checkpoint: Checkpoint | None
) -> tuple[Any, Progress, list[NDArray] | None]:
    kept = checkpoint.load() if checkpoint is not None else None
    if kept is None:
        return build(), Progress(), None
    progress, last, best = kept
    _log.info("going on after epoch %d from %s", progress.epoch, last)
    return (
        _read_network(last, compile=True),
        progress,
        _read_network(best, compile=False).get_weights(),
    )


def _read_network(path: Path, *, compile: bool) -> Any:
    try:
        return load_network(path, compile=compile)
    except ValueError as error:
        raise ValueError(
            f"{path} {error} Give another folder, or if_checkpoint='overwrite' to start anew."
        ) from error


def _is_over(state: Progress, config: TrainingSettings) -> bool:
    return config.patience is not None and state.waited >= config.patience


def _is_best(state: Progress, row: dict[str, float]) -> bool:
    if not math.isfinite(row["loss"]) or not math.isfinite(row.get("val_loss", 0.0)):
        raise FloatingPointError(
            f"The loss is {row['loss']} (validation {row.get('val_loss')}) after epoch "
            f"{state.epoch}, at learning_rate={row['learning_rate']:g}: training has diverged. "
            "Lower 'learning_rate', or set batch_norm=True."
        )
    if "val_loss" not in row:
        state.best_epoch = state.epoch
    elif row["val_loss"] < state.best_loss:
        state.best_epoch, state.best_loss = state.epoch, row["val_loss"]
    return state.best_epoch == state.epoch


def _one_epoch(
    model: Any, steps: Steps, batches: Any, n: int, random_state: int, epoch: int, bar: Any
) -> dict[str, float]:
    # The counter of a dropout layer's random numbers is not in the saved file: set from the
    # epoch, it is the same in a run that was interrupted.
    for i, layer in enumerate(model.layers):
        if hasattr(layer, "seed_generator"):
            seed = np.random.SeedSequence([random_state, epoch, i]).generate_state(2)
            layer.seed_generator.state.assign(seed)
    outcomes = []
    for _, batch in zip(range(n), batches, strict=False):
        outcomes.append(steps.learn(*batch))
        bar.update()
    return _means(outcomes)


def _validate(steps: Steps, validation: LabelledImages, batch_size: int) -> dict[str, float]:
    outcomes = []
    images, labels, weights = validation
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        pixels = images.pixels(rows).astype(np.float32)
        outcomes.append(steps.check(pixels, labels[rows], weights[rows]))
    return {f"val_{name}": value for name, value in _means(outcomes).items()}


def _means(outcomes: list[Outcome]) -> dict[str, float]:
    n = sum(outcome.n_cells for outcome in outcomes)
    return {
        "loss": sum(outcome.loss * outcome.n_cells for outcome in outcomes) / n,
        "penalty": sum(outcome.penalty * outcome.n_cells for outcome in outcomes) / n,
        "accuracy": sum(outcome.right for outcome in outcomes) / n,
    }
