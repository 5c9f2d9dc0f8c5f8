"""What a run has predicted so far, on disk, so that an interrupted run goes on."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from leukfeat.atomic_file import written_whole
from leukfeat.evaluation import Predictions

__all__ = ["RUN_FORMAT", "RunFolder"]

RUN_FORMAT = 1
"""Number of the layout of a stored fold."""


class Fold(NamedTuple):
    """What came out of one fold.

    Parameters
    ----------
    predictions : dict of str to Predictions
        The head's by name, and the control heads'.
    seconds : float
        What they took when they were computed.
    facts : dict of str to float
        What was noted of the fit, such as columns or epochs.
    """

    predictions: dict[str, Predictions]
    seconds: float
    facts: dict[str, float]


_ARRAYS = ("y", "predicted", "scores", "subjects", "ids", "cells", "repeat", "fold", "paths")


class RunFolder:
    """Folds by key; kept in a folder, or not at all.

    Parameters
    ----------
    folder : path-like or None
        Made if missing. ``None`` keeps nothing.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def fold(self, key: tuple[Any, ...], compute: Callable[[], Fold]) -> Fold:
        """Return a fold that is there, or compute and keep it.

        Parameters
        ----------
        key : tuple
            All that the fold depends on, as plain values.
        compute : callable
            Returns the fold.

        Returns
        -------
        Fold
        """
        if self.folder is None:
            return compute()
        path = self.folder / f"fold-{_digest(key)}.npz"
        if path.exists():
            return _read(path)
        found = compute()
        with written_whole(path) as partial:
            _write(partial, found)
        return found

    def first_time(self, key: tuple[Any, ...], seconds: float) -> float:
        """Return the time that something took when it was first done.

        Parameters
        ----------
        key : tuple
            What was done, as plain values.
        seconds : float
            What it took now.

        Returns
        -------
        float
        """
        if self.folder is None:
            return seconds
        path = self.folder / f"time-{_digest(key)}.json"
        if path.exists():
            return float(json.loads(path.read_text()))
        with written_whole(path) as partial:
            partial.write_text(json.dumps(seconds))
        return seconds

    def place(self, key: tuple[Any, ...]) -> Path | None:
        """Return a folder for what a fold keeps while it is computed (a checkpoint)."""
        if self.folder is None:
            return None
        return self.folder / f"training-{_digest(key)}"


def _digest(key: tuple[Any, ...]) -> str:
    text = json.dumps([RUN_FORMAT, *key], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write(path: Path, found: Fold) -> None:
    about: dict[str, Any] = {
        "format": RUN_FORMAT,
        "seconds": found.seconds,
        "facts": found.facts,
        "heads": [],
    }
    arrays: dict[str, np.ndarray] = {}
    for i, (name, predictions) in enumerate(found.predictions.items()):
        texts = {}
        for field in _ARRAYS:
            values = getattr(predictions, field)
            if values is None:
                continue
            if values.dtype == object:
                # As JSON: an object array would need a pickle.
                texts[field] = [None if v is None else str(v) for v in values]
            else:
                arrays[f"{i}_{field}"] = values
        about["heads"].append(
            {
                "name": name,
                "class_names": list(predictions.class_names),
                "positive": predictions.positive,
                "texts": texts,
            }
        )
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _read(path: Path) -> Fold:
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(stored["about"].tobytes())
            held: list[dict[str, Any]] = [
                {
                    field: np.array(head["texts"][field], object)
                    if field in head["texts"]
                    else stored.get(f"{i}_{field}")
                    for field in _ARRAYS
                }
                for i, head in enumerate(about["heads"])
            ]
            found = {
                head["name"]: Predictions(
                    **held[i],
                    class_names=tuple(head["class_names"]),
                    positive=head["positive"],
                )
                for i, head in enumerate(about["heads"])
            }
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{str(path)!r} is no stored fold of a recipe ({error}): delete it, and the fold is "
            "computed again."
        ) from None
    # Folds of before there were facts have none.
    return Fold(found, float(about["seconds"]), about.get("facts", {}))
