"""The file of a network in 8 bits: written, read, and found again by its digest."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import zipfile
from pathlib import Path
from typing import Any

from leukfeat.atomic_file import written_whole
from leukfeat.exceptions import SpecMismatchError, WeightsError
from leukfeat.features.locations import user_cache_folder
from leukfeat.features.spec import FeatureSpec
from leukfeat.file_kind import not_a_file
from leukfeat.safe_archive import UnsafeArchiveError, check_archive, read_member

__all__ = [
    "Int8Calibration",
    "check_calibration",
    "kept_calibration",
    "quantised_network",
    "read_calibration",
    "write_calibration",
]

logger = logging.getLogger("leukfeat")

_NOTE, _GRAPH, _NUMBERS = "int8.json", "model.xml", "model.bin"
_FORMAT = 1
_LARGEST = {_NOTE: 1 << 22, _GRAPH: 1 << 26, _NUMBERS: 1 << 31}


@dataclasses.dataclass(frozen=True)
class Int8Calibration:
    """A network in 8 bits, and what it was calibrated on.

    Attributes
    ----------
    path : str
        The file.
    digest : str
        SHA-256 of the network in 8 bits: it is part of the feature space.
    spec : FeatureSpec
        The feature space in float32 whose network it is.
    images : tuple of str
        Digests of the pixels of the images that it was calibrated on.
    difference : float
        How far its rows lie from those in float32: median over images of the length of the
        difference, in lengths of the row.
    versions : dict of str to str
        Of the libraries that made it.
    """

    path: str
    digest: str
    spec: FeatureSpec
    images: tuple[str, ...]
    difference: float
    versions: dict[str, str]

    def __repr__(self) -> str:
        return (
            f"Int8Calibration({self.path!r}: {self.spec.title} on {len(self.images)} images, rows "
            f"{self.difference:.1%} from float32's)"
        )


def write_calibration(
    path: str | os.PathLike[str],
    graph: bytes,
    numbers: bytes,
    *,
    spec: FeatureSpec,
    images: list[str],
    difference: float,
    versions: dict[str, str],
) -> Int8Calibration:
    """Write a network in 8 bits and what is known of it.

    Parameters
    ----------
    path : path-like
        The file.
    graph, numbers : bytes
        The network, as OpenVINO writes it.
    spec, images, difference, versions
        As in :class:`Int8Calibration`.

    Returns
    -------
    Int8Calibration
    """
    note = {
        "format": _FORMAT,
        "spec": json.loads(spec.to_json()),
        "images": images,
        "difference": difference,
        "versions": versions,
        "sha256": {_GRAPH: _digest(graph), _NUMBERS: _digest(numbers)},
    }
    target = Path(path).expanduser()
    earlier = None
    with contextlib.suppress(OSError, WeightsError):
        earlier = _opened(target)[0].digest
    with written_whole(target) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, content in (
            (_NOTE, json.dumps(note).encode()),
            (_GRAPH, graph),
            (_NUMBERS, numbers),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    found = read_calibration(target)
    if earlier not in (None, found.digest):
        logger.warning(
            "'%s' takes the place of another calibration (%s): rows made with that one are another "
            "feature space, and are not mixed with those made from now on.",
            target,
            str(earlier)[:16],
        )
    return found


def read_calibration(path: str | os.PathLike[str]) -> Int8Calibration:
    """Read what a file of :func:`calibrate_int8` says of itself, and keep a copy of it.

    A classifier finds the copy, in the user's cache folder, by its digest.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Int8Calibration

    Raises
    ------
    FileNotFoundError
        If it is not there.
    WeightsError
        If it is no such file, damaged, or written by a newer leukfeat.
    """
    found, _, _ = _opened(path)
    kept = _kept_path(found.digest)
    if not kept.exists():
        # An engine would look there; that it cannot be kept is told only where it is missed.
        with contextlib.suppress(OSError):
            kept.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(kept) as partial:
                partial.write_bytes(Path(found.path).read_bytes())
    return found


def check_calibration(calibration: Int8Calibration, spec: FeatureSpec) -> None:
    """Raise if a network in 8 bits is not the one of a feature space.

    Parameters
    ----------
    calibration : Int8Calibration
    spec : FeatureSpec
        What is asked for.

    Raises
    ------
    SpecMismatchError
        With the settings that differ.
    """
    float32 = dataclasses.replace(
        spec,
        precision="float32",
        calibration=None,
        engine=calibration.spec.engine,
        views=calibration.spec.views,
    )
    differing = calibration.spec.differences(float32)
    if differing:
        raise SpecMismatchError(
            f"The int8 calibration {calibration.path!r} was made for another feature space "
            f"({'; '.join(differing)}). Calibrate again with the settings that are asked for."
        )


def kept_calibration(digest: str) -> str | None:
    """Return the path of the copy with a digest, if this machine has it.

    Parameters
    ----------
    digest : str
        As in the feature space.

    Returns
    -------
    str or None
    """
    path = _kept_path(digest)
    return str(path) if path.is_file() else None


def quantised_network(path: str, core: Any) -> tuple[Any, dict[str, str]]:
    """Read the network of a calibration.

    Parameters
    ----------
    path : str
        The file.
    core : openvino.Core
        Reads it.

    Returns
    -------
    model : openvino.Model
    versions : dict of str to str
        Of the libraries that made it.
    """
    found, graph, numbers = _opened(path)
    return core.read_model(graph, numbers), found.versions


def _opened(path: str | os.PathLike[str]) -> tuple[Int8Calibration, bytes, bytes]:
    file = Path(path).expanduser()
    if not file.exists():
        raise FileNotFoundError(
            f"There is no int8 calibration '{file}': give the path of one as 'calibration', or "
            "write one with leukfeat.calibrate_int8(training_cells, FILE)."
        )
    kind = not_a_file(file)
    if kind is not None:
        raise WeightsError(f"The int8 calibration '{file}' is {kind}, not a file.")
    try:
        with zipfile.ZipFile(file) as archive:
            check_archive(archive, allowed=_LARGEST, path=file)
            note = json.loads(read_member(archive, _NOTE, limit=_LARGEST[_NOTE]))
            parts = [read_member(archive, n, limit=_LARGEST[n]) for n in (_GRAPH, _NUMBERS)]
        if note["format"] > _FORMAT:
            raise WeightsError(
                f"The int8 calibration '{file}' was written by a newer leukfeat (format "
                f"{note['format']}; this one reads up to {_FORMAT})."
            )
        for name, content in zip((_GRAPH, _NUMBERS), parts, strict=True):
            if _digest(content) != note["sha256"][name]:
                raise WeightsError(f"The int8 calibration '{file}' is damaged: {name}.")
        found = Int8Calibration(
            str(file),
            "sha256:" + _digest(b"".join(parts)),
            FeatureSpec.from_json(json.dumps(note["spec"])),
            tuple(note["images"]),
            float(note["difference"]),
            dict(note["versions"]),
        )
    except (zipfile.BadZipFile, UnsafeArchiveError, OSError, KeyError, TypeError, ValueError) as e:
        if isinstance(e, WeightsError):
            raise
        raise WeightsError(
            f"'{file}' is no file of calibrate_int8, or damaged: {type(e).__name__}: {e}."
        ) from e
    return found, parts[0], parts[1]


def _kept_path(digest: str) -> Path:
    return user_cache_folder() / "int8" / f"{digest.rpartition(':')[2]}.int8"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
