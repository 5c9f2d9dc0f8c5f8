"""One file that holds a classifier, and that runs no code of its author's when it is read."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from leukfeat.atomic_file import written_whole
from leukfeat.classifier.cell_classifier import CellClassifier
from leukfeat.classifier.extraction import own_weights_part
from leukfeat.classifier.novelty import TrainingReference
from leukfeat.cnn.classifier import CNNClassifier
from leukfeat.cnn.model_file import load_cnn, save_cnn
from leukfeat.exceptions import LeukfeatError
from leukfeat.features.locations import user_cache_folder
from leukfeat.features.own_backbone import Backbone
from leukfeat.file_kind import not_a_file
from leukfeat.heads.stored_head import foreign_types, read_stored_head
from leukfeat.safe_archive import check_archive, read_member

__all__ = [
    "MODEL_FORMAT",
    "MODEL_FORMAT_VERSION",
    "ModelFileError",
    "UntrustedModelError",
    "load_model",
    "save_model",
]

MODEL_FORMAT = "leukfeat-model"
MODEL_FORMAT_VERSION = 2
"""Raised when older versions of leukfeat could not read the file; older files stay readable.

2 holds a network of the user's own, or a CNN; what needs neither is written as 1."""

_ABOUT, _HEAD, _REFERENCE, _WEIGHTS = "model.json", "head.skops", "reference.npz", "weights.h5"
_OWN = {"keras": "backbone.keras", "onnx": "backbone.onnx"}
_CNN = "cnn.keras"
_MEMBERS = (_ABOUT, _HEAD, _REFERENCE, _WEIGHTS, *_OWN.values(), _CNN)
_LIBRARIES = ("leukfeat", "scikit-learn", "numpy", "skops", "keras", "tensorflow")


_ZIP_START = b"PK\3\4"


class ModelFileError(LeukfeatError, ValueError):
    """A model file is damaged, is none, or asks for more trust than it was given."""


class UntrustedModelError(ModelFileError):
    """It may be a pickle, which is read only for who says that he made it."""


def save_model(
    model: Any, path: str | os.PathLike[str], *, trusted_types: Sequence[str] = ()
) -> Path:
    """Write a classifier to one file.

    Parameters
    ----------
    model : CellClassifier, Head or CNNClassifier
        A bare head is stored without its training cells' reference: distances are then not
        known after loading. A network of :func:`leukfeat.fit_cnn` is stored whole; for a path
        that ends in ``.keras`` as a file that stock Keras reads too.
    path : path-like
        The file; by custom it ends in ``.leukfeat``. It is replaced whole, or not at all.
    trusted_types : sequence of str, default=()
        Full names of further types that the head may hold, such as a classifier of your own.
        Who loads the file must name them too, and have the package that defines them.

    Returns
    -------
    pathlib.Path
        Where it stands.

    Raises
    ------
    ModelFileError
        If the head holds a type that is neither known to be safe nor in `trusted_types`.
    ValueError
        If the head is not fitted on features of a known space.

    Notes
    -----
    The file is a zip of ``model.json`` (format, versions, feature space, digests of the other
    members), the head written by skops, the training reference as arrays, and the user's own
    weights or network if there are any; stock ImageNet weights are named by digest. Nothing in it
    is a pickle.
    """
    import skops.io

    path = Path(path).expanduser()
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder '{path.absolute().parent}' to write to.")
    if isinstance(model, CNNClassifier):
        return _save_network(model, path)
    classifier = model if isinstance(model, CellClassifier) else CellClassifier(model)
    head = skops.io.dumps(classifier.head)
    foreign = foreign_types(head, trusted_types)
    if foreign:
        raise ModelFileError(
            f"The head holds types that leukfeat does not know to be safe: {foreign}. If they are "
            f"yours, save and load it with trusted_types={foreign}; or use a head of "
            "scikit-learn's own parts."
        )
    members = {_HEAD: head}
    if classifier.reference is not None:
        held = io.BytesIO()
        np.savez(held, **classifier.reference.arrays())  # type: ignore[arg-type]
        members[_REFERENCE] = held.getvalue()
    if classifier.backbone is not None:
        classifier.backbone.check_file()
        members[_OWN[classifier.backbone.kind]] = Path(classifier.backbone.file).read_bytes()
    if own_weights_part(classifier.spec) is not None:
        members[_WEIGHTS] = Path(str(classifier._weights_path())).read_bytes()
    members = {_ABOUT: _about(classifier, members), **members}
    _write(members, path)
    return path


