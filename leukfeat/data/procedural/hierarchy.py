"""Who the cells come from: site, stain batch, subject, slide and field of every cell."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from .kinds import CLASS_NAMES

__all__ = ["LEVEL_KEYS", "Stream", "draw_hierarchy", "fold_of_subjects", "share_out", "stream"]

ALL_SHARE = 47 / 73
"""Share of the subjects that have leukemia, as in the training set of C-NMC 2019."""

SMALLEST, LARGEST = 9, 757
"""Cells of the smallest and of the largest subject of C-NMC 2019."""

_MEDIAN, _SPREAD = 110.0, 0.95
_GOLDEN = 0.6180339887498949
_NEW_FIELD, _NEW_SLIDE = 0.45, 0.12

FIRST_SUBJECT = 101
"""Above every number of C-NMC 2019, some of whose subjects its loader joins into groups."""

LEVEL_KEYS = {
    "site": ["site_no"],
    "stain": ["site_no", "stain_no"],
    "subject": ["subject_no"],
    "slide": ["subject_no", "slide_no"],
    "field": ["subject_no", "field_no"],
    "cell": ["subject_no", "cell_no"],
}
"""The columns that tell one thing from another at each level."""


class Stream(IntEnum):
    """What a random stream is for; the numbers are part of what a seed means."""

    SITE = 0
    STAIN = 1
    SUBJECT = 2
    SLIDE = 3
    FIELD = 4
    CELL = 5
    PLAN = 6
    LAYOUT = 7
    MIX = 8
    TRAITS = 9
    SHAPE = 10
    MASK = 11
    NOISE = 12
    DUPLICATES = 13
    LABELS = 14
    SMEAR = 15


def stream(random_state: int, *key: int) -> np.random.Generator:
    """Return the random stream that belongs to one thing, and to nothing else.

    Every site, stain batch, subject, slide, field and cell has its own stream, so that a cell
    stays the same whatever the number of others.

    Parameters
    ----------
    random_state : int
        The seed of the dataset.
    *key : int
        What the stream is for.

    Returns
    -------
    numpy.random.Generator
    """
    return np.random.default_rng(np.random.SeedSequence(random_state, spawn_key=key))


def draw_hierarchy(
    n_subjects: int, n_cells: int, *, n_sites: int, n_stains: int, random_state: int
) -> pd.DataFrame:
    """Lay out the cells: one row a cell, ordered by subject.

    Parameters
    ----------
    n_subjects, n_cells : int
        How many; ``n_cells >= n_subjects``.
    n_sites, n_stains : int
        Number of sites, and of stain batches a site.
    random_state : int
        The seed of the dataset.

    Returns
    -------
    pandas.DataFrame
        ``label``, the names ``subject``, ``site``, ``stain``, ``slide``, ``field``, the number
        ``cell`` in the field (from 1), and further numbers (from 0): ``site_no`` and
        ``subject_no`` in the dataset, ``stain_no`` in the site, ``slide_no``, ``field_no`` and
        ``cell_no`` in the subject.
    """
    subjects = [_draw_subject(i, n_sites, n_stains, random_state) for i in range(n_subjects)]
    sizes = share_out(n_cells, np.array([s["weight"] for s in subjects]))
    return pd.concat(
        [_lay_out(s, int(n), random_state) for s, n in zip(subjects, sizes, strict=True)],
        ignore_index=True,
    )


def share_out(n_cells: int, weights: np.ndarray) -> np.ndarray:
    """Divide cells among subjects in proportion to weights.

    No subject gets fewer than the smallest of C-NMC (9), or a third of the mean where the
    dataset is too small for that, so that its own share can still be counted.

    Parameters
    ----------
    n_cells : int
        Cells in all.
    weights : ndarray of shape (n_subjects,)
        Positive weights.

    Returns
    -------
    ndarray of int64, shape (n_subjects,)
        Adds up to `n_cells`; every entry is at least 1.

    Examples
    --------
    >>> share_out(100, np.array([1.0, 2.0, 7.0]))
    array([16, 24, 60])
    """
    floor = int(np.clip(n_cells / len(weights) / 3, 1, SMALLEST))
    exact = (n_cells - floor * len(weights)) * weights / weights.sum()
    sizes = np.floor(exact).astype(np.int64)
    rest = n_cells - floor * len(weights) - int(sizes.sum())
    sizes[np.argsort(sizes - exact, kind="stable")[:rest]] += 1
    return sizes + floor


def _draw_subject(i: int, n_sites: int, n_stains: int, random_state: int) -> dict[str, Any]:
    rng = stream(random_state, Stream.PLAN, i)
    # Not drawn: so that a prefix of the subjects always has the classes in proportion.
    n_leukemic = [int(n * ALL_SHARE + 0.5) for n in (i, i + 1)]
    label = n_leukemic[1] - n_leukemic[0]
    # Spread evenly over the law of sizes: a few subjects drawn independently would now and then
    # be so unequal that one of them is half of its class.
    place = n_leukemic[0] if label else i - n_leukemic[0]
    start = stream(random_state, Stream.PLAN).random(2)[label]
    share = (start + _GOLDEN * place + 0.05 * rng.random()) % 1
    size = _MEDIAN * np.exp(_SPREAD * NormalDist().inv_cdf(np.clip(share, 1e-6, 1 - 1e-6)))
    return {
        "subject_no": i,
        "label": label,
        "subject": f"{'' if CLASS_NAMES[label] == 'all' else 'H'}{FIRST_SUBJECT + i}",
        "site_no": int(rng.random() * n_sites),
        "stain_no": int(rng.random() * n_stains),
        "weight": float(np.clip(size, SMALLEST, LARGEST)),
    }


def _lay_out(subject: dict[str, Any], n_cells: int, random_state: int) -> pd.DataFrame:
    # Drawn in pairs, cell by cell: the first cells are the same however many follow.
    draws = stream(random_state, Stream.LAYOUT, subject["subject_no"]).random((n_cells, 2))
    new_field = draws[:, 0] < _NEW_FIELD
    new_slide = new_field & (draws[:, 1] < _NEW_SLIDE)
    new_field[0] = new_slide[0] = False
    field_no, slide_no = np.cumsum(new_field), np.cumsum(new_slide)
    name, site, stain = subject["subject"], subject["site_no"] + 1, subject["stain_no"] + 1
    slide = [f"{name}.s{s + 1}" for s in slide_no]
    field = [f"{s}.f{f + 1}" for s, f in zip(slide, field_no, strict=True)]
    return pd.DataFrame(
        {
            "label": subject["label"],
            "subject": name,
            "site": f"site{site}",
            "stain": f"site{site}.b{stain}",
            "slide": slide,
            "field": field,
            "cell": pd.Series(field_no).groupby(field_no).cumcount() + 1,
            "site_no": subject["site_no"],
            "stain_no": subject["stain_no"],
            "subject_no": subject["subject_no"],
            "slide_no": slide_no,
            "field_no": field_no,
            "cell_no": np.arange(n_cells),
        }
    )


def fold_of_subjects(rows: pd.DataFrame, n_folds: int = 3) -> np.ndarray:
    """Divide the subjects of each class into folds with about as many cells each.

    Parameters
    ----------
    rows : pandas.DataFrame of n_cells rows
        With ``label`` and ``subject``.
    n_folds : int, default=3
        How many, as in C-NMC 2019.

    Returns
    -------
    ndarray of object, shape (n_cells,)
        ``"fold_0"``, ``"fold_1"``, ...
    """
    label_of = dict(zip(rows["subject"], rows["label"], strict=True))
    size_of = Counter(rows["subject"])
    filled = np.zeros((2, n_folds), np.int64)
    fold = {}
    # Largest first, so that small subjects even out what the large ones leave uneven.
    for subject in sorted(size_of, key=lambda s: (-size_of[s], s)):
        label = label_of[subject]
        emptiest = int(filled[label].argmin())
        filled[label, emptiest] += size_of[subject]
        fold[subject] = f"fold_{emptiest}"
    return rows["subject"].map(fold).to_numpy(object)
