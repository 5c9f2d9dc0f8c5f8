"""One variant of a recipe, ready to be split, and what the user of a recipe decides."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from leukfeat.features import FeatureSet

__all__ = ["Fitted", "Route", "RunSettings"]

_MANY = 512
"""Images from which on starting workers to measure them pays."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the user of a recipe decides.

    Parameters
    ----------
    weights : str, path-like, or mapping of str to these
        Weights of the backbones; a mapping gives each backbone its own.
    cache : path-like or None
        Where features are kept.
    random_state : int
    n_jobs : int or None
        As joblib takes it. ``None``: one, but all processors where many images are measured.
    progress : bool
    variants : tuple of str or None
        Names of the variants that are run; ``None`` for all.
    """

    weights: Any = "imagenet"
    cache: str | os.PathLike[str] | None = None
    random_state: int = 0
    n_jobs: int | None = None
    progress: bool = True
    variants: tuple[str, ...] | None = None

    def wants(self, variant: str) -> bool:
        """Tell whether a variant is run."""
        return self.variants is None or variant in self.variants

    def workers_for(self, n_images: int) -> int | None:
        """Return how many images are measured at the same time."""
        return -1 if self.n_jobs is None and n_images >= _MANY else self.n_jobs

    def weights_of(self, backbone: str) -> Any:
        """Return the weights of one backbone."""
        if not isinstance(self.weights, Mapping):
            return self.weights
        if backbone not in self.weights:
            raise ValueError(
                f"'weights' names none for the backbone {backbone!r}; it has "
                f"{sorted(self.weights)}."
            )
        return self.weights[backbone]


class Fitted(NamedTuple):
    """What a route made of a training side.

    Parameters
    ----------
    model : object
        A fitted classifier.
    asked : FeatureSet
        The test rows as it takes them.
    facts : dict of str to float
        ``columns`` before selection; of networks ``epochs`` and ``training_accuracy``.
    """

    model: Any
    asked: FeatureSet
    facts: dict[str, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """One variant of a recipe, ready to be split.

    Parameters
    ----------
    variant : str
        Its name.
    data : FeatureSet or CellImages
        What is split, row by row.
    fit : callable
        ``fit(train_rows, test_rows, split, place)``; `place` is a folder for a checkpoint, or
        ``None``.
    identity : tuple
        All that a fold depends on beside its rows.
    seconds : float
        Time of reading and extraction.
    """

    variant: str
    data: FeatureSet
    fit: Callable[[np.ndarray, np.ndarray, str, Path | None], Fitted]
    identity: tuple[Any, ...]
    seconds: float
