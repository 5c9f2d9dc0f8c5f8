"""What every feature space has, whoever computes it: settings, and a digest that names them."""

from __future__ import annotations

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from typing import Any

from leukfeat.features.preparing import name_preparation

__all__ = ["FeatureSpace"]


class FeatureSpace(ABC):
    """Base of the frozen settings that name a feature space.

    `FeatureSpec` is that of deep features, `HandcraftedSpec` that of measured ones, `JoinedSpec`
    that of several side by side.
    """

    @abstractmethod
    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no white space."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Short name of what computes: the backbone, or ``"handcrafted"``."""

    @property
    @abstractmethod
    def title(self) -> str:
        """Name for a file, without the digest."""

    @property
    @abstractmethod
    def summary(self) -> str:
        """One line for people."""

    @property
    def n_views(self) -> int:
        """Inputs that are averaged to one row."""
        return 1

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON: the name of the feature space."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def parts(self) -> tuple[FeatureSpace, ...]:
        """The spaces that stand side by side: one, unless it is a join."""
        return (self,)

    def differences(self, other: FeatureSpace) -> list[str]:
        """List the settings in which two spaces differ; preparations by their short names.

        Parameters
        ----------
        other : FeatureSpace
            The space to compare with.

        Returns
        -------
        list of str
            ``"name: mine != theirs"``; empty if the spaces are the same.
        """
        if type(self) is not type(other):
            return [f"features: {self.title} != {other.title}"]
        own: Any = self
        return [
            f"{name}: {_shown(self, name)} != {_shown(other, name)}"
            for name in (field.name for field in dataclasses.fields(own))
            if getattr(self, name) != getattr(other, name)
        ]

    def is_interchangeable_with(self, other: FeatureSpace) -> bool:
        """Tell whether features of another space can be used in place of these.

        Parameters
        ----------
        other : FeatureSpace

        Returns
        -------
        bool
        """
        return self == other


def _shown(space: FeatureSpace, name: str) -> str:
    value = getattr(space, name)
    if name != "preparation":
        return repr(value)
    return "none" if value is None else name_preparation(value)
