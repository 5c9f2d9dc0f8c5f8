"""Networks in 8 bits: calibrated once, on cells that are named, and kept as one file."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import logging
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leukfeat.atomic_file import written_whole
from leukfeat.exceptions import ImageReadError, SpecMismatchError, WeightsError
from leukfeat.features.cell_reading import network_inputs, pixel_key
from leukfeat.features.cells_input import as_dataset
from leukfeat.features.locations import user_cache_folder
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.own_registry import resolve_backbone
from leukfeat.features.progress import progress_bar
from leukfeat.features.space import make_spec
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import find_weights
from leukfeat.imaging.reading import read_image
from leukfeat.native_libraries import import_native
from leukfeat.safe_archive import UnsafeArchiveError, check_archive, read_member

__all__ = [
    "Int8Calibration",
    "calibrate_int8",
    "check_calibration",
    "kept_calibration",
    "quantised_network",
    "read_calibration",
]

_NOTE, _GRAPH, _NUMBERS = "int8.json", "model.xml", "model.bin"
_FORMAT = 1
_LARGEST = {_NOTE: 1 << 22, _GRAPH: 1 << 26, _NUMBERS: 1 << 31}
_COMPARED = 32


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


def calibrate_int8(
    cells: Any,
    path: str | os.PathLike[str],
    *,
    backbone: str | Backbone = "resnet50",
    weights: str | os.PathLike[str] = "imagenet",
    layers: str | list[str] | tuple[str, ...] = "avg_pool",
    pooling: Literal["avg", "gem"] = "avg",
    mask: Literal["background"] | None = None,
    input_size: int | tuple[int, int] | None = None,
    crop: int | str | None = None,
    preparation: Any = None,
    n_images: int = 300,
    random_state: int = 0,
    progress: bool = True,
) -> Int8Calibration:
    """Turn a network into 8-bit integers, its ranges measured on cells.

    NNCF's post-training quantisation [1]_ of the network that OpenVINO runs. What is measured is
    part of the result: take training cells only, keep the file, and give it to every
    :func:`extract_features` with ``precision="int8"``.

    Parameters
    ----------
    cells : CellDataset, list of paths or of RGB uint8 arrays, or array (n, height, width, 3)
        Training cells. Labels are not used.
    path : path-like
        The file to write, ``.int8`` by custom.
    backbone, weights, layers, pooling, mask, input_size, crop, preparation
        As for :func:`extract_features`; the features in 8 bits must then be asked for with the
        same.
    n_images : int, default=300
        Most images to measure on; more cells are drawn from.
    random_state : int, default=0
        Seed of that draw, and of ``weights="random"``.
    progress : bool, default=True
        Show bars, on standard error.

    Returns
    -------
    Int8Calibration

    Raises
    ------
    ImportError
        If NNCF or OpenVINO is not installed (``pip install "leukfeat[int8]"``).
    ImageReadError, WeightsError, ValueError
        As :func:`extract_features`.

    References
    ----------
    .. [1] Kozlov, Lazarevich, Shamporov, Lyalyushkin, Gorbachev: Neural Network Compression
       Framework for fast model inference, arXiv:2002.08679.
    """
    nncf = _nncf()
    openvino = import_native("openvino")
    from leukfeat.features.engines.converted_models import load_converted

    if isinstance(n_images, bool) or not isinstance(n_images, int) or n_images < 1:
        raise ValueError(
            f"The 'n_images' parameter must be a positive integer. Got {n_images!r} instead."
        )
    dataset = as_dataset(cells)
    network = resolve_backbone(backbone)
    source = find_weights(network, weights, random_state)
    spec = dataclasses.replace(
        make_spec(
            network,
            source,
            layers=layers,
            pooling=pooling,
            mask=mask,
            input_size=input_size,
            crop=crop,
            preparation=preparation,
            views=1,
            precision="float32",
        ),
        engine="openvino",
    )
    if not len(dataset):
        raise ImageReadError("There is no image to calibrate on.")
    drawn = np.random.default_rng(random_state).permutation(len(dataset))[:n_images]
    inputs, keys = _read([dataset.images[i] for i in drawn], spec, progress)
    core = openvino.Core()
    model, versions = load_converted(spec, source, core)
    with _to_standard_error(progress):
        quantised = nncf.quantize(model, nncf.Dataset(inputs), subset_size=len(inputs))
    versions = {
        **versions,
        **{name: importlib.metadata.version(name) for name in ("nncf", "openvino")},
    }
    graph, numbers = _serialised(quantised)
    difference = _difference(core, model, core.read_model(graph, numbers), inputs[:_COMPARED])
    note = {
        "format": _FORMAT,
        "spec": json.loads(spec.to_json()),
        "images": keys,
        "difference": difference,
        "versions": versions,
        "sha256": {_GRAPH: _digest(graph), _NUMBERS: _digest(numbers)},
    }
    target = Path(path).expanduser()
    with written_whole(target) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, content in (
            (_NOTE, json.dumps(note).encode()),
            (_GRAPH, graph),
            (_NUMBERS, numbers),
        ):
            archive.writestr(zipfile.ZipInfo(name), content)
    return read_calibration(target)


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
        raise FileNotFoundError(f"There is no int8 calibration '{file}'.")
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


def _nncf() -> Any:
    try:
        import_native("openvino")
        import nncf
    except ImportError as error:
        raise ImportError(
            f"calibrate_int8 needs NNCF and OpenVINO ({error}): pip install 'leukfeat[int8]'. To use "
            "a calibration that exists, OpenVINO alone will do."
        ) from error
    return nncf


def _read(
    images: list[Any], spec: FeatureSpec, progress: bool
) -> tuple[list[NDArray[np.uint8]], list[str]]:
    inputs, keys = [], []
    with progress_bar(len(images), "reading", progress) as bar:
        for image in images:
            pixels = read_image(image) if isinstance(image, str) else image
            inputs.append(network_inputs(pixels, spec))
            keys.append(pixel_key(pixels).hex())
            bar.update()
    return inputs, keys


def _serialised(model: Any) -> tuple[bytes, bytes]:
    openvino = import_native("openvino")
    with tempfile.TemporaryDirectory(prefix="leukfeat-") as folder:
        openvino.save_model(model, str(Path(folder, _GRAPH)), compress_to_fp16=False)
        return Path(folder, _GRAPH).read_bytes(), Path(folder, _NUMBERS).read_bytes()


def _difference(core: Any, model: Any, quantised: Any, inputs: list[NDArray[np.uint8]]) -> float:
    from leukfeat.features.engines.differences import relative_difference

    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    rows = []
    for one in (model, quantised):
        compiled = core.compile_model(one, "CPU", settings)
        rows.append(np.concatenate([compiled(pixels)[0] for pixels in inputs]))
    return relative_difference(rows[0], rows[1])


@contextlib.contextmanager
def _to_standard_error(progress: bool) -> Iterator[None]:
    """NNCF draws its bars on standard output, which belongs to the result."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.ExitStack() as stack:
            sink = sys.stderr if progress else stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(contextlib.redirect_stdout(sink))
            yield
    finally:
        logger.setLevel(level)


def _kept_path(digest: str) -> Path:
    return user_cache_folder() / "int8" / f"{digest.rpartition(':')[2]}.int8"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
