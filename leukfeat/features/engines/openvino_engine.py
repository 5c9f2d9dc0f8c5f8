"""The fast engine: OpenVINO, one image a request and several requests in flight."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leukfeat.exceptions import WeightsError
from leukfeat.features.engines.converted_models import load_converted
from leukfeat.features.engines.devices import find_device
from leukfeat.features.engines.differences import difference_note, tell_difference
from leukfeat.features.int8_file import kept_calibration, quantised_network
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource
from leukfeat.native_libraries import import_native

__all__ = ["OpenvinoEngine", "check_openvino"]

_COMPARED = 8

# Said for float32 too: by itself OpenVINO computes in bfloat16 where the processor can.
_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}


class OpenvinoEngine:
    """A backbone compiled by OpenVINO for this machine's processor.

    A row does not depend on its neighbours: each image is a request of its own.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights.
    streams : int, optional
        Images computed at the same time. Default: OpenVINO's choice for throughput.
    device : str, default="auto"
        ``"auto"`` is the processor: what is measured and tested runs there.

    Raises
    ------
    ValueError
        If the device is not there, or does not offer the arithmetic.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        source: WeightsSource,
        *,
        streams: int | None = None,
        device: str = "auto",
    ) -> None:
        self._openvino = import_native("openvino")
        core, place = _find_place(spec, device)
        if spec.precision == "int8":
            model, versions = quantised_network(_calibration(spec, source), core)
        else:
            model, versions = load_converted(spec, source, core)
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_PRECISION_HINT": _HINTS[spec.precision],
        }
        if streams is not None:
            settings["NUM_STREAMS"] = str(streams)
        threads = os.environ.get("OMP_NUM_THREADS", "")
        if place == "CPU" and threads.isdecimal() and int(threads):
            # What joblib and schedulers set to share a machine; OpenVINO itself does not read it.
            settings["INFERENCE_NUM_THREADS"] = int(threads)
        self._compiled = core.compile_model(model, place, settings)
        self._float32: Callable[[], Any] | None = None
        if spec.precision == "bfloat16" and not difference_note(spec).exists():
            exact = {"INFERENCE_PRECISION_HINT": "f32"}
            self._float32 = lambda: core.compile_model(model, place, exact)
        self._spec = spec
        # One more than are computed, so that an input waits ready when one is done.
        self._requests = self._compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + 1
        self.n_features = int(self._compiled.output(0).partial_shape[1].get_length())
        self.versions = {"openvino": self._openvino.__version__, **versions}

    def stream(
        self, inputs: Iterable[NDArray[np.uint8]], batch_size: int
    ) -> Iterator[NDArray[np.float32]]:
        """Compute one row for each input; see :class:`Engine`. Batches mean nothing here."""
        # Taken, so that of several threads one compares.
        float32, self._float32 = self._float32, None
        if float32 is not None:
            inputs = self._compare_with_float32(inputs, float32)
        # No queue with a Python callback: the thread that ran the last request may still hold the
        # callback when the model is freed, and each then waits for the other for ever.
        free = [self._compiled.create_infer_request() for _ in range(self._requests)]
        running: deque[Any] = deque()

        def oldest() -> NDArray[np.float32]:
            request = running.popleft()
            request.wait()
            free.append(request)
            row: NDArray[np.float32] = request.get_output_tensor(0).data[0].copy()
            return row

        try:
            for pixels in inputs:
                if not free:
                    yield oldest()
                request = free.pop()
                request.start_async({0: pixels[np.newaxis]})
                running.append(request)
            while running:
                yield oldest()
        finally:
            for request in running:
                request.wait()

    def _compare_with_float32(
        self, inputs: Iterable[NDArray[np.uint8]], float32: Callable[[], Any]
    ) -> Iterable[Any]:
        """Say once for each network how far the rows of the first images lie from float32's."""
        coming = iter(inputs)
        first = list(itertools.islice(coming, _COMPARED))
        if first:
            exact = float32()
            rows = (
                np.concatenate([model(pixels[np.newaxis])[0] for pixels in first])
                for model in (exact, self._compiled)
            )
            tell_difference(self._spec, *rows)
        return itertools.chain(first, coming)


def check_openvino(spec: FeatureSpec, source: WeightsSource, *, device: str = "auto") -> None:
    """Raise as the engine would that is to compute rows, without reading the network.

    Parameters
    ----------
    spec, source, device
        As of :class:`OpenvinoEngine`.

    Raises
    ------
    ValueError
        If the device is not there, or does not offer the arithmetic.
    WeightsError
        If the network in 8 bits is not on this machine.
    """
    if device != "auto" or spec.precision == "bfloat16":
        _find_place(spec, device)
    if spec.precision == "int8":
        _calibration(spec, source)


def _find_place(spec: FeatureSpec, device: str) -> tuple[Any, str]:
    """Return OpenVINO's core, and its name of the device."""
    core = import_native("openvino").Core()
    place = "CPU"
    if device != "auto":
        place = find_device(device, core.available_devices, "openvino")
    offered = core.get_property(place, "OPTIMIZATION_CAPABILITIES")
    if spec.precision == "bfloat16" and "BF16" not in offered:
        # It would compute in float32 and say nothing: other rows under the same name.
        raise ValueError(
            f"precision='bfloat16' needs a processor with bfloat16 instructions; OpenVINO "
            f"finds {offered} here. Take precision='float32'."
        )
    return core, place


def _calibration(spec: FeatureSpec, source: WeightsSource) -> str:
    path = source.calibration or kept_calibration(spec.calibration or "")
    if path is None:
        raise WeightsError(
            f"The network in 8 bits ({spec.calibration}) is not on this machine: give its file, "
            "which leukfeat.calibrate_int8(training_cells, FILE) wrote, as 'calibration'."
        )
    return path
