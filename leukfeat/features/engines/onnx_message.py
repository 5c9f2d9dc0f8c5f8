"""The message that an ONNX file is, walked as far as weights can stand in it."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["stores_weights_elsewhere"]

_VARINT, _LENGTH_DELIMITED = 0, 2
# Fields of onnx.proto that lead to a TensorProto, by number.
_INSIDE = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor",
        6: "graph",
        10: "tensor",
        11: "graph",
        22: "sparse tensor",
        23: "sparse tensor",
    },
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14


def stores_weights_elsewhere(path: str) -> bool:
    """Tell whether an ONNX file names other files for its weights.

    Parameters
    ----------
    path : str
        The file.

    Returns
    -------
    bool
        ``True`` if a tensor has ``external_data`` or a ``data_location`` other than the default, as
        the ``TensorProto`` message of ONNX defines them: an initialiser, or an attribute of a
        node, in the graph, in graphs inside it, in functions or in what is for training.

    Raises
    ------
    ValueError
        If it is no message with a graph, or one that this walk could not follow to its end.
    """
    with open(path, "rb") as file:
        waiting = [("model", memoryview(file.read()))]
    has_graph = False
    while waiting:
        kind, message = waiting.pop()
        for number, value in _fields(message):
            if kind == "tensor":
                if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                    return True
            elif number in _INSIDE[kind] and isinstance(value, memoryview):
                waiting.append((_INSIDE[kind][number], value))
                has_graph |= kind == "model"
    if not has_graph:
        raise ValueError("it holds no graph")
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Walk the fields of a protocol buffer message: number, and integer or bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if not 0 < tag >> 3 < 1 << 29:
            raise ValueError("it is no protocol buffer message")
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        # Groups (3 and 4) are long out of use: no exporter writes them, and readers differ on them.
        if kind == _LENGTH_DELIMITED:
            length, place = _varint(message, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("it is no protocol buffer message")
        if place + length > len(message):
            raise ValueError("it is cut short")
        if kind == _LENGTH_DELIMITED:
            yield tag >> 3, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it is cut short")
        byte = message[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < 128:
            return value, place
    raise ValueError("it is no protocol buffer message")
