"""Networks for the claims: each trained once, all its figures kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, recall_score

from leukfeat.atomic_file import written_whole
from leukfeat.cnn import CellImages, CNNConfig, fit_cnn, read_cells
from leukfeat.cnn.augmentation import CHEAP_AUGMENTATION
from leukfeat.cnn.checkpoint import digest_of
from leukfeat.data import CellDataset
from leukfeat.splitting import make_splits

__all__ = ["NetworkFigures", "network_config"]

_FORMAT = 2


class NetworkFigures:
    """Figures of networks on subjects set aside, each network trained once.

    Parameters
    ----------
    cells : CellDataset
    folder : pathlib.Path or None
        Where figures are kept, so that a run that was stopped goes on.
    progress : bool, default=False
        Show a bar for each network.
    """

    def __init__(
        self, cells: CellDataset, *, folder: Path | None = None, progress: bool = False
    ) -> None:
        self._cells = cells
        self._folder = folder
        self._progress = progress
        self._images: dict[tuple[Any, ...], CellImages] = {}
        self._found: dict[str, dict[str, float]] = {}

    def figures(self, config: CNNConfig, seed: int) -> dict[str, float]:
        """Train a network on three quarters of the subjects and test it on the rest.

        Parameters
        ----------
        config : CNNConfig
            Trained for all its epochs: stopping early would hide overfitting.
        seed : int
            Of the split and of the network.

        Returns
        -------
        dict of str to float
            ``accuracy`` and ``macro_f1`` of the test, ``overfitting`` (balanced accuracy of the
            training less that of the test), ``mean_cross_entropy`` (of the training, over the
            epochs) and ``last_cross_entropy`` (of its last epoch). The penalty on large weights
            is in neither.
        """
        config = config.replace(validation_fraction=0.0, patience=None)
        reading = tuple(config.reading.values())
        if reading not in self._images:
            self._images[reading] = read_cells(
                self._cells, **config.reading, progress=self._progress
            )
        images = self._images[reading]
        about = [_FORMAT, config.to_json(), digest_of(images.ids, images.y), seed]
        about.append("" if images.subjects is None else digest_of(images.subjects))
        key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
        if key not in self._found:
            self._found[key] = self._kept(key) or self._train(images, config, seed, key)
        return self._found[key]

    def _kept(self, key: str) -> dict[str, float] | None:
        path = None if self._folder is None else self._folder / f"network-{key}.json"
        if path is None or not path.exists():
            return None
        try:
            return {name: float(value) for name, value in json.loads(path.read_text()).items()}
        except (ValueError, AttributeError, TypeError):
            raise ValueError(
                f"{str(path)!r} does not hold the figures of a network: delete it, and the "
                "network is trained again."
            ) from None

    def _train(
        self, images: CellImages, config: CNNConfig, seed: int, key: str
    ) -> dict[str, float]:
        split = make_splits(images, n_splits=4, random_state=seed)[0]
        train, test = images[split.train], images[split.test]
        cnn = fit_cnn(train, config, random_state=seed, progress=self._progress)
        assert train.y is not None
        assert test.y is not None
        predicted = cnn.predict(test)
        cross_entropy = (cnn.history_["loss"] - cnn.history_["penalty"]).to_numpy()
        found = {
            "accuracy": float((predicted == test.y).mean()),
            "macro_f1": _over_classes(f1_score, test.y, predicted),
            "overfitting": _over_classes(recall_score, train.y, cnn.predict(train))
            - _over_classes(recall_score, test.y, predicted),
            "mean_cross_entropy": float(cross_entropy.mean()),
            "last_cross_entropy": float(cross_entropy[-1]),
        }
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self._folder / f"network-{key}.json") as partial:
                partial.write_text(json.dumps(found))
        return found


def network_config(config: CNNConfig, side: dict[str, Any]) -> CNNConfig:
    """Return the settings of one side of a claim.

    Parameters
    ----------
    config : CNNConfig
        What both sides share.
    side : dict
        Settings of `CNNConfig`, and ``augmented``.
    """
    side = dict(side)
    augmented = side.pop("augmented", None)
    if augmented is not None:
        side["augmentation"] = CHEAP_AUGMENTATION if augmented else None
    return config.replace(**side)


def _over_classes(score: Callable[..., float], y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over the classes that there are; of recalls, the balanced accuracy."""
    return float(score(y, predicted, labels=np.unique(y), average="macro"))
