"""The steps of a recipe, each a table of its file."""

from __future__ import annotations

import dataclasses
from typing import Any

from leukfeat.features.handcrafted.spec import FAMILIES, SEGMENTATIONS
from leukfeat.imaging.preparation_file import preparation_from
from leukfeat.recipes.tables import as_step, wrong_key

__all__ = [
    "SELECTIONS",
    "FeatureStep",
    "HandcraftedStep",
    "HeadStep",
    "PreparationStep",
    "SelectionStep",
    "SplitStep",
]

SELECTIONS = ("none", "anova", "pca", "random_forest")
"""All features; the best by F test; principal components; the best by forest importance."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparationStep:
    """Table ``[preparation]``: what is done to every image first.

    It holds for networks, measured features and trained networks alike, and for every fold: a
    stain normaliser in it was fitted elsewhere, on cells that are not among these.

    Parameters
    ----------
    steps : list
        As in a file of :func:`leukfeat.imaging.read_preparation`.

    Attributes
    ----------
    text : str
        Canonical JSON.
    """

    steps: Any
    text: str = dataclasses.field(init=False, repr=False, default="")

    def __post_init__(self) -> None:
        try:
            chain = preparation_from({"steps": self.steps})
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"'preparation.steps' of the recipe cannot be used: {error}"
            ) from error
        if not chain.steps:
            raise wrong_key("preparation.steps", self.steps, "at least one step")
        object.__setattr__(self, "text", chain.to_json())


@dataclasses.dataclass(frozen=True, kw_only=True)
class HandcraftedStep:
    """Table ``[features.handcrafted]``: what `extract_handcrafted` is asked for.

    Parameters
    ----------
    families : tuple of str, default=("texture", "shape", "colour")
        What is measured.
    segmentation : str, default="default"
        How the cell is found.
    standardised_size : int or None, default=None
        Side in pixels to which the images are brought to be standardised as a batch first;
        ``None`` measures them as they are. See :mod:`leukfeat.recipes.standardising`.
    """

    families: tuple[str, ...] = FAMILIES
    segmentation: str = "default"
    standardised_size: int | None = None

    def __post_init__(self) -> None:
        table = "features.handcrafted"
        _tuples(self, "families")
        if (
            not self.families
            or set(self.families) - set(FAMILIES)
            or len(set(self.families)) != len(self.families)
        ):
            raise wrong_key(f"{table}.families", self.families, f"some of {FAMILIES}, each once")
        if self.segmentation not in SEGMENTATIONS:
            raise wrong_key(f"{table}.segmentation", self.segmentation, f"one of {SEGMENTATIONS}")
        if "shape" in self.families and self.segmentation == "none":
            raise wrong_key(
                f"{table}.segmentation", "none", "a method that finds the cell, to measure shape"
            )
        size = self.standardised_size
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 8):
            raise wrong_key(f"{table}.standardised_size", size, "a side of 8 pixels or more")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureStep:
    """Table ``[features]``: what is extracted; deep and hand-crafted columns are joined.

    Parameters
    ----------
    backbones : tuple of str, default=()
        Networks, each a variant of its own.
    layers : tuple of str, default=("avg_pool",)
        Stages that are joined.
    input_size : int or None, default=None
        Side in pixels; what the network was trained with by default.
    crop : int or None, default=None
        Side of the central window.
    views : {1, "dihedral"}, default=1
        Views averaged a cell.
    pooling : {"avg", "gem"}, default="avg"
        How a stage's map becomes a vector.
    mask : {"background"} or None, default=None
        What is left out of the pooling.
    handcrafted : HandcraftedStep or None, default=None
        Columns beside those of the network, or alone where there is none.
    """

    backbones: tuple[str, ...] = ()
    layers: tuple[str, ...] = ("avg_pool",)
    input_size: int | None = None
    crop: int | None = None
    views: int | str = 1
    pooling: str = "avg"
    mask: str | None = None
    handcrafted: HandcraftedStep | None = None

    def __post_init__(self) -> None:
        _tuples(self, "backbones", "layers")
        if self.handcrafted is not None and not isinstance(self.handcrafted, HandcraftedStep):
            step = as_step("features.handcrafted", HandcraftedStep, self.handcrafted)
            object.__setattr__(self, "handcrafted", step)
        if self.handcrafted is None and not self.backbones:
            raise wrong_key(
                "features.backbones",
                self.backbones,
                "at least one network, unless there is a table [features.handcrafted]",
            )
        if not self.backbones:
            _only_defaults(
                self,
                "features",
                ("layers", "input_size", "crop", "views", "pooling", "mask"),
                "left out where no network is given: measured columns do not look at it",
            )
        if not self.layers:
            raise wrong_key("features.layers", self.layers, "at least one stage")
        for name in ("input_size", "crop"):
            side = getattr(self, name)
            if side is not None and side < 1:
                raise wrong_key(f"features.{name}", side, "a side of 1 pixel or more")
        for name, known in (
            ("pooling", ("avg", "gem")),
            ("mask", (None, "background")),
            ("views", (1, "dihedral")),
        ):
            if getattr(self, name) not in known:
                raise wrong_key(f"features.{name}", getattr(self, name), f"one of {known}")
        if self.standardises and self.backbones:
            raise wrong_key(
                "features.handcrafted.standardised_size",
                self.handcrafted.standardised_size,  # type: ignore[union-attr]
                "left out where a network is given too, whose features are of single images",
            )

    @property
    def standardises(self) -> bool:
        """Whether images are standardised as a batch, so that features are of one fold alone."""
        return self.handcrafted is not None and self.handcrafted.standardised_size is not None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectionStep:
    """Table ``[selection]``: how features are reduced before the head.

    Parameters
    ----------
    methods : tuple of str, default=("none",)
        Of `SELECTIONS`, each a variant of its own.
    n_features : int, default=256
        How many are kept, if there are so many.
    """

    methods: tuple[str, ...] = ("none",)
    n_features: int = 256

    def __post_init__(self) -> None:
        _tuples(self, "methods")
        if not self.methods:
            raise wrong_key("selection.methods", self.methods, f"some of {SELECTIONS}")
        for method in self.methods:
            if method not in SELECTIONS:
                raise wrong_key("selection.methods", method, f"among {SELECTIONS}")
        if self.n_features < 1:
            raise wrong_key("selection.n_features", self.n_features, "at least 1")
        if set(self.methods) == {"none"}:
            _only_defaults(
                self,
                "selection",
                ("n_features",),
                "left out where 'methods' selects nothing; name a method, such as 'anova'",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeadStep:
    """Table ``[head]``: what tells the classes.

    Parameters
    ----------
    names : tuple of str
        Registered heads, each a variant of its own; ``"voting"`` joins `members`.
    members : tuple of str, default=()
        Heads that ``"voting"`` joins.
    tune : bool, default=True
        Whether each searches its space.
    """

    names: tuple[str, ...]
    members: tuple[str, ...] = ()
    tune: bool = True

    def __post_init__(self) -> None:
        _tuples(self, "names", "members")
        if not self.names:
            raise wrong_key("head.names", self.names, "at least one head")
        if ("voting" in self.names) != bool(self.members):
            raise ValueError("The table [head] needs 'members' with \"voting\", and only then.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitStep:
    """Table ``[split]``: how it was published, and how often it is done here.

    Parameters
    ----------
    theirs : {"random", "group", "official"}, default="random"
        How the published figure was had, as far as it is known.
    n_splits : int, default=5
        Folds of both ways.
    n_repeats : int, default=1
        Repeats with other folds.
    note : str, default=""
        What the publication says.
    """

    theirs: str = "random"
    n_splits: int = 5
    n_repeats: int = 1
    note: str = ""

    def __post_init__(self) -> None:
        if self.theirs not in ("random", "group", "official"):
            raise wrong_key("split.theirs", self.theirs, "'random', 'group' or 'official'")
        if self.n_splits < 2 or self.n_repeats < 1:
            raise wrong_key(
                "split", (self.n_splits, self.n_repeats), "n_splits >= 2 and n_repeats >= 1"
            )


def _only_defaults(step: Any, table: str, names: tuple[str, ...], allowed: str) -> None:
    """Refuse settings that would have no effect."""
    defaults = {field.name: field.default for field in dataclasses.fields(step)}
    for name in names:
        if getattr(step, name) != defaults[name]:
            raise wrong_key(f"{table}.{name}", getattr(step, name), allowed)


def _tuples(step: Any, *names: str) -> None:
    for name in names:
        value = getattr(step, name)
        if isinstance(value, str) or not all(isinstance(item, str) for item in value):
            raise wrong_key(name, value, "a list of names")
        if len(set(value)) < len(value):
            raise wrong_key(name, value, "a list of different names")
        object.__setattr__(step, name, tuple(value))
