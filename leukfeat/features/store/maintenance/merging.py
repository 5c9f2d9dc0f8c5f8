"""Several stores of one feature space into one."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from leukfeat.exceptions import CacheError, SpecMismatchError
from leukfeat.features.store.giving_up import writing_to
from leukfeat.features.store.lock import WriterLock
from leukfeat.features.store.reader import StoreReader
from leukfeat.features.store.rewriting import NewStore, remove_leftovers
from leukfeat.features.store.room import check_room

__all__ = ["MergeReport", "merge_stores"]

_TOLERANCE = 0.05
"""Largest distance of two rows of one image, as a share of their length. Processors and
library versions differ by 1e-6 (float32) to 1e-2 (int8); rows of different images by about 1."""

_WINDOW = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class MergeReport:
    """What :func:`merge_stores` did.

    Attributes
    ----------
    path : str
        The store that now holds all.
    rows : int
        Its rows.
    rows_added : int
        Rows that it did not hold before.
    rows_shared : int
        Rows that more than one store held.
    rows_differing : int
        Of these, rows that are not equal bit by bit: other processors or versions computed
        them. The first store's row was kept.
    largest_difference : float
        Largest distance between two such rows, as a share of their length.
    rows_damaged : int
        Rows that were damaged in their store and left out.
    cut_short : list of str
        Stores that lack their end: rows may be missing that cannot be counted.
    """

    path: str
    rows: int
    rows_added: int
    rows_shared: int
    rows_differing: int
    largest_difference: float
    rows_damaged: int
    cut_short: list[str]


def merge_stores(
    sources: Sequence[str | os.PathLike[str]], target: str | os.PathLike[str]
) -> MergeReport:
    """Put the rows of several stores of one feature space into one.

    The merged file is written beside `target` and then takes its place: a kill, a full disk or
    a refusal leaves every file as it was. The sources are only read.

    Parameters
    ----------
    sources : sequence of path-like
        The stores; where two hold the same image, the earlier one's row is taken.
    target : path-like
        A file. Where it exists its rows come first.

    Returns
    -------
    MergeReport

    Raises
    ------
    SpecMismatchError
        If the stores are of different feature spaces.
    CacheError
        If a store cannot be read, `target` cannot be written, or two rows of one image differ
        so much that one must be wrong.
    """
    if not sources:
        raise ValueError("The 'sources' parameter of merge_stores must name at least one store.")
    target = os.path.abspath(os.path.expanduser(os.fspath(target)))
    paths = [os.path.abspath(os.path.expanduser(os.fspath(source))) for source in sources]
    paths = [path for path in dict.fromkeys(paths) if path != target]
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with WriterLock(target), contextlib.ExitStack() as stack:
        remove_leftovers(target)
        held = os.path.exists(target)
        stores = [
            stack.enter_context(StoreReader(path)) for path in ([target] if held else []) + paths
        ]
        _check_one_space(stores)
        shared, differing = [], []  # keys: three stores that hold a row are three pairs
        largest = 0.0
        for i, later in enumerate(stores):
            for earlier in stores[:i]:
                overlap = _compare(earlier, later)
                shared.append(overlap[0])
                differing.append(overlap[1])
                largest = max(largest, overlap[2])
        cut_short = [store.path for store in stores if store.missing_bytes]
        damaged = sum(_count_damaged(store) for store in stores)
        with writing_to(target):
            check_room(os.path.dirname(target), sum(os.path.getsize(s.path) for s in stores))
            with NewStore(target, stores[0].spec, stores[0].n_features) as new:
                copied = [new.add(store) for store in stores]
                new.put_in_place()
    return MergeReport(
        path=target,
        rows=sum(copied),
        rows_added=sum(copied[held:]),
        rows_shared=_count_distinct(shared),
        rows_differing=_count_distinct(differing),
        largest_difference=largest,
        rows_damaged=damaged,
        cut_short=cut_short,
    )


def _check_one_space(stores: list[StoreReader]) -> None:
    first = stores[0]
    for other in stores[1:]:
        if other.spec != first.spec:
            raise SpecMismatchError(
                f"{first.path!r} and {other.path!r} hold different feature spaces "
                f"({'; '.join(first.spec.differences(other.spec))}); such rows are never mixed."
            )
        if other.n_features != first.n_features:
            raise CacheError(
                f"{first.path!r} holds rows of {first.n_features} features, {other.path!r} of "
                f"{other.n_features}, though both name the same feature space; verify them."
            )


def _count_distinct(keys: list[np.ndarray]) -> int:
    return len(np.unique(np.concatenate(keys), axis=0)) if keys else 0


def _compare(earlier: StoreReader, later: StoreReader) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the keys held by both, those whose rows differ, and the largest difference."""
    places = earlier.index.find(later.keys)
    both = np.flatnonzero(places >= 0)
    shared, differing = [later.keys[:0]], [later.keys[:0]]
    largest = 0.0
    for start in range(0, len(both), _WINDOW):
        part = both[start : start + _WINDOW]
        one, other = earlier.read(places[part]), later.read(part)
        good = ~(one.damaged | other.damaged)
        a, b = one.features[good], other.features[good]
        unequal = (a.view(np.uint32) != b.view(np.uint32)).any(axis=1)
        shared.append(later.keys[part[good]])
        differing.append(later.keys[part[good][unequal]])
        if not unequal.any():
            continue
        a, b = a[unequal].astype(float), b[unequal].astype(float)
        distance = np.linalg.norm(a - b, axis=1) / np.maximum(np.linalg.norm(a, axis=1), 1e-30)
        worst = int(np.argmax(np.where(np.isfinite(distance), distance, np.inf)))
        largest = max(largest, float(distance[worst]))
        if not distance[worst] <= _TOLERANCE:
            key = later.keys[part[good][unequal][worst]].tobytes().hex()
            raise CacheError(
                f"{earlier.path!r} and {later.path!r} hold rows of the same image (key {key}) "
                f"that differ by {distance[worst]:.2g} of their length, at most {_TOLERANCE} is "
                "expected: one of them is wrong. Extract these images again into a new cache."
            )
    return np.concatenate(shared), np.concatenate(differing), largest


def _count_damaged(store: StoreReader) -> int:
    places = np.flatnonzero(store.written)
    parts = [places[i : i + _WINDOW] for i in range(0, len(places), _WINDOW)]
    return sum(int(store.read(part).damaged.sum()) for part in parts)
