"""What defines a feature space: everything that changes a feature's value."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Literal

from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.preparing import check_preparation_text, name_preparation
from leukfeat.features.settings_json import canonical_json, checked_settings, plain_settings

__all__ = ["SPEC_VERSION", "FeatureSpec"]

SPEC_VERSION = 1
"""Raised when the same settings would give other values than before."""

Views = Literal[1, "dihedral"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureSpec(FeatureSpace):
    """The settings that name a feature space; two spaces are never mixed.

    Parameters
    ----------
    backbone : str, default="resnet50"
        Name of the network in the registry of backbones.
    weights : str, default="imagenet"
        How the weights were asked for: ``"imagenet"``, ``"random"`` or ``"file"``. A path is
        never stored: `weights_digest` names the weights.
    weights_digest : str, default=""
        SHA-256 of the weights (of the file, or of the seed and scheme of random ones).
    layers : tuple of str, default=("avg_pool",)
        Stages whose pooled outputs are joined, in this order.
    pooling : str, default="avg"
        How a stage's map becomes a vector.
    input_size : tuple of int, default=(224, 224)
        Height and width given to the network, in pixels.
    crop : int or None, default=None
        Side of the fixed central window, in pixels of the image, taken before resizing;
        ``None`` keeps the whole image.
    interpolation : str, default="area-linear"
        How a window is brought to `input_size`.
    preparation : str or None, default=None
        What is done to the whole image before anything else, as canonical JSON (see
        :class:`leukfeat.imaging.Preparation`), with all that its stain normalisers learnt.
    mask : str or None, default=None
        Rule by which background is left out of the pooling.
    views : {1, "dihedral"}, default=1
        ``"dihedral"`` averages the eight rotations and flips.
    precision : str, default="float32"
        Arithmetic of the engine.
    engine : str, default="keras"
        What ran the network.
    version : int
        Version of these rules.
    preprocessing : str or None, default=None
        What was declared of a network of the user's own, as canonical JSON (see
        :class:`Backbone`); ``None`` for stock networks, to whose name it belongs.
    calibration : str or None, default=None
        With ``precision="int8"``: SHA-256 of the network in 8 bits (:func:`calibrate_int8`).

    Examples
    --------
    >>> from leukfeat import FeatureSpec
    >>> spec = FeatureSpec(weights_digest="00")
    >>> spec.differences(FeatureSpec(weights_digest="00", crop=224))
    ['crop: None != 224']
    >>> FeatureSpec.from_json(spec.to_json()) == spec
    True
    """

    backbone: str = "resnet50"
    weights: str = "imagenet"
    weights_digest: str = ""
    layers: tuple[str, ...] = ("avg_pool",)
    pooling: str = "avg"
    input_size: tuple[int, int] = (224, 224)
    crop: int | None = None
    interpolation: str = "area-linear"
    preparation: str | None = None
    mask: str | None = None
    views: Views = 1
    precision: str = "float32"
    engine: str = "keras"
    version: int = SPEC_VERSION
    preprocessing: str | None = None
    calibration: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "input_size", tuple(self.input_size))
        if not self.layers or len(set(self.layers)) != len(self.layers):
            raise ValueError(f"'layers' must name each layer once. Got {self.layers!r} instead.")
        if len(self.input_size) != 2 or any(
            not isinstance(side, int) or side < 1 for side in self.input_size
        ):
            raise ValueError(
                f"'input_size' must be (height, width) in pixels. Got {self.input_size!r} instead."
            )
        if self.crop is not None and (not isinstance(self.crop, int) or self.crop < 1):
            raise ValueError(
                f"'crop' must be None or the side of a window in pixels. Got {self.crop!r} instead."
            )
        if self.views not in (1, "dihedral"):
            raise ValueError(f"'views' must be 1 or 'dihedral'. Got {self.views!r} instead.")
        check_preparation_text(self.preparation)
        if self.precision not in ("float32", "bfloat16", "int8"):
            raise ValueError(
                "'precision' must be 'float32', 'bfloat16' or 'int8'. "
                f"Got {self.precision!r} instead."
            )
        if (self.precision == "int8") != (self.calibration is not None):
            raise ValueError(
                "precision='int8' and 'calibration' belong together: "
                + (
                    "write one with leukfeat.calibrate_int8(training_cells, FILE) and give "
                    "calibration=FILE. Got calibration=None."
                    if self.calibration is None
                    else f"a calibration is given, with precision={self.precision!r}. Say "
                    "precision='int8' too, or leave it out."
                )
            )

    @property
    def n_views(self) -> int:
        """Inputs that are averaged to one row."""
        return 8 if self.views == "dihedral" else 1

    @property
    def label(self) -> str:
        """The backbone."""
        return self.backbone

    @property
    def title(self) -> str:
        """Backbone and layers, for the name of a file."""
        return f"{self.backbone}-{'+'.join(self.layers)}"

    @property
    def summary(self) -> str:
        """One line for people."""
        height, width = self.input_size
        return (
            f"{self.backbone} {'+'.join(self.layers)}, {height} x {width}, "
            f"weights {self.weights}, {self.engine} {self.precision}"
            + (f", prepared: {name_preparation(self.preparation)}" if self.preparation else "")
        )

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no white space."""
        return canonical_json(plain_settings(self))

    @classmethod
    def from_json(cls, text: str) -> FeatureSpec:
        """Read a spec back.

        Parameters
        ----------
        text : str
            As :meth:`to_json` wrote it.

        Raises
        ------
        ValueError
            If a key is unknown (written by a newer leukfeat) or a value is not allowed.
        """
        settings: dict[str, Any] = json.loads(text)
        return cls(**checked_settings(settings, cls, newest=SPEC_VERSION))

    def is_interchangeable_with(self, other: FeatureSpace) -> bool:
        """Tell whether features of another space can be used in place of these.

        Engines that compute in float32 agree to within 1e-5 of a row's largest value, which is
        tested; so a model that was fit with one may be applied with another. Anything else that
        differs makes another space.

        Parameters
        ----------
        other : FeatureSpace

        Returns
        -------
        bool

        Examples
        --------
        >>> keras = FeatureSpec(engine="keras")
        >>> keras.is_interchangeable_with(FeatureSpec(engine="openvino"))
        True
        >>> keras.is_interchangeable_with(FeatureSpec(engine="openvino", precision="bfloat16"))
        False
        """
        if not isinstance(other, FeatureSpec):
            return False
        same_engine = dataclasses.replace(other, engine=self.engine)
        return self == other or (self.precision == "float32" and self == same_engine)
