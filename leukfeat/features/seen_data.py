"""What cells the weights of a backbone have seen, by the digest of the weights."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from leukfeat.exceptions import WeightsError
from leukfeat.features.network_file import leads_elsewhere
from leukfeat.features.spec import FeatureSpec
from leukfeat.file_kind import not_a_file

__all__ = [
    "FACTS",
    "TUNED_DIGEST",
    "SeenData",
    "read_facts",
    "remember_seen",
    "seen_by",
    "seen_by_weights",
    "seen_facts",
]

FACTS = "leukfeat/facts"
"""Data set of a weights file in which `fine_tune_backbone` keeps what it knows, as JSON."""

TUNED_DIGEST = "tuned-weights-1"
"""Stands in the facts of a file that is named by the digest of its weights alone."""

_LARGEST_FACTS = 1 << 26


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeenData:
    """Data that weights were trained on.

    Parameters
    ----------
    datasets : tuple of str, default=()
        Names, for example ``"imagenet"``.
    subjects : frozenset of str, default=frozenset()
        SHA-256 of the name of every subject, where they are known one by one.
    ids : frozenset of str, default=frozenset()
        Digests of the images.

    Examples
    --------
    >>> seen = SeenData(datasets=("c-nmc-2019",))
    >>> seen.named("C-NMC 2019 prelim"), seen.named("ALL-IDB2")
    (['c-nmc-2019'], [])
    >>> SeenData(datasets=("c-nmc-2019-train", "all-idb2")).named("C-NMC 2019+ALL-IDB1")
    ['c-nmc-2019-train', 'all-idb2']
    """

    datasets: tuple[str, ...] = ()
    subjects: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()

    def __or__(self, other: SeenData) -> SeenData:
        return SeenData(
            datasets=tuple(dict.fromkeys([*self.datasets, *other.datasets])),
            subjects=self.subjects | other.subjects,
            ids=self.ids | other.ids,
        )

    def to_dict(self) -> dict[str, list[str]]:
        """Return plain values that JSON can hold; no name of a subject is among them."""
        return {
            "datasets": list(self.datasets),
            "subjects": sorted(self.subjects),
            "ids": sorted(self.ids),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SeenData:
        """Read it back; other keys are passed over.

        Parameters
        ----------
        values : mapping
            As :meth:`to_dict` gave them.
        """
        return cls(
            datasets=tuple(values.get("datasets", ())),
            subjects=frozenset(values.get("subjects", ())),
            ids=frozenset(values.get("ids", ())),
        )

    def named(self, dataset: str) -> list[str]:
        """List the seen data sets that a data set is, is part of, or holds.

        Parameters
        ----------
        dataset : str
            Name of a `CellDataset`. Names are compared without case and punctuation;
            ``"C-NMC 2019 train"`` is a part of ``"c-nmc-2019"``, which holds it; ``"A+B"`` holds
            both. ALL-IDB1 and ALL-IDB2 count as one: the cells of the second were cut out of the
            fields of the first. A name that only says what any folder may be called (``"train"``,
            ``"cells"``) holds nothing.

        Returns
        -------
        list of str
        """
        asked = [starts for part in dataset.split("+") if (starts := _starts(part))]
        return [
            one
            for one in self.datasets
            for seen in [_starts(one)]
            if seen and any(seen[-1] in mine or _holds(mine[-1], seen) for mine in asked)
        ]

    def seen_subjects(self, subjects: Iterable[Any]) -> list[str]:
        """List the subjects among these that were seen."""
        names = {s for s in subjects if isinstance(s, str)}
        return sorted(s for s in names if hashlib.sha256(s.encode()).hexdigest() in self.subjects)


_SAME = {"allidb1": "allidb1and2", "allidb2": "allidb1and2"}
_ANY_FOLDER = {"all", "hem", "cells", "data", "images", "img", "train", "training", "test"}
_IMAGENET = SeenData(datasets=("imagenet",))
_by_digest: dict[str, SeenData] = {}


def remember_seen(digest: str, seen: SeenData) -> None:
    """Note what weights have seen, for this process; it is added to what is known.

    Parameters
    ----------
    digest : str
        Of the weights, as it stands in a feature spec.
    seen : SeenData
    """
    _by_digest[digest] = _by_digest.get(digest, SeenData()) | seen


def seen_by(spec: FeatureSpec) -> SeenData:
    """Return what the weights of a feature space have seen, as far as it is known.

    Parameters
    ----------
    spec : FeatureSpec

    Returns
    -------
    SeenData

    Examples
    --------
    >>> seen_by(FeatureSpec()).datasets
    ('imagenet',)
    """
    return seen_by_weights(spec.weights, spec.weights_digest)


def seen_by_weights(kind: str, digest: str) -> SeenData:
    """Return what weights have seen, as far as it is known.

    Parameters
    ----------
    kind : {"imagenet", "random", "file"}
        How they were asked for.
    digest : str
        Names them.

    Returns
    -------
    SeenData
    """
    return _IMAGENET if kind == "imagenet" else _by_digest.get(digest, SeenData())


def read_facts(path: Any) -> dict[str, Any] | None:
    """Read what `fine_tune_backbone` wrote into a weights file, if it did.

    Parameters
    ----------
    path : path-like
        An HDF5 file.

    Returns
    -------
    dict or None
        ``None`` if it holds no such thing.

    Raises
    ------
    WeightsError
        If it is no HDF5 file, leads to other files, or holds something else in that place: what
        the weights have seen must not be lost without a word.
    """
    import h5py

    name = os.fspath(path)
    kind = not_a_file(path)
    if kind is not None:
        raise WeightsError(f"The weights file {name!r} is {kind}.")
    try:
        elsewhere = leads_elsewhere(path)
        if elsewhere:
            raise ValueError(f"it would read other files: {elsewhere}")
        with h5py.File(path, "r") as file:
            held = file.get(FACTS)
            if held is None:
                return None
            if not (isinstance(held, h5py.Dataset) and held.dtype == np.uint8 and held.ndim == 1):
                raise ValueError(f"its {FACTS!r} is not the text that fine_tune_backbone writes")
            if held.size > min(_LARGEST_FACTS, os.path.getsize(path)):
                raise ValueError(f"its {FACTS!r} announces {held.size} bytes")
            facts = json.loads(held[()].tobytes())
        if not isinstance(facts, dict):
            raise ValueError(f"its {FACTS!r} holds a {type(facts).__name__}, not a table")
    except (OSError, RuntimeError, ValueError, RecursionError) as error:
        raise WeightsError(f"The weights file {name!r} cannot be used: {error}.") from error
    return facts


def seen_facts(facts: dict[str, Any] | None) -> SeenData:
    """Return what tuned weights have seen, from the facts in their file.

    Parameters
    ----------
    facts : dict or None
        From :func:`read_facts`.

    Returns
    -------
    SeenData
    """
    if not facts:
        return SeenData()
    record = facts.get("record", {})
    return SeenData.from_dict(record) | SeenData.from_dict(facts.get("before", {}))


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", name.lower())


def _starts(name: str) -> list[str]:
    # "c-nmc-2019", "C-NMC 2019" and "cnmc2019" are the same, and "C-NMC 2019 train" starts so;
    # "ALL-IDB10" does not start with "all-idb1".
    return [_SAME.get(start, start) for start in itertools.accumulate(_words(name))]


def _holds(whole: str, starts: list[str]) -> bool:
    return whole in starts and whole not in _ANY_FOLDER
