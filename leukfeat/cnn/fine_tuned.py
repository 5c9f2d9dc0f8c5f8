"""Weights tuned on cells: a file for ``extract_features`` that remembers those cells."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.cnn.reading import image_digests
from leukfeat.cnn.training_record import TrainingRecord
from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import LeakageError, WeightsError
from leukfeat.features.seen_data import FACTS, TUNED_DIGEST, SeenData, read_facts
from leukfeat.splitting.groups import name_some

__all__ = ["FineTunedBackbone", "load_fine_tuned", "write_facts"]

_FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTunedBackbone:
    """A weights file of a backbone whose last stages were tuned on cells.

    It stands for the path of the file: ``extract_features(cells, weights=tuned)``.

    Parameters
    ----------
    path : pathlib.Path
        The file, ending in ``.weights.h5``.
    backbone : str
        Name of the network.
    layers : tuple of str
        Keras layers that were tuned.
    class_names : tuple of str
        Classes that they were tuned to tell apart.
    settings : dict
        Settings of the tuning.
    record : TrainingRecord
        Which cells and subjects it saw, and how training went.
    before : SeenData
        What the weights that tuning started from had seen.
    """

    path: Path
    backbone: str
    layers: tuple[str, ...]
    class_names: tuple[str, ...]
    settings: dict[str, Any]
    record: TrainingRecord
    before: SeenData = SeenData()  # noqa: RUF009  # frozen

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __repr__(self) -> str:
        return (
            f"FineTunedBackbone({str(self.path)!r}: {self.backbone}, {len(self.layers)} layers tuned "
            f"from {self.layers[0]} on, {len(self.history_)} epochs on {self.record.n_training} "
            f"cells; {', '.join(self.class_names)})"
        )

    @property
    def history_(self) -> pd.DataFrame:
        """Loss, accuracy, learning rate and seconds of each epoch."""
        return self.record.history

    def check_unseen(self, cells: Any) -> None:
        """Refuse cells that the weights were tuned on, as test cells.

        A head that is tested on features of these weights must not meet them again.

        Parameters
        ----------
        cells : FeatureSet, CellImages or CellDataset
            The test cells. The images of a `CellDataset` are decoded to compare them.

        Raises
        ------
        ImageReadError
            If an image of a `CellDataset` cannot be read; the message names it.
        LeakageError
            If subjects or identical images were tuned on; the message names the subjects.
        """
        subjects = [] if cells.subjects is None else {s for s in cells.subjects if s is not None}
        seen = SeenData(subjects=self.record.subjects, ids=self.record.ids) | self.before
        both = seen.seen_subjects(subjects)
        ids = image_digests(cells) if isinstance(cells, CellDataset) else cells.ids
        n_same = 0 if ids is None else len(set(ids) & seen.ids)
        if both or n_same:
            raise LeakageError(
                f"The backbone in {self.path.name} was tuned on {len(both)} subjects of the test "
                f"cells ({name_some(both) or 'none by name'}) and on {n_same} of their "
                "images: its features know their labels. Test on other subjects."
            )

    def plot_history(self) -> Any:
        """Draw the learning curves.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.cnn.learning_curves import plot_learning_curves

        return plot_learning_curves(self.history_)


def write_facts(path: str | os.PathLike[str], tuned: FineTunedBackbone) -> None:
    """Add what leukfeat knows of tuned weights to their file, which Keras reads as before.

    Parameters
    ----------
    path : path-like
        The weights file.
    tuned : FineTunedBackbone
        What to keep.
    """
    import h5py

    facts = {
        "format": _FORMAT,
        "digest": TUNED_DIGEST,
        "backbone": tuned.backbone,
        "layers": list(tuned.layers),
        "class_names": list(tuned.class_names),
        "settings": tuned.settings,
        "record": tuned.record.to_dict(),
        "before": tuned.before.to_dict(),
    }
    with h5py.File(path, "a") as file:
        # A data set and not an attribute, which may not exceed 64 KB.
        text = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        file.create_dataset(FACTS, data=text)


def load_fine_tuned(path: str | os.PathLike[str]) -> FineTunedBackbone:
    """Read what is known of tuned weights.

    Parameters
    ----------
    path : path-like
        A file that :func:`fine_tune_backbone` wrote.

    Returns
    -------
    FineTunedBackbone

    Raises
    ------
    WeightsError
        If it is no such file.
    """
    try:
        facts = read_facts(path)
    except WeightsError as error:
        raise WeightsError(
            f"{os.fspath(path)!r} is no weights file of fine_tune_backbone: {error}"
        ) from error
    if facts is None or not isinstance(facts.get("format"), int):
        raise WeightsError(
            f"{os.fspath(path)!r} is no weights file of fine_tune_backbone: it does not say what "
            "it was tuned on. Other weights are given to extract_features(weights=...) as they "
            "are."
        )
    if facts["format"] > _FORMAT:
        raise WeightsError(
            f"{os.fspath(path)!r} has format {facts['format']}; this leukfeat reads up to "
            f"{_FORMAT}. Install the version that wrote it."
        )
    try:
        return FineTunedBackbone(
            path=Path(path),
            backbone=facts["backbone"],
            layers=tuple(facts["layers"]),
            class_names=tuple(facts["class_names"]),
            settings=facts["settings"],
            record=TrainingRecord.from_dict(facts["record"]),
            before=SeenData.from_dict(facts.get("before", {})),  # younger than the format
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"What {os.fspath(path)!r} says it was tuned on is damaged: {type(error).__name__}: "
            f"{error}. Get the file again."
        ) from error
