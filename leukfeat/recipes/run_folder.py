"""What a run has predicted so far, on disk, so that an interrupted run goes on."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from leukfeat.atomic_file import written_whole
from leukfeat.evaluation import Predictions
from leukfeat.evaluation.provenance import versions

__all__ = ["RUN_FORMAT", "RunFolder"]

RUN_FORMAT = 2
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
    versions : dict of str to str, default={}
        Of Python and the libraries that it was computed with; empty where a file is older than
        this.
    """

    predictions: dict[str, Predictions]
    seconds: float
    facts: dict[str, float]
    versions: Mapping[str, str] = MappingProxyType({})

    def other_versions(self) -> list[str]:
        """Return in words which versions differ from today's: nothing, or one text."""
        now = _versions_now()
        others = [
            f"{name} {one}" for name, one in self.versions.items() if now.get(name, one) != one
        ]
        return [", ".join(others)] if others else []


@functools.cache
def _versions_now() -> dict[str, str]:
    return versions()


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
            try:
                return float(json.loads(path.read_bytes()))
            except (OSError, ValueError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"{str(path)!r} is no stored time of a recipe ({_reason(error)}): delete it, and "
                    "the time is measured again."
                ) from None
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
        "versions": dict(found.versions) or _versions_now(),
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
    about["sha256"] = {name: _array_digest(values) for name, values in arrays.items()}
    text = json.dumps(about).encode()
    described = text + b"\n" + hashlib.sha256(text).hexdigest().encode()
    arrays["about"] = np.frombuffer(described, np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _array_digest(values: np.ndarray) -> str:
    kind = f"{values.dtype.str} {values.shape} ".encode()
    return hashlib.sha256(kind + np.ascontiguousarray(values).tobytes()).hexdigest()


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _read(path: Path) -> Fold:
    try:
        # Opened here: np.load leaves a file open that is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            content = stored["about"].tobytes()
            text, _, digest = content.rpartition(b"\n")
            if hashlib.sha256(text).hexdigest().encode() != digest:
                raise ValueError("its description does not match its checksum")
            about = json.loads(text)
            # All that is listed, and nothing else: an array whose name is damaged is missing.
            arrays = {name: stored[name] for name in about["sha256"]}
            for name, values in arrays.items():
                if _array_digest(values) != about["sha256"][name]:
                    raise ValueError(f"its array {name!r} does not match its checksum")
            found = {}
            for i, head in enumerate(about["heads"]):
                held: dict[str, Any] = {
                    field: np.array(head["texts"][field], object)
                    if field in head["texts"]
                    else arrays.get(f"{i}_{field}")
                    for field in _ARRAYS
                }
                found[head["name"]] = Predictions(
                    **held, class_names=tuple(head["class_names"]), positive=head["positive"]
                )
            return Fold(
                found,
                float(about["seconds"]),
                dict(about["facts"]),
                dict(about.get("versions", {})),
            )
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        MemoryError,
        NotImplementedError,
        RecursionError,
        RuntimeError,
        SyntaxError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise ValueError(
            f"{str(path)!r} is no stored fold of a recipe ({_reason(error)}): delete it, and the fold "
            "is computed again."
        ) from None
