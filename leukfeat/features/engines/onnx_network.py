"""A user's own ONNX network, with its declared preprocessing put in front."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from leukfeat.exceptions import WeightsError
from leukfeat.features.engines.onnx_message import stores_weights_elsewhere
from leukfeat.features.engines.own_network import check_input, check_output
from leukfeat.features.engines.pooling import GEM_FLOOR, GEM_POWER
from leukfeat.features.own_backbone import Backbone
from leukfeat.native_libraries import import_native

__all__ = ["read_onnx"]


def read_onnx(own: Backbone, core: Any) -> Any:
    """Build declared preprocessing, network and pooling as one OpenVINO model.

    Parameters
    ----------
    own : Backbone
        Of kind ``"onnx"``.
    core : openvino.Core
        Reads it.

    Returns
    -------
    openvino.Model
        In float32, from ``uint8`` of shape ``(1, height, width, 3)`` to ``(1, n_features)``.

    Raises
    ------
    WeightsError
        If the file cannot be read, or its network does not fit the declaration.
    """
    openvino = import_native("openvino")
    own.check_file()
    try:
        elsewhere = stores_weights_elsewhere(own.file)
    except ValueError as error:
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) is no ONNX model, or damaged: {error}."
        ) from error
    if elsewhere:
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) keeps weights in a second file, which its "
            "digest would not cover. Export it with torch.onnx.export(..., external_data=False)."
        )
    try:
        model = core.read_model(own.file)
    except RuntimeError as error:
        raise WeightsError(
            f"OpenVINO cannot read the backbone {own.name!r} ({own.file}): {_reason(error)}"
        ) from error
    # Infinities may be meant, in masks of attention.
    if any(np.isnan(data).any() for data in _real_constants(model)):
        raise WeightsError(f"The backbone {own.name!r} ({own.file}) holds NaN among its weights.")
    if len(model.inputs) != 1:
        names = [given.any_name for given in model.inputs]
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) takes the inputs {names}; expected one image."
        )
    check_input(own, _shape(model.inputs[0]))
    kind = model.inputs[0].get_element_type()
    if not kind.is_real():
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) takes {kind.get_type_name()} and not floating "
            "point: export it without its own preprocessing, and declare that."
        )
    height, width = own.input_size
    shape = [1, height, width, 3] if own.layout == "NHWC" else [1, 3, height, width]
    output = _find_output(own, model)
    try:
        model.reshape({model.inputs[0]: openvino.PartialShape(shape)})
    except RuntimeError as error:
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) does not take one image of shape {shape}: "
            f"{_reason(error)} Export it with a dynamic batch axis."
        ) from error
    check_output(own, _shape(output))
    if _shape(output)[0] not in (1, None):
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) gives {_shape(output)} for one image: export it "
            "with a dynamic batch axis."
        )
    pixels = _put_preprocessing(own, model.inputs[0], kind)
    result = openvino.opset13.result(_pooled(own, output))
    return openvino.Model([result], [pixels], own.name)


def _real_constants(model: Any) -> Iterator[Any]:
    for operation in model.get_ops():
        if operation.get_type_name() == "Constant":
            data = operation.data
            if data.dtype.kind == "f":
                yield data


def _put_preprocessing(own: Backbone, given: Any, kind: Any) -> Any:
    openvino = import_native("openvino")
    ops = openvino.opset13
    targets = list(given.get_target_inputs())
    pixels = ops.parameter([1, *own.input_size, 3], np.uint8, name="pixels")
    x = ops.convert(pixels, "f32")
    if own.channel_order == "BGR":
        x = ops.gather(x, np.array([2, 1, 0], np.int64), np.array(3, np.int64))
    x = ops.multiply(x, np.array(own.scale, np.float32))
    x = ops.subtract(x, np.array(own.mean, np.float32))
    x = ops.divide(x, np.array(own.std, np.float32))
    if own.layout == "NCHW":
        x = ops.transpose(x, np.array([0, 3, 1, 2], np.int64))
    if kind.get_type_name() != "f32":
        x = ops.convert(x, kind.get_type_name())
    for target in targets:
        target.replace_source_output(x.output(0))
    return pixels


def _pooled(own: Backbone, output: Any) -> Any:
    ops = import_native("openvino").opset13
    values = ops.convert(output, "f32")
    if len(output.get_partial_shape()) == 2:
        return values
    places = np.array([1, 2] if own.layout == "NHWC" else [2, 3], np.int64)
    if own.pooling == "avg":
        return ops.reduce_mean(values, places)
    power = np.array(GEM_POWER, np.float32)
    cubes = ops.power(ops.maximum(values, np.array(GEM_FLOOR, np.float32)), power)
    return ops.power(ops.reduce_mean(cubes, places), np.array(1 / GEM_POWER, np.float32))


def _find_output(own: Backbone, model: Any) -> Any:
    if own.output is not None:
        for operation in model.get_ops():
            for port in operation.outputs():
                if own.output in port.get_names() and operation.get_type_name() != "Result":
                    return port
        names = sorted({name for port in model.outputs for name in port.get_names()})
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) has no tensor {own.output!r}. Its outputs are "
            f"{names}."
        )
    if len(model.outputs) != 1:
        names = [port.any_name for port in model.outputs]
        raise WeightsError(
            f"The backbone {own.name!r} ({own.file}) has the outputs {names}: name one, or another "
            "tensor, with 'output'."
        )
    return model.outputs[0].get_node().input_value(0)


def _shape(port: Any) -> list[int | None]:
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return []
    return [None if side.is_dynamic else side.get_length() for side in shape]


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
