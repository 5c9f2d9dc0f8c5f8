"""Turning a network into 8 bits: its ranges measured once, on cells that are named."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import ImageReadError
from leukfeat.features.cell_reading import network_inputs
from leukfeat.features.cells_input import as_dataset
from leukfeat.features.int8_file import Int8Calibration, write_calibration
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.own_registry import resolve_backbone
from leukfeat.features.progress import progress_bar
from leukfeat.features.space import make_spec
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import find_weights
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import read_image
from leukfeat.native_libraries import import_native

__all__ = ["calibrate_int8"]

_GRAPH, _NUMBERS = "model.xml", "model.bin"
_COMPARED = 32


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

    if isinstance(n_images, bool) or not isinstance(n_images, Integral) or n_images < 1:
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
    return write_calibration(
        path,
        graph,
        numbers,
        spec=spec,
        images=keys,
        difference=difference,
        versions=versions,
    )


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
