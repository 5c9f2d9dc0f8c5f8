"""A trained network in one ``.keras`` file that stock Keras reads too."""

from __future__ import annotations

import json
import os
import zipfile
from importlib.metadata import version
from pathlib import Path

from leukfeat.atomic_file import written_whole
from leukfeat.cnn.classifier import CNNClassifier
from leukfeat.cnn.config import CNNConfig
from leukfeat.cnn.training_record import TrainingRecord
from leukfeat.features.network_file import (
    CONTROLS_MEMBER,
    FACTS_MEMBER,
    load_network,
    network_member,
)
from leukfeat.file_kind import not_a_file
from leukfeat.heads.stored_head import read_stored_head

__all__ = ["MODEL_FILE_FORMAT", "load_cnn", "save_cnn"]

MODEL_FILE_FORMAT = 1
"""Number of the layout of our member of the file."""


def save_cnn(classifier: CNNClassifier, path: str | os.PathLike[str]) -> None:
    """Write a trained network to one ``.keras`` file.

    ``keras.models.load_model(path)`` reads it in safe mode, without leukfeat. What leukfeat
    knows beyond the model is in one more member of the archive, as JSON, and the control heads in
    another, by skops; names of subjects are not in them, only their digests.

    Parameters
    ----------
    classifier : CNNClassifier
        What to write.
    path : path-like
        Ends in ``.keras``. Replaced as a whole, or left as it was.

    Raises
    ------
    ValueError
        If the name ends otherwise.
    """
    import keras
    import skops.io

    target = Path(path)
    if target.suffix != ".keras":
        raise ValueError(f"'path' must end in '.keras'. Got {str(path)!r} instead.")
    facts = {
        "format": MODEL_FILE_FORMAT,
        "versions": {"keras": keras.__version__, "scikit-learn": version("scikit-learn")},
        "config": json.loads(classifier.config.to_json()),
        "class_names": list(classifier.class_names_),
        "positive": classifier.positive,
        "threshold": classifier.threshold_,
        "record": classifier.record.to_dict(),
    }
    with written_whole(target) as partial:
        classifier.model_.save(partial)
        with zipfile.ZipFile(partial, "a") as archive:
            archive.writestr(FACTS_MEMBER, json.dumps(facts))
            if classifier.control_heads_:
                archive.writestr(CONTROLS_MEMBER, skops.io.dumps(classifier.control_heads_))


def load_cnn(path: str | os.PathLike[str]) -> CNNClassifier:
    """Read a network that :func:`save_cnn` wrote, in Keras's safe mode.

    Parameters
    ----------
    path : path-like
        A ``.keras`` file.

    Returns
    -------
    CNNClassifier
        Its ``control_heads_`` are empty if the file is of a version that did not keep them.

    Raises
    ------
    ValueError
        If the file is no such archive, was written by a newer leukfeat, its network holds parts
        that are not Keras's own, run code or read other files, or its control heads hold types
        that are not known to be safe.
    """
    facts = kept = None
    kind = not_a_file(path)
    if kind is not None:
        raise ValueError(f"{path} is {kind}, not a file.")
    try:
        with zipfile.ZipFile(path) as archive:
            if FACTS_MEMBER in archive.namelist():
                facts = json.loads(network_member(archive, FACTS_MEMBER))
            if CONTROLS_MEMBER in archive.namelist():
                kept = network_member(archive, CONTROLS_MEMBER)
    except (zipfile.BadZipFile, RecursionError) as error:
        raise _of_other_origin(path, error) from error
    try:
        network = load_network(path, compile=True)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from error
    if not isinstance(facts, dict):
        raise _of_other_origin(path, f"there is no {FACTS_MEMBER!r} in it")
    if facts["format"] > MODEL_FILE_FORMAT:
        raise ValueError(
            f"{path} has format {facts['format']}; this leukfeat reads up to {MODEL_FILE_FORMAT}. "
            "Install the version that wrote it."
        )
    names = facts["class_names"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path} is damaged: its class names are {names!r}, not texts.")
    versions = facts.get("versions")
    written_with = versions.get("scikit-learn") if isinstance(versions, dict) else None
    controls = None
    if kept is not None:
        controls = read_stored_head(kept, path=Path(path), written_with=written_with)
    if not isinstance(controls, dict | None):
        raise ValueError(f"{path} is damaged: its {CONTROLS_MEMBER!r} holds no control heads.")
    return CNNClassifier(
        network,
        config=CNNConfig.from_json(json.dumps(facts["config"])),
        class_names=tuple(names),
        positive=facts["positive"],
        threshold=facts["threshold"] if facts["threshold"] is not None else 0.5,
        record=TrainingRecord.from_dict(facts["record"]),
        control_heads=controls,
    )


def _of_other_origin(path: str | os.PathLike[str], why: object) -> ValueError:
    return ValueError(
        f"{path} is no network saved by leukfeat ({why}). A model of other origin is read with "
        "keras.models.load_model(path, safe_mode=True)."
    )
