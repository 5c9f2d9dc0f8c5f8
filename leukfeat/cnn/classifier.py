"""A trained network as a classifier of cells, used like a head."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leukfeat.cnn.config import CNNConfig
from leukfeat.cnn.images import CellImages
from leukfeat.cnn.reading import read_cells, read_pixels
from leukfeat.cnn.training_record import TrainingRecord
from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import SpecMismatchError
from leukfeat.features.cells_input import as_dataset

__all__ = ["CNNClassifier"]

_BLOCK = 256
"""Cells that are decoded at a time in prediction, so that memory does not grow with them."""


class CNNClassifier:
    """A trained end-to-end network, used like a fitted head.

    Made by :func:`fit_cnn` and :func:`load_cnn`. It has what a fitted `Head` has, so that
    ``evaluate`` takes it; in place of features it takes cells.

    Parameters
    ----------
    model : keras.Model
        Takes RGB from 0 to 255 of shape ``(n, *config.input_size, 3)``; one sigmoid unit or a
        softmax.
    config : CNNConfig
        Its settings.
    class_names : sequence of str
        Names of the classes.
    positive : str, optional
        The positive class.
    threshold : float, default=0.5
        Of two classes: the probability from which a cell is called positive.
    record : TrainingRecord
        What it was trained on.
    control_heads : dict of str to estimator, optional
        Heads that saw only colour or only size of the same cells.

    Attributes
    ----------
    classes_ : ndarray of int64
        Labels, 0 to the number of classes less 1.
    class_names_ : tuple of str
    positive_ : int or None
        Label of the positive class; 1 if there are two classes and none was named.
    threshold_ : float or None
        ``None`` with more than two classes.
    history_ : pandas.DataFrame
        One row an epoch.
    train_subjects_, train_ids_ : frozenset of str
    control_heads_ : dict
    split_note_ : str
    spec_ : None
        A network has no feature space.
    """

    _estimator_type = "classifier"
    spec_ = None

    def __init__(
        self,
        model: Any,
        *,
        config: CNNConfig,
        class_names: tuple[str, ...],
        record: TrainingRecord,
        positive: str | None = None,
        threshold: float = 0.5,
        control_heads: dict[str, Any] | None = None,
    ) -> None:
        self.model_ = model
        self.config = config
        self.record = record
        self.positive = positive
        self.class_names_ = tuple(class_names)
        self.classes_ = np.arange(len(class_names))
        two = len(class_names) == 2
        named = None if positive is None else self.class_names_.index(positive)
        self.positive_ = 1 if two and named is None else named
        self.threshold_ = threshold if two else None
        self.control_heads_ = control_heads or {}
        self._compiled: Any = None

    @property
    def history_(self) -> pd.DataFrame:
        """Loss and the penalty in it, accuracy, learning rate and seconds of each epoch."""
        return self.record.history

    @property
    def train_subjects_(self) -> frozenset[str]:
        """SHA-256 of the subjects that were trained or validated on."""
        return self.record.subjects

    @property
    def train_ids_(self) -> frozenset[str]:
        """Digests of the images that were trained or validated on."""
        return self.record.ids

    @property
    def split_note_(self) -> str:
        """What a result of this network must say; empty if nothing."""
        return "; ".join(self.record.notes)

    def predict_proba(self, cells: Any) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        cells : CellDataset, CellImages, or sequence of paths or RGB uint8 arrays

        Returns
        -------
        ndarray of float64 of shape (n_cells, n_classes)
            Rows add to 1.
        """
        found = [self._run(block) for block in self._blocks(cells)]
        outputs = np.concatenate(found) if found else np.empty((0, self.model_.output_shape[1]))
        if outputs.shape[1] == 1:
            outputs = np.hstack([1 - outputs, outputs])
        return outputs / outputs.sum(axis=1, keepdims=True)

    def predict(self, cells: Any) -> NDArray[np.int64]:
        """Return the label of each cell: by `threshold_` for two classes, else the likeliest.

        Parameters
        ----------
        cells : CellDataset, CellImages, or sequence of paths or RGB uint8 arrays

        Returns
        -------
        ndarray of int64 of shape (n_cells,)
        """
        probabilities = self.predict_proba(cells)
        if self.threshold_ is None or self.positive_ is None:
            return self.classes_[probabilities.argmax(axis=1)]
        is_positive = probabilities[:, self.positive_] >= self.threshold_
        return np.where(is_positive, self.positive_, 1 - self.positive_).astype(np.int64)

    def score(self, cells: CellDataset | CellImages) -> float:
        """Return the accuracy on labelled cells; ``evaluate`` says more.

        Parameters
        ----------
        cells : CellDataset or CellImages
            Labelled cells.
        """
        return float((self.predict(cells) == cells.y).mean())

    def read_cells(self, cells: CellDataset, *, errors: str = "raise") -> CellImages:
        """Decode cells as this network wants them.

        Parameters
        ----------
        cells : CellDataset
        errors : {"raise", "skip"}, default="raise"
            What to do about a file that cannot be read.

        Returns
        -------
        CellImages
        """
        return read_cells(cells, **self.config.reading, errors=errors)

    def check_spec(self, images: CellImages) -> None:
        """Refuse images that were decoded for another network.

        Parameters
        ----------
        images : CellImages

        Raises
        ------
        SpecMismatchError
            If the size, the crop or the preparation differs.
        """
        differences = images.describe_reading(self.config.reading)
        if differences:
            raise SpecMismatchError(
                f"These images were read for another network: {differences}. Read them with "
                "classifier.read_cells(cells)."
            )

    def plot_history(self) -> Any:
        """Draw the learning curves.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.cnn.learning_curves import plot_learning_curves

        return plot_learning_curves(self.history_)

    def save(self, path: Any) -> None:
        """Write a ``.keras`` file; see :func:`save_cnn`."""
        from leukfeat.cnn.model_file import save_cnn

        save_cnn(self, path)

    def __repr__(self) -> str:
        return (
            f"CNNClassifier({', '.join(self.class_names_)}; {self.model_.count_params():,} "
            f"parameters, {len(self.history_)} epochs on {self.record.n_training} cells)"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compiled": None}

    def _blocks(self, cells: Any) -> Iterator[NDArray[np.uint8]]:
        if isinstance(cells, CellImages):
            self.check_spec(cells)
        else:
            cells = as_dataset(cells)
        for start in range(0, len(cells), _BLOCK):
            block = cells[start : start + _BLOCK]
            if isinstance(block, CellImages):
                yield block.X
            else:
                # A prediction needs no digest and no controls: a third of the reading.
                yield read_pixels(block, **self.config.reading)

    def _run(self, pixels: NDArray[np.uint8], batch_size: int = 32) -> NDArray[np.float64]:
        import tensorflow as tf

        if self._compiled is None:
            # One signature for every size of batch: compiled once, whatever is asked for.
            signature = tf.TensorSpec((None, *self.config.input_size, 3), tf.uint8)
            self._compiled = tf.function(
                lambda batch: self.model_(tf.cast(batch, tf.float32), training=False),
                input_signature=[signature],
                autograph=False,
            )
        parts = [
            self._compiled(tf.constant(pixels[start : start + batch_size])).numpy()
            for start in range(0, len(pixels), batch_size)
        ]
        return np.concatenate(parts).astype(np.float64)
