"""Several feature spaces side by side: deep features beside hand-crafted ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.settings_json import canonical_json, plain_settings

__all__ = ["JoinedSpec", "join_features"]


@dataclasses.dataclass(frozen=True)
class JoinedSpec(FeatureSpace):
    """The spaces whose columns stand side by side, in their order.

    Parameters
    ----------
    spaces : tuple of FeatureSpace
        Two or more, each once; a join among them is taken apart.

    Raises
    ------
    ValueError
        If there are fewer than two, or one is there twice.

    Examples
    --------
    >>> from leukfeat import FeatureSpec, HandcraftedSpec
    >>> JoinedSpec((FeatureSpec(), HandcraftedSpec(families="shape"))).title
    'resnet50-avg_pool+handcrafted-shape'
    """

    kind: ClassVar[str] = "joined"

    spaces: tuple[FeatureSpace, ...]

    def __post_init__(self) -> None:
        flat = tuple(part for space in self.spaces for part in space.parts)
        if len(flat) < 2 or len(set(flat)) < len(flat):
            raise ValueError(
                "A join needs two feature spaces or more, each once. "
                f"Got {[part.title for part in flat]}."
            )
        object.__setattr__(self, "spaces", flat)

    @property
    def parts(self) -> tuple[FeatureSpace, ...]:
        """The spaces."""
        return self.spaces

    @property
    def label(self) -> str:
        """``"joined"``."""
        return self.kind

    @property
    def title(self) -> str:
        """The titles of the spaces."""
        return "+".join(part.title for part in self.spaces)

    @property
    def summary(self) -> str:
        """One line for people."""
        return " beside ".join(part.summary for part in self.spaces)

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no white space."""
        parts = [json.loads(part.to_json()) for part in self.spaces]
        return canonical_json({"kind": self.kind, **plain_settings(self), "spaces": parts})

    def differences(self, other: FeatureSpace) -> list[str]:
        """List the settings in which two spaces differ; see :class:`FeatureSpace`."""
        if len(other.parts) != len(self.spaces):
            return [f"features: {self.title} != {other.title}"]
        return [
            f"{mine.label} {text}"
            for mine, theirs in zip(self.spaces, other.parts, strict=True)
            for text in mine.differences(theirs)
        ]

    def is_interchangeable_with(self, other: FeatureSpace) -> bool:
        """Tell whether each space can be used in place of its counterpart."""
        return len(other.parts) == len(self.spaces) and all(
            mine.is_interchangeable_with(theirs)
            for mine, theirs in zip(self.spaces, other.parts, strict=True)
        )


def join_features(first: FeatureSet, *others: FeatureSet) -> FeatureSet:
    """Put the columns of several feature sets of the same cells side by side.

    Cells are matched by their ``ids``, the digests of their pixels, whatever their order. What is
    known of them is taken from `first`, and what it does not know from the next. Scale the columns
    before a head that compares them: pooled activations are of the order of 1, areas in
    pixels of 10,000. The heads of this library do.

    Parameters
    ----------
    first : FeatureSet
        Its order of cells is kept.
    *others : FeatureSet
        Of the same cells.

    Returns
    -------
    FeatureSet
        With ``feature_names``, and the spaces of all as its ``spec``: a head fit on the join
        refuses features of another space or another order.

    Raises
    ------
    ValueError
        If the cells are not the same, their labels or subjects contradict, a space is not known
        or there twice.
    TypeError
        If something else than a FeatureSet is given.

    Examples
    --------
    >>> import leukfeat as lf
    >>> cells = lf.make_cells(2, 4, size=64, random_state=0)
    >>> shape = lf.extract_handcrafted(cells, "shape", progress=False)
    >>> colour = lf.extract_handcrafted(cells[::-1], "colour", progress=False)
    >>> lf.join_features(shape, colour)
    FeatureSet('procedural': 4 cells x 107 features, 2 subjects, labelled)
    """
    sets = (first, *others)
    for place, features in enumerate(sets):
        if not isinstance(features, FeatureSet):
            raise TypeError(
                "join_features takes FeatureSets, from extract_features and extract_handcrafted. "
                f"Got {type(features).__name__} at position {place}."
            )
        if features.ids is None or features.spec is None:
            raise ValueError(
                f"The features at position {place} ({features!r}) have no ids or no spec: without "
                "them it is not known which cells they are of. Extract them with "
                "extract_features or extract_handcrafted."
            )
    if not others:
        raise ValueError("join_features needs two feature sets or more. Got 1.")
    spec = JoinedSpec(tuple(f.spec for f in sets if f.spec is not None))
    matched = [first, *(_matched(first, other, i) for i, other in enumerate(others, start=1))]
    return FeatureSet(
        np.concatenate([features.X for features in matched], axis=1),
        _first_known(matched, "y"),
        subjects=_first_known(matched, "subjects"),
        groups=_first_known(matched, "groups"),
        ids=first.ids,
        controls=_first_known(matched, "controls"),
        spec=spec,
        class_names=next((f.class_names for f in matched if f.class_names), ()),
        positive=next((f.positive for f in matched if f.positive is not None), None),
        columns=_first_known(matched, "columns"),
        skipped=_skipped(matched),
        name=first.name,
        feature_names=_names(matched),
    )


