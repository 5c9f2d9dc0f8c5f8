"""The parts of a stored Keras network: which are Keras's own, and harmless."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["foreign_classes"]

_RUN_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_READ_FILES = ("IndexLookup", "StringLookup", "IntegerLookup", "TextVectorization")
# Plain values that Keras writes as parts. Not `__lambda__`, `__typespec__` and `function`: any
# function of Keras by its name, and older versions let one switch the safe mode off.
_VALUES = ("__keras_tensor__", "__bytes__", "__ellipsis__", "__slice__")
_ARRAYS = ("__tensor__", "__numpy__")
_NUMBERS = re.compile("bool|u?int(8|16|32|64)|float(16|32|64)|bfloat16")
_NAMESPACES = (
    "layers",
    "initializers",
    "regularizers",
    "constraints",
    "optimizers",
    "losses",
    "metrics",
    "dtype_policies",
    "models",
)


def foreign_classes(config: Any) -> Iterator[str]:
    """Yield the parts of a network that are not harmless parts of Keras.

    Keras calls whatever a description names. Allowed is only what is a layer, an operation, an
    initialiser, a regulariser, a constraint, an optimiser or its schedule, a loss, a metric or a
    policy of types, by the class that the name stands for; and of these none that runs stored
    code or reads a file that it names.

    Parameters
    ----------
    config : dict
        The ``config.json`` of a ``.keras`` file.

    Yields
    ------
    str
        Module and name of a part.
    """
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            if "class_name" in value and not _is_harmless(value):
                name, module = value["class_name"], value.get("module")
                yield f"{module}.{name}" if module else str(name)


def _is_harmless(part: dict[str, Any]) -> bool:
    name, module = part["class_name"], part.get("module")
    if not isinstance(name, str) or not isinstance(module, str | None):
        return False
    if name in _VALUES:
        return True
    if name in _ARRAYS:
        # Of texts of a length that the file names, a few numbers would fill the memory.
        held = part.get("config")
        kind = held.get("dtype") if isinstance(held, dict) else None
        return isinstance(kind, str) and _NUMBERS.fullmatch(kind) is not None
    # A name under which somebody registered a class of his own goes before Keras's.
    if part.get("registered_name") not in (None, name):
        return False
    found = [kind for kind in _named(module, name) if kind is not None]
    return bool(found) and all(_is_allowed(kind) for kind in found)


def _named(module: str | None, name: str) -> list[Any]:
    """Return what a name stands for, without importing what the file names."""
    import keras

    if module is None:
        spaces = [getattr(keras, space, None) for space in _NAMESPACES]
        return [getattr(space, name, None) for space in [keras, *spaces]]
    if module.split(".")[0] != "keras":
        return []
    held: Any = keras
    for step in module.split(".")[1:]:
        held = getattr(held, step, None)
    return [getattr(place, name, None) for place in (sys.modules.get(module), held)]


def _is_allowed(kind: Any) -> bool:
    import keras

    allowed = (
        keras.Operation,  # layers and models are operations
        keras.initializers.Initializer,
        keras.regularizers.Regularizer,
        keras.constraints.Constraint,
        keras.optimizers.Optimizer,
        keras.optimizers.schedules.LearningRateSchedule,
        keras.losses.Loss,
        keras.metrics.Metric,
        keras.DTypePolicy,
    )
    if not isinstance(kind, type) or not issubclass(kind, allowed):
        return False
    # Keras holds TorchModuleWrapper and others under several names, and some as parts of others.
    return not {parent.__name__ for parent in kind.__mro__} & {*_RUN_CODE, *_READ_FILES}
