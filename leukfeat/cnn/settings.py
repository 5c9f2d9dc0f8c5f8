"""Settings that every training has, whatever network is trained."""

from __future__ import annotations

import dataclasses
import json
import math
import numbers
from collections.abc import Sequence
from typing import Any, Self

from leukfeat.cnn.augmentation import CHEAP_AUGMENTATION
from leukfeat.features.preparing import check_preparation
from leukfeat.imaging.augmentation import CellAugmentation

__all__ = ["TrainingSettings", "as_tuple", "is_count", "is_number", "wrong_setting"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """What is read, how long it is trained on, and what is set aside; checked when made.

    Parameters
    ----------
    input_size : tuple of int
        Height and width given to the network, in pixels.
    crop : int or None, default=None
        Side of the fixed central window, in pixels of the image, taken before resizing. With
        ``None`` the whole image is stretched to `input_size`, and a cell's size is lost where
        images differ in size.
    learning_rate : float, default=1e-3
        Halved whenever the validation loss has not fallen for half of `patience` epochs.
    batch_size : int, default=32
        Cells a step.
    epochs : int, default=50
        At most so many passes.
    patience : int or None, default=8
        Epochs without a lower validation loss after which training stops; ``None`` never stops
        early. The weights of the best epoch are kept either way.
    validation_fraction : float, default=0.2
        Part of the subjects set aside for early stopping; 0 trains on all cells.
    class_weight : {None, "balanced"}, default="balanced"
        Weigh a cell by the inverse frequency of its class.
    dropout : float, default=0.5
        Dropout, in [0, 1).
    augmentation : CellAugmentation or None
        What is done to training images, each time anew.
    version : int, default=1
        Raised when the same settings would train another network than before.
    preparation : Preparation or path-like, optional
        What is done to every whole image, of training and of prediction, before crop and resize
        (:class:`leukfeat.imaging.Preparation`, or its JSON or TOML file). Kept as its canonical
        JSON, with all that its stain normalisers learnt, which must have been from training cells
        only.
    """

    input_size: tuple[int, int] = (200, 200)
    crop: int | None = None
    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 50
    patience: int | None = 8
    validation_fraction: float = 0.2
    class_weight: str | None = "balanced"
    dropout: float = 0.5
    augmentation: CellAugmentation | None = CHEAP_AUGMENTATION
    version: int = 1
    preparation: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "preparation", check_preparation(self.preparation))
        object.__setattr__(self, "input_size", as_tuple(self, "input_size"))
        if isinstance(self.augmentation, dict):
            object.__setattr__(self, "augmentation", _augmentation(self))
        if not isinstance(self.augmentation, CellAugmentation | None):
            raise wrong_setting(self, "augmentation", "None or a CellAugmentation")
        if len(self.input_size) != 2 or not all(is_count(side) for side in self.input_size):
            raise wrong_setting(self, "input_size", "(height, width) in pixels")
        for name in ("batch_size", "epochs"):
            if not is_count(getattr(self, name)):
                raise wrong_setting(self, name, "an integer of at least 1")
        for name in ("crop", "patience"):
            if getattr(self, name) is not None and not is_count(getattr(self, name)):
                raise wrong_setting(self, name, "None or an integer of at least 1")
        for name in ("dropout", "validation_fraction", "learning_rate"):
            if not is_number(getattr(self, name)):
                raise wrong_setting(self, name, "a finite number")
        for name in ("dropout", "validation_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise wrong_setting(self, name, "at least 0 and less than 1")
        if not self.learning_rate > 0:
            raise wrong_setting(self, "learning_rate", "greater than 0")
        if self.class_weight not in (None, "balanced"):
            raise wrong_setting(self, "class_weight", "None or 'balanced'")

    @property
    def reading(self) -> dict[str, Any]:
        """How cells are read for the network: arguments of :func:`read_cells`."""
        return {
            "input_size": self.input_size,
            "crop": self.crop,
            "preparation": self.preparation,
        }

    def replace(self, **settings: Any) -> Self:
        """Return a copy with other settings.

        Parameters
        ----------
        **settings
            Names and values of the settings to change.

        Raises
        ------
        ValueError
            If there is no such setting, or its value is not allowed.
        """
        known = [field.name for field in dataclasses.fields(self)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            raise ValueError(f"{type(self).__name__} has no setting {unknown}; it has {known}.")
        return dataclasses.replace(self, **settings)

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no white space."""
        settings = dataclasses.asdict(self)
        if self.preparation is None:
            # Checkpoints that are older than this setting keep their identity.
            del settings["preparation"]
        return json.dumps(settings, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read settings back.

        Parameters
        ----------
        text : str
            As :meth:`to_json` wrote it.

        Raises
        ------
        ValueError
            If the settings were written by a newer leukfeat, or a value is not allowed.
        """
        settings, this = json.loads(text), cls()
        if not isinstance(settings, dict):
            raise ValueError(
                f"The {cls.__name__} settings must be a table of names and values. "
                f"Got a {type(settings).__name__} instead."
            )
        if settings.get("version", 0) > this.version:
            raise ValueError(
                f"These {cls.__name__} settings (version {settings['version']}) were written by a "
                f"newer leukfeat; this one reads up to version {this.version}. Install that one."
            )
        return this.replace(**settings)


def is_count(value: Any) -> bool:
    """Tell whether a value is an integer of at least 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_number(value: Any) -> bool:
    """Tell whether a value is a finite real number."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def as_tuple(settings: Any, name: str) -> tuple[Any, ...]:
    """Return a setting that must be a sequence as a tuple."""
    value = getattr(settings, name)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise wrong_setting(settings, name, "a tuple")
    return tuple(value)


def _augmentation(settings: TrainingSettings) -> CellAugmentation:
    given: dict[str, Any] = settings.augmentation  # type: ignore[assignment]
    known = [field.name for field in dataclasses.fields(CellAugmentation)]
    if set(given) - set(known):
        raise wrong_setting(settings, "augmentation", f"a table with some of {known}")
    return CellAugmentation(**given)


def wrong_setting(settings: Any, name: str, allowed: str) -> ValueError:
    """Return the error that names a setting, its value, and what it may be."""
    return ValueError(
        f"The {name!r} setting of {type(settings).__name__} must be {allowed}. "
        f"Got {getattr(settings, name)!r} instead."
    )
