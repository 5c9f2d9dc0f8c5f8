"""Where an engine computes: names of devices, and what to say of one that is not there."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["check_device", "find_device"]

_DEVICE = re.compile(r"(CPU|GPU)(?::([0-9]{1,3}))?")


def check_device(device: str) -> None:
    """Refuse what names no device, without looking whether it is there.

    Parameters
    ----------
    device : str
        ``"auto"``, ``"CPU"``, ``"GPU"`` or ``"GPU:<number>"``.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> check_device("GPU:1")
    """
    known = isinstance(device, str) and (device == "auto" or _DEVICE.fullmatch(device))
    if not known or device.startswith("CPU:"):
        raise ValueError(
            "The 'device' parameter must be 'auto', 'CPU', 'GPU' or 'GPU:0' (a number from 0). "
            f"Got {device!r} instead."
        )


def find_device(device: str, available: Sequence[str], engine: str) -> str:
    """Return an engine's own name of a device.

    Parameters
    ----------
    device : str
        ``"CPU"``, ``"GPU"`` or ``"GPU:<number>"``.
    available : sequence of str
        What the engine finds here: ``"CPU"``, ``"GPU"``, ``"GPU.0"``, ``"GPU:0"`` ...
    engine : str
        Its name, for the message.

    Returns
    -------
    str
        One of `available`.

    Raises
    ------
    ValueError
        If the device is not there; the message lists those that are.

    Examples
    --------
    >>> find_device("GPU:1", ["CPU", "GPU.0", "GPU.1"], "openvino")
    'GPU.1'
    """
    kind, _, number = device.partition(":")
    same = [name for name in available if re.split("[.:]", name)[0] == kind]
    wanted = number or "0"
    for name in same:
        if [*re.split("[.:]", name), "0"][1] == wanted:
            return name
    remedy = ""
    if kind == "GPU":
        remedy = (
            " OpenVINO runs on Intel's graphics; for another card take engine='keras'."
            if engine == "openvino"
            else " TensorFlow needs the card's driver and libraries: pip install 'tensorflow[and-cuda]'."
        )
    raise ValueError(
        f"device={device!r} is not there: engine={engine!r} finds {[*available]}. Take one of "
        f"these, or device='auto'.{remedy}"
    )