def _matched(first: FeatureSet, other: FeatureSet, place: int) -> FeatureSet:
    """Return the rows of `other` in the order of `first`."""
    assert first.ids is not None
    assert other.ids is not None
    if not np.array_equal(first.ids, other.ids):
        position = {name: i for i, name in enumerate(other.ids)}
        missing = [name for name in first.ids if name not in position]
        extra = set(position) - set(first.ids)
        if missing or extra:
            some = missing[0] if missing else sorted(extra)[0]
            raise ValueError(
                f"Only the same cells can be joined: {len(missing)} of {len(first)} cells of the "
                f"first features are not among those at position {place}, and {len(extra)} of "
                f"those are not among the first (for example {some[:16]}...). Extract both from "
                "the same cells, or select with features[np.isin(features.ids, other.ids)]."
            )
        other = other[np.array([position[name] for name in first.ids])]
    # An image that is there twice may stand under two labels: rows matched by pixels could be
    # either, and only those that are there once must agree.
    _, inverse, counts = np.unique(first.ids, return_inverse=True, return_counts=True)
    _check_agreement(first, other, place, counts[inverse] == 1)
    return other


def _check_agreement(
    first: FeatureSet, other: FeatureSet, place: int, once: npt.NDArray[np.bool_]
) -> None:
    for name in ("y", "subjects"):
        mine, theirs = getattr(first, name), getattr(other, name)
        if mine is None or theirs is None:
            continue
        if name == "y" and first.class_names != other.class_names:
            raise ValueError(
                f"The features at position {place} have the classes {other.class_names}, the first "
                f"{first.class_names}. Extract both from the same cells."
            )
        wrong = np.flatnonzero(once & (mine != theirs) & ~(pd.isna(mine) & pd.isna(theirs)))
        if len(wrong):
            raise ValueError(
                f"{name!r} of {len(wrong)} cells contradicts between the first features and those "
                f"at position {place} (row {wrong[0]}: {mine[wrong[0]]!r} and "
                f"{theirs[wrong[0]]!r}). Extract both from the same cells."
            )


def _first_known(sets: Sequence[FeatureSet], name: str) -> Any:
    return next((getattr(f, name) for f in sets if getattr(f, name) is not None), None)


def _skipped(sets: Sequence[FeatureSet]) -> pd.DataFrame:
    tables = [features.skipped for features in sets if len(features.skipped)]
    if not tables:
        return sets[0].skipped
    return pd.concat(tables).drop_duplicates("path").reset_index(drop=True)


def _names(sets: Sequence[FeatureSet]) -> list[str]:
    names = [name for features in sets for name in features.get_feature_names_out()]
    if len(set(names)) == len(names):
        return names
    return [
        f"{features.spec.digest[:8] if features.spec else ''}_{name}"
        for features in sets
        for name in features.get_feature_names_out()
    ]
