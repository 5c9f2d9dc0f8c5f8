"""What defines a space of hand-crafted features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.handcrafted.texture import TextureSettings
from leukfeat.features.preparing import check_preparation_text, name_preparation
from leukfeat.features.settings_json import canonical_json, checked_settings, plain_settings

__all__ = ["FAMILIES", "HANDCRAFTED_VERSION", "SEGMENTATIONS", "HandcraftedSpec", "version_of"]

FAMILIES = ("texture", "shape", "colour")
"""The families, in the order of their columns."""

HANDCRAFTED_VERSION = 4
"""Raised when the same settings would give other values than before, which the segmentation
causes as well as the measurements. 2: white cells that touch are told apart. 3: thin dark parts, such
as the rim of a cell, are no nucleus, nor is a neighbour that the border cuts. 4: the methods of the
textbook too take what is not black for the cell where the background is exactly black."""

_BY_HAND = (
    " A fitted PixelSVM has no name under which rows could be stored: segment each image with it, and "
    "measure with shape_features(cell, nucleus), texture_features(image, cell) and "
    "colour_features(image, cell)."
)

_WITHOUT_NUCLEUS = ("background", "none")


def _segmentations() -> tuple[str, ...]:
    from leukfeat.imaging import SEGMENTATION_METHODS

    return (*SEGMENTATION_METHODS, *_WITHOUT_NUCLEUS)


SEGMENTATIONS = _segmentations()
"""How the cell may be found: a method of `segment`, ``"background"`` or ``"none"``."""


def version_of(segmentation: str) -> int:
    """Return the version of today's rows of a segmentation: the last that changed them.

    Parameters
    ----------
    segmentation : str
        One of `SEGMENTATIONS`.

    Examples
    --------
    >>> version_of("default"), version_of("kmeans_hsi")
    (3, 4)
    """
    return 3 if segmentation in ("default", *_WITHOUT_NUCLEUS) else HANDCRAFTED_VERSION


@dataclasses.dataclass(frozen=True, kw_only=True)
class HandcraftedSpec(FeatureSpace):
    """The settings that name a space of hand-crafted features.

    Parameters
    ----------
    families : tuple of str, default=("texture", "shape", "colour")
        What is measured; kept in this order.
    segmentation : str, default="default"
        How the cell is found.
    texture : TextureSettings or None
        Settings of the texture; ``None`` where it is not measured.
    unit : {"px", "um"}, default="px"
        Unit of lengths.
    version : int, optional
        Version of the rules and of the segmentation; today's if not given.
    preparation : str or None, default=None
        What is done to the image before the cell is found, as canonical JSON (see
        :class:`leukfeat.imaging.Preparation`), with all that its stain normalisers learnt.

    Raises
    ------
    ValueError
        If a setting is not allowed.

    Examples
    --------
    >>> spec = HandcraftedSpec(families=["colour", "shape"])
    >>> spec.title, len(spec.columns)
    ('handcrafted-shape+colour', 107)
    >>> HandcraftedSpec.from_settings({**spec.settings()}) == spec
    True
    """

    kind: ClassVar[str] = "handcrafted"

    families: tuple[str, ...] = FAMILIES
    segmentation: str = "default"
    texture: TextureSettings | None = None
    unit: Literal["px", "um"] = "px"
    version: int = 0
    preparation: str | None = None

    def __post_init__(self) -> None:
        given = (self.families,) if isinstance(self.families, str) else tuple(self.families)
        if not given or len(set(given)) != len(given) or set(given) - set(FAMILIES):
            raise ValueError(
                f"The 'families' parameter must name each of {FAMILIES} at most once, and at least "
                f"one. Got {self.families!r} instead."
            )
        families = tuple(name for name in FAMILIES if name in given)
        object.__setattr__(self, "families", families)
        if self.segmentation not in SEGMENTATIONS:
            raise ValueError(
                f"The 'segmentation' parameter must be one of {SEGMENTATIONS}. "
                f"Got {self.segmentation!r} instead."
                + ("" if isinstance(self.segmentation, str) else _BY_HAND)
            )
        if not self.version:
            object.__setattr__(self, "version", version_of(self.segmentation))
        if "shape" in families and self.segmentation == "none":
            raise ValueError(
                "The 'shape' family measures a mask: give a 'segmentation' other than 'none', or "
                "leave the family out."
            )
        texture = self.texture or TextureSettings() if "texture" in families else None
        if texture is not None and not isinstance(texture, TextureSettings):
            raise TypeError(
                f"The 'texture' parameter must be TextureSettings. Got {texture!r} instead."
            )
        object.__setattr__(self, "texture", texture)
        if self.unit not in ("px", "um"):
            raise ValueError(f"The 'unit' parameter must be 'px' or 'um'. Got {self.unit!r}.")
        check_preparation_text(self.preparation)

    @property
    def label(self) -> str:
        """``"handcrafted"``."""
        return self.kind

    @property
    def title(self) -> str:
        """Families, for the name of a file."""
        return f"{self.kind}-{'+'.join(self.families)}"

    @property
    def summary(self) -> str:
        """One line for people."""
        return (
            f"{self.kind} {'+'.join(self.families)}, segmentation {self.segmentation}, "
            f"lengths in {self.unit}, version {self.version}"
            + (f", prepared: {name_preparation(self.preparation)}" if self.preparation else "")
        )

    @property
    def finds_nucleus(self) -> bool:
        """Whether the segmentation gives a nucleus."""
        return self.segmentation not in _WITHOUT_NUCLEUS

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features."""
        from leukfeat.features.handcrafted.measuring import columns_of

        return columns_of(self)

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain values, with the kind."""
        return {"kind": self.kind, **plain_settings(self)}

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no white space."""
        return canonical_json(self.settings())

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> HandcraftedSpec:
        """Read a spec back.

        Parameters
        ----------
        settings : mapping
            As :meth:`settings` gave them, perhaps through JSON.

        Raises
        ------
        ValueError
            If they were written by a newer leukfeat, or a value is not allowed.
        """
        given = {name: value for name, value in settings.items() if name != "kind"}
        version = given.get("version")
        if not isinstance(version, int) or version < 1:
            raise ValueError(
                f"This feature spec has the version {given.get('version')!r} and should have one "
                f"from 1 to {HANDCRAFTED_VERSION}: it is damaged, or none of leukfeat's."
            )
        given = checked_settings(given, cls, newest=HANDCRAFTED_VERSION)
        if isinstance(given.get("texture"), Mapping):
            texture = checked_settings(given["texture"], TextureSettings, newest=None)
            given["texture"] = TextureSettings(**texture)
        return cls(**given)
