"""Small ONNX files, written field by field: the package onnx is not needed to test reading."""

import struct

import numpy as np


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def number(field, value):
    return varint(field << 3) + varint(value)


def nested(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def tensor(name, values, external=False):
    values = np.ascontiguousarray(values)
    kind = {"float32": 1, "int64": 7}[values.dtype.name]
    out = b"".join(number(1, side) for side in values.shape) + number(2, kind) + nested(8, name)
    if external:
        entry = nested(1, "location") + nested(2, "elsewhere.bin")
        return out + nested(13, entry) + number(14, 1)
    return out + nested(9, values.tobytes())


def integers(name, values):
    return nested(5, nested(1, name) + b"".join(number(8, v) for v in values) + number(20, 7))


def node(kind, inputs, output, *attributes, domain=""):
    out = b"".join(nested(1, one) for one in inputs) + nested(2, output) + nested(4, kind)
    return nested(1, out + b"".join(attributes) + (nested(7, domain) if domain else b""))


def value(name, shape, kind=1):
    sides = b"".join(
        nested(1, nested(2, side) if isinstance(side, str) else number(1, side)) for side in shape
    )
    return nested(1, name) + nested(2, nested(1, number(1, kind) + nested(2, sides)))


def model(nodes, weights, inputs, outputs):
    graph = b"".join(nodes) + nested(2, "network")
    graph += b"".join(nested(5, one) for one in weights)
    graph += b"".join(nested(11, one) for one in inputs)
    graph += b"".join(nested(12, one) for one in outputs)
    return number(1, 8) + nested(7, graph) + nested(8, nested(1, "") + number(2, 13))


def convolution(kernel, bias, size, *, pooled, external=False, kind="Conv", batch="batch"):
    """Write input (n, 3, size, size) -> 3 x 3 convolution -> relu [-> mean over positions].

    ``kernel`` is Keras's: (3, 3, 3, channels).
    """
    channels = kernel.shape[3]
    nodes = [
        node(kind, ["image", "kernel", "bias"], "convolved", integers("pads", [1, 1, 1, 1])),
        node("Relu", ["convolved"], "map"),
    ]
    name, shape = "map", [batch, channels, size, size]
    if pooled:
        nodes.append(node("GlobalAveragePool", ["map"], "mean"))
        nodes.append(node("Flatten", ["mean"], "vector"))
        name, shape = "vector", [batch, channels]
    weights = [
        tensor("kernel", kernel.transpose(3, 2, 0, 1).astype(np.float32), external),
        tensor("bias", bias.astype(np.float32)),
    ]
    return model(nodes, weights, [value("image", [batch, 3, size, size])], [value(name, shape)])


assert struct.calcsize("<f") == 4  # raw tensors are little-endian floats of four bytes
