"""A network of the user's own: a file, its digest and its declared preprocessing, as one."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from typing import Any

from leukfeat.exceptions import WeightsError
from leukfeat.features.file_digest import digest_file
from leukfeat.features.seen_data import SeenData, remember_seen

__all__ = ["OWN_LAYERS", "Backbone"]

OWN_LAYERS = ("output",)
"""The only stage of a network of one's own, as a feature spec names it."""

_RULES = 1
"""Version of what a declaration means; it enters the feature space."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_KINDS = {".keras": "keras", ".onnx": "onnx"}
_MAGIC = {"keras": b"PK\x03\x04"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network of your own, bound to the preprocessing that its weights were trained behind.

    It is given RGB ``uint8`` like every backbone. What it computes on is
    ``(pixel * scale - mean) / std``, a channel at a time, in the order and layout declared
    here. Nothing is guessed: a network fed with the wrong range or order does not fail, it gives
    features that look like features.

    Parameters
    ----------
    name : str
        Letters, digits, ``_``, ``.`` and ``-``; none of the stock networks' names.
    file : path-like
        A ``.keras`` file, which is read in Keras's safe mode, or an ``.onnx`` file with its
        weights inside, which OpenVINO runs (``pip install leukfeat[fast]``).
    input_size : int or tuple of int
        Height and width that the network takes, in pixels.
    mean, std : float or tuple of float
        For all channels, or for each in the order that the network sees them in
        (`channel_order`); after `scale`.
    scale : float
        What a pixel (0 to 255) is multiplied with first: ``1 / 255`` for torchvision's
        convention, 1 where the network holds its own rescaling.
    channel_order : {"RGB", "BGR"}
        Order of the channels that the network was trained with.
    layout : {"NHWC", "NCHW"}
        Place of the channels in its input, and in an output that is a map. Keras writes
        ``"NHWC"``, PyTorch ``"NCHW"``.
    output : str, optional
        Keras layer, or ONNX tensor, to read; of shape ``(n, channels)`` or a map of rank 4.
        Default: the network's only output.
    pooling : {"avg", "gem"}, default="avg"
        How a map becomes a vector; see :func:`leukfeat.extract_features`.
    trained_on : str or sequence of str, default=()
        Data sets that the weights have seen, for example ``("c-nmc-2019",)``. Evaluating on one
        of them warns.
    licence : str, default=""
        Of the weights. It travels with them in a model file.

    Attributes
    ----------
    digest : str
        ``"sha256:..."`` of the file.
    kind : {"keras", "onnx"}

    Raises
    ------
    WeightsError
        If the file is missing or is of another kind.
    ValueError
        If a declaration is not allowed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from leukfeat import Backbone
    >>> file = pathlib.Path(tempfile.mkdtemp(), "encoder.onnx")
    >>> _ = file.write_bytes(b"onnx")
    >>> encoder = Backbone(
    ...     name="encoder", file=file, input_size=224, scale=1 / 255,
    ...     mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    ...     channel_order="RGB", layout="NCHW", trained_on=("c-nmc-2019",),
    ... )
    >>> encoder.kind, encoder.input_size
    ('onnx', (224, 224))
    """

    name: str
    file: str
    input_size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float
    channel_order: str
    layout: str
    output: str | None = None
    pooling: str = "avg"
    trained_on: tuple[str, ...] = ()
    licence: str = ""
    digest: str = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        def settle(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise self._wrong("name", "letters, digits, '_', '.' and '-', at most 64")
        settle("input_size", self._pair(self.input_size))
        settle("mean", self._channels("mean"))
        settle("std", self._channels("std"))
        if not _is_number(self.scale) or self.scale <= 0:
            raise self._wrong(
                "scale", "a number above 0: what a pixel of 0 to 255 is multiplied by"
            )
        settle("scale", float(self.scale))
        if min(self.std) <= 0:
            raise self._wrong("std", "above 0")
        for name, allowed in (
            ("channel_order", ("RGB", "BGR")),
            ("layout", ("NHWC", "NCHW")),
            ("pooling", ("avg", "gem")),
        ):
            if getattr(self, name) not in allowed:
                raise self._wrong(name, f"one of {allowed}")
        if self.output is not None and (not isinstance(self.output, str) or not self.output):
            raise self._wrong("output", "the name of a layer or tensor, or None")
        seen = (self.trained_on,) if isinstance(self.trained_on, str) else tuple(self.trained_on)
        if not all(isinstance(one, str) and one.strip() for one in seen):
            raise self._wrong("trained_on", "names of data sets")
        settle("trained_on", seen)
        if not isinstance(self.licence, str):
            raise self._wrong("licence", "text")
        settle("file", os.path.abspath(os.path.expanduser(os.fspath(self.file))))
        settle("digest", self._digest())
        # Not when it first extracts: features from a warm cache are tested without that.
        remember_seen(self.digest, SeenData(datasets=self.trained_on))

    @property
    def kind(self) -> str:
        """What the file is: ``"keras"`` or ``"onnx"``."""
        return _KINDS[os.path.splitext(self.file)[1].lower()]

    @property
    def engines(self) -> tuple[str, ...]:
        """Engines that can run it."""
        return ("openvino",) if self.kind == "onnx" else ("openvino", "keras")

    @property
    def preprocessing(self) -> str:
        """The declaration as canonical JSON, as it stands in the feature spec."""
        names = ("mean", "std", "scale", "channel_order", "layout", "output")
        declared = {name: getattr(self, name) for name in names}
        rules = {**declared, "kind": self.kind, "rules": _RULES}
        return json.dumps(rules, sort_keys=True, separators=(",", ":"))

    def to_dict(self) -> dict[str, Any]:
        """Return all but the path as plain values, for a model file."""
        values = dataclasses.asdict(self)
        del values["file"]
        return {**values, "kind": self.kind}

    @classmethod
    def from_dict(cls, values: dict[str, Any], file: str) -> Backbone:
        """Bind a declaration to its file again.

        Parameters
        ----------
        values : dict
            As :meth:`to_dict` gave them.
        file : str
            The network.

        Returns
        -------
        Backbone

        Raises
        ------
        WeightsError
            If the file is another one than was declared.
        """
        values = dict(values)
        expected = values.pop("digest")
        values.pop("kind")
        backbone = cls(**values, file=file)
        if backbone.digest != expected:
            raise WeightsError(
                f"The file {file!r} of the backbone {backbone.name!r} has the digest "
                f"{backbone.digest}, expected {expected}."
            )
        return backbone

    def check_file(self) -> None:
        """Refuse a file that has changed since it was bound.

        Raises
        ------
        WeightsError
            If it is gone or another one.
        """
        found = self._digest()
        if found != self.digest:
            raise WeightsError(
                f"The file {self.file!r} of the backbone {self.name!r} has changed: its digest is "
                f"{found}, and was {self.digest} when it was declared. Declare it again, under "
                "another name if both are used."
            )

    def _digest(self) -> str:
        kind = _KINDS.get(os.path.splitext(self.file)[1].lower())
        if kind is None:
            raise WeightsError(
                f"The 'file' parameter of Backbone must end in '.keras' or '.onnx'. Got "
                f"{self.file!r}. Weights alone, for a stock network, are given to "
                "extract_features(weights=...)."
            )
        try:
            if not os.path.isfile(self.file):
                raise WeightsError(
                    f"The file {self.file!r} of the backbone {self.name!r} does not exist, or is "
                    "no regular file."
                )
            with open(self.file, "rb") as file:
                start = file.read(4)
            digest = digest_file(self.file, "sha256")
        except OSError as error:
            raise WeightsError(
                f"Cannot read the file {self.file!r} of the backbone {self.name!r}: "
                f"{error.strerror}."
            ) from error
        if not start.startswith(_MAGIC.get(kind, b"")) or not start:
            raise WeightsError(
                f"{self.file!r} is no {kind} file (it starts with {start!r}). Write it with "
                + ("model.save('NAME.keras')." if kind == "keras" else "torch.onnx.export.")
            )
        return f"sha256:{digest}"

    def _pair(self, size: Any) -> tuple[int, int]:
        pair = (size, size) if isinstance(size, int) else size
        if (
            not isinstance(pair, (tuple, list))
            or len(pair) != 2
            or not all(type(side) is int and 1 <= side <= 2048 for side in pair)
        ):
            raise self._wrong("input_size", "a side or (height, width), from 1 to 2048 pixels")
        return (pair[0], pair[1])

    def _channels(self, name: str) -> tuple[float, float, float]:
        given = getattr(self, name)
        values = (given,) * 3 if _is_number(given) else given
        try:
            values = tuple(values)
        except TypeError:
            values = ()
        if len(values) != 3 or not all(_is_number(value) for value in values):
            raise self._wrong(name, "a finite number, or one for each of three channels")
        return (float(values[0]), float(values[1]), float(values[2]))

    def _wrong(self, name: str, expected: str) -> ValueError:
        return ValueError(
            f"The {name!r} parameter of Backbone must be {expected}. "
            f"Got {getattr(self, name)!r} instead."
        )


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, (bool, str)) and math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