def load_model(
    path: str | os.PathLike[str],
    *,
    trusted: bool = False,
    trusted_types: Sequence[str] = (),
) -> CellClassifier | CNNClassifier:
    """Read a classifier back.

    Parameters
    ----------
    path : path-like
        A file that :func:`save_model` wrote.
    trusted : bool, default=False
        Also read a pickle or joblib file. Such a file runs whatever its author put into it:
        only for one you made yourself.
    trusted_types : sequence of str, default=()
        Full names of further types that the head may hold, for heads that you registered.

    Returns
    -------
    CellClassifier or CNNClassifier
        What was saved. A network is read in Keras's safe mode, and only if all its layers are
        Keras's own.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is no model file, damaged, written by a newer leukfeat or with another version of
        scikit-learn that the installed one cannot read, or holds a type that is neither known to
        be safe nor in `trusted_types`.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no model file '{path}'.")
    if path.is_dir():
        raise ModelFileError(
            f"'{path}' is a folder. A model is one file, as save_model writes it; on the command "
            "line it is named before the cells."
        )
    kind = not_a_file(path)
    if kind is not None:
        raise ModelFileError(f"'{path}' is {kind}, not a model file.")
    if not _is_zip(path):
        return _load_pickle(path, trusted)
    if path.suffix == ".keras":
        return _load_network(path, path)
    try:
        return _load_archive(path, trusted_types)
    except (LeukfeatError, PermissionError, ImportError, MemoryError):
        raise
    except Exception as error:
        # The readers of its parts fail in many ways on what none of them wrote.
        raise ModelFileError(
            f"The model file '{path}' is damaged, or was made by hand: {type(error).__name__}: "
            f"{error}. Get the file again."
        ) from error


def _is_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # Python 3.11 lets some of its own refusals through
        return False


def _load_archive(path: Path, trusted_types: Sequence[str]) -> CellClassifier | CNNClassifier:
    try:
        with zipfile.ZipFile(path) as archive:
            check_archive(archive, allowed=_MEMBERS, path=path)
            about = json.loads(read_member(archive, _ABOUT, limit=1 << 20))
            _check_about(about, path)
            content = {name: _read_checked(archive, name, about, path) for name in about["members"]}
    except (zipfile.BadZipFile, KeyError, TypeError, json.JSONDecodeError, EOFError) as error:
        raise ModelFileError(f"The model file '{path}' is damaged: {error}.") from error
    if _CNN in content:
        with tempfile.TemporaryDirectory(prefix="leukfeat-") as folder:
            network = Path(folder, _CNN)
            network.write_bytes(content[_CNN])
            return _load_network(network, path)
    versions = about.get("versions")
    head = read_stored_head(
        content[_HEAD],
        path=path,
        trusted_types=trusted_types,
        error=ModelFileError,
        written_with=versions.get("scikit-learn") if isinstance(versions, dict) else None,
    )
    reference = None
    if _REFERENCE in content:
        with zipfile.ZipFile(io.BytesIO(content[_REFERENCE])) as inner:
            check_archive(inner, path=path)
        with np.load(io.BytesIO(content[_REFERENCE]), allow_pickle=False) as arrays:
            reference = TrainingReference.from_arrays(arrays)
    weights = None
    if _WEIGHTS in content:
        weights = _keep_weights(content[_WEIGHTS], ".weights.h5")
    if getattr(head, "spec_", None) is None or not hasattr(head, "class_names_"):
        raise ModelFileError(
            f"The model file '{path}' holds a {type(head).__name__} where a fitted head should be."
        )
    return CellClassifier.from_parts(head, reference, weights, _own_backbone(about, content, path))


def _own_backbone(about: dict[str, Any], content: dict[str, bytes], path: Path) -> Backbone | None:
    declared = about.get("backbone")
    if declared is None:
        return None
    try:
        name = _OWN[declared["kind"]]
        return Backbone.from_dict(declared, _keep_weights(content[name], Path(name).suffix))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"The model file '{path}' holds a backbone that cannot be used: {error}"
        ) from error


def _save_network(network: CNNClassifier, path: Path) -> Path:
    if path.suffix == ".keras":
        save_cnn(network, path)
        return path
    with tempfile.TemporaryDirectory(prefix="leukfeat-") as folder:
        whole = Path(folder, _CNN)
        save_cnn(network, whole)
        members = {_CNN: whole.read_bytes()}
    about = {**_general(members), "class_names": list(network.class_names_), "head": "cnn"}
    _write({_ABOUT: _text(about), **members}, path)
    return path


def _load_network(file: Path, path: Path) -> CNNClassifier:
    try:
        return load_cnn(file)
    except (ValueError, TypeError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"The network in '{path}' cannot be used: {error}") from error


def _write(members: dict[str, bytes], path: Path) -> None:
    with written_whole(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, content in members.items():
            # Stored, not compressed: a reader that wants nothing else cannot be given a bomb.
            archive.writestr(zipfile.ZipInfo(name), content)


def _general(members: dict[str, bytes]) -> dict[str, Any]:
    is_old = {*members} <= {_HEAD, _REFERENCE, _WEIGHTS}
    return {
        "format": MODEL_FORMAT,
        "format_version": 1 if is_old else MODEL_FORMAT_VERSION,
        "versions": {name: version(name) for name in _LIBRARIES},
        "members": {
            name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in members.items()
        },
    }


def _text(about: dict[str, Any]) -> bytes:
    return json.dumps(about, indent=2, sort_keys=True).encode()


def _about(classifier: CellClassifier, members: dict[str, bytes]) -> bytes:
    about = {
        **_general(members),
        "spec": json.loads(classifier.spec.to_json()),
        "spec_digest": classifier.spec.digest,
        "class_names": list(classifier.class_names),
        "head": str(getattr(classifier.head, "head", type(classifier.head).__name__)),
    }
    if classifier.backbone is not None:
        about["backbone"] = classifier.backbone.to_dict()
    return _text(about)


def _check_about(about: Any, path: Path) -> None:
    if not isinstance(about, dict) or about.get("format") != MODEL_FORMAT:
        raise ModelFileError(f"'{path}' is a zip file, but not one that leukfeat wrote.")
    if about["format_version"] > MODEL_FORMAT_VERSION:
        raise ModelFileError(
            f"The model file '{path}' has format {about['format_version']}, written by leukfeat "
            f"{about.get('versions', {}).get('leukfeat')}; this one reads up to "
            f"{MODEL_FORMAT_VERSION}. Upgrade leukfeat."
        )
    if not {_HEAD, _CNN} & {*about["members"]}:
        raise ModelFileError(f"The model file '{path}' holds no head, and no network.")


def _read_checked(archive: zipfile.ZipFile, name: str, about: dict[str, Any], path: Path) -> bytes:
    expected = about["members"][name]
    content = read_member(archive, name, limit=int(expected["bytes"]))
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise ModelFileError(
            f"The model file '{path}' is damaged: {name!r} does not have the digest that was "
            "written with it. Get the file again."
        )
    return content


def _load_pickle(path: Path, trusted: bool) -> CellClassifier:
    with path.open("rb") as file:
        if file.read(len(_ZIP_START)) == _ZIP_START:
            raise ModelFileError(
                f"The model file '{path}' is incomplete or damaged: it begins as one, and its end "
                "is missing. Get the file again."
            )
    if not trusted:
        raise UntrustedModelError(
            f"'{path}' is not a leukfeat model file. If it is a pickle or joblib file, reading it "
            "would run whatever its author put into it; only for one that you made yourself, "
            "pass trusted=True."
        )
    import joblib

    loaded = joblib.load(path)
    if isinstance(loaded, CellClassifier):
        return loaded
    return CellClassifier(loaded)


def _keep_weights(content: bytes, ending: str) -> str:
    folder = user_cache_folder() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(content).hexdigest()}{ending}"
    if not path.exists() or path.stat().st_size != len(content):
        with written_whole(path) as partial:
            partial.write_bytes(content)
    return str(path)
