"""The two sides of a training: cells to learn from, and cells of others to stop by."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.cnn.batches import PixelSource
from leukfeat.cnn.checkpoint import digest_of
from leukfeat.cnn.images import CellImages
from leukfeat.cnn.reading import read_cells
from leukfeat.cnn.settings import TrainingSettings
from leukfeat.cnn.training import LabelledImages, class_weights
from leukfeat.cnn.training_record import TrainingRecord
from leukfeat.data.dataset import CellDataset
from leukfeat.splitting import check_split, make_splits
from leukfeat.splitting.views import parent_ids

__all__ = ["Sides", "two_sides"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sides:
    """Decoded cells to train on and to validate on.

    Parameters
    ----------
    training : CellImages
    validation : CellImages or None
    class_weights : ndarray of float32 of shape (n_classes,)
        From the training cells.
    notes : tuple of str
        What a result must say.
    """

    training: CellImages
    validation: CellImages | None
    class_weights: NDArray[np.float32]
    notes: tuple[str, ...]

    def labelled(self, side: CellImages, images: PixelSource | None = None) -> LabelledImages:
        """Return one side with labels and weights.

        Parameters
        ----------
        side : CellImages
            One of the two.
        images : PixelSource, optional
            What stands in place of its pixels, row by row.
        """
        y = _labels(side, n_classes=1)
        return LabelledImages(side if images is None else images, y, self.class_weights[y])

    def record(self, history: pd.DataFrame, random_state: int) -> TrainingRecord:
        """Return what must be remembered of the training.

        Parameters
        ----------
        history : pandas.DataFrame
        random_state : int
        """
        seen = [self.training] if self.validation is None else [self.training, self.validation]
        return TrainingRecord(
            history=history,
            subjects=frozenset().union(*(_subject_digests(part) for part in seen)),
            ids=frozenset().union(*(set(part.ids) for part in seen if part.ids is not None)),
            n_training=len(self.training),
            n_validation=0 if self.validation is None else len(self.validation),
            notes=self.notes,
            random_state=random_state,
        )

    def identity(self, settings: str, random_state: int) -> dict[str, str]:
        """Return what must be the same for an interrupted training to go on.

        Parameters
        ----------
        settings : str
            As JSON.
        random_state : int
        """

        def digest(part: CellImages | None) -> str:
            return "" if part is None else digest_of(part.ids, _labels(part, n_classes=1))

        return {
            "settings": digest_of(settings),
            "training cells": digest(self.training),
            "validation cells": digest(self.validation),
            "random_state": str(random_state),
        }


def two_sides(
    cells: CellDataset | CellImages,
    validation: CellDataset | CellImages | None,
    config: TrainingSettings,
    *,
    split: str = "group",
    random_state: int = 0,
    progress: bool = False,
) -> Sides:
    """Decode cells, and set a part of the subjects aside.

    Parameters
    ----------
    cells : CellDataset or CellImages
        Labelled cells.
    validation : CellDataset or CellImages, optional
        The other side, if it is given.
    config : TrainingSettings
        Size, crop, and how much is set aside.
    split : {"group", "random"}, default="group"
        Whether whole subjects are set aside, or cells at random.
    random_state : int, default=0
        Seed of the choice.
    progress : bool, default=False
        Show a progress bar.

    Returns
    -------
    Sides

    Raises
    ------
    ValueError
        If cells are unlabelled or of one class, or were decoded otherwise.
    LeakageError
        If `validation` shares subjects or images with `cells`.
    """
    images = _read(cells, config, progress)
    _labels(images)
    held_out: CellImages | None
    if validation is None:
        images, held_out, notes = _set_aside(
            images, config.validation_fraction, split, random_state
        )
    else:
        held_out = _read(validation, config, progress)
        _labels(held_out, n_classes=1)
        _check_apart(images, held_out)
        notes = ()
    y, n_classes = _labels(images), len(images.class_names)
    balanced = config.class_weight == "balanced"
    return Sides(
        training=images,
        validation=held_out,
        class_weights=class_weights(y, n_classes) if balanced else np.ones(n_classes, np.float32),
        notes=notes,
    )


def _read(cells: CellDataset | CellImages, config: TrainingSettings, progress: bool) -> CellImages:
    if isinstance(cells, CellImages):
        differences = cells.describe_reading(config.reading)
        if differences:
            raise ValueError(
                f"The images were read otherwise than the network takes them: {differences}. Give "
                "the same to read_cells and to the network."
            )
        return cells
    return read_cells(cells, **config.reading, progress=progress)


def _labels(images: CellImages, *, n_classes: int = 2) -> NDArray[np.int64]:
    y = images.y
    unlabelled = len(images) if y is None else int((y < 0).sum())
    if y is None or unlabelled:
        raise ValueError(
            f"Training needs labelled cells: {unlabelled} of {len(images)} in {images.name!r} "
            "have no label. Leave them out first: cells[cells.y >= 0]."
        )
    missing = [name for i, name in enumerate(images.class_names) if i not in y]
    if len(images.class_names) - len(missing) < n_classes:
        raise ValueError(
            f"Training needs cells of two classes or more. {images.name!r} has none of {missing}."
        )
    return y


def _set_aside(
    images: CellImages, fraction: float, split: str, random_state: int
) -> tuple[CellImages, CellImages | None, tuple[str, ...]]:
    if split not in ("group", "random"):
        raise ValueError(f"'split' must be 'group' or 'random'. Got {split!r} instead.")
    if not fraction:
        note = "no validation cells: the last epoch was kept, and nothing stopped training early"
        return images, None, (note,)
    try:
        splits = make_splits(
            images,
            split=split,  # type: ignore[arg-type]
            n_splits=max(2, round(1 / fraction)),
            random_state=random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"No subjects can be set aside for early stopping. {error} Or give the cells to stop "
            "by as 'validation', or validation_fraction=0 to train without."
        ) from None
    return images[splits[0].train], images[splits[0].test], splits.notes


def _check_apart(images: CellImages, validation: CellImages) -> None:
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
    parents = parent_ids(images), parent_ids(validation)
    if any(one is not None for one in parents):
        both["parents"] = np.concatenate(
            [
                np.full(len(side), None) if one is None else one
                for one, side in zip(parents, (images, validation), strict=True)
            ]
        )
    check_split(np.arange(n), np.arange(n, n + len(validation)), **both)


def _subject_digests(images: CellImages) -> set[str]:
    if images.subjects is None:
        return set()
    return {hashlib.sha256(s.encode()).hexdigest() for s in images.subjects if s is not None}
