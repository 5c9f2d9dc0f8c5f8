"""Drawing the traits of every cell, and the look of its picture, from their streams."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .appearance import LEVELS, Look, combine_levels
from .hierarchy import LEVEL_KEYS, Stream, stream
from .kinds import KIND_SHARES, KINDS, TRAIT_SPREAD, TRAITS, Traits, from_latent, vacuole_odds

__all__ = ["draw_looks", "draw_traits", "draw_traits_of_one"]

_EVENNESS = 5.0
"""Concentration of the mix of kinds in a subject about the mix in its class (Dirichlet)."""


def draw_looks(rows: pd.DataFrame, *, shift: float, random_state: int) -> pd.DataFrame:
    """Draw how each cell was prepared and photographed.

    Parameters
    ----------
    rows : pandas.DataFrame of n_cells rows
        From `draw_hierarchy`.
    shift : float
        Factor on what cells of one site, stain batch, subject, slide or field share.
    random_state : int
        The seed of the dataset.

    Returns
    -------
    pandas.DataFrame of n_cells rows
        The columns are the fields of `Look`.
    """
    n_properties = len(Look._fields)
    deviates = {}
    for level in LEVELS:
        keys = rows[LEVEL_KEYS[level]]
        codes = keys.groupby(LEVEL_KEYS[level], sort=False).ngroup().to_numpy()
        table = [
            stream(random_state, Stream[level.upper()], *key).standard_normal(n_properties)
            for key in keys.drop_duplicates().itertuples(index=False)
        ]
        deviates[level] = np.array(table)[codes]
    return pd.DataFrame(combine_levels(deviates, shift=shift), columns=list(Look._fields))


def draw_traits(rows: pd.DataFrame, *, shift: float, random_state: int) -> list[Traits]:
    """Draw what each cell is.

    Parameters
    ----------
    rows : pandas.DataFrame of n_cells rows
        From `draw_hierarchy`.
    shift : float
        How far the mix of kinds in a subject departs from that of its class: not at all at 0,
        in full from 1 on.
    random_state : int
        The seed of the dataset.

    Returns
    -------
    list of Traits, one a cell
    """
    subjects = rows[["subject_no", "label"]].drop_duplicates()
    mixes = {
        subject: _mix_of_kinds(subject, label, min(1.0, shift), random_state)
        for subject, label in subjects.itertuples(index=False)
    }
    return [
        draw_traits_of_one(stream(random_state, Stream.TRAITS, subject, cell), mixes[subject])
        for subject, cell in rows[["subject_no", "cell_no"]].itertuples(index=False)
    ]


def draw_traits_of_one(rng: np.random.Generator, shares: np.ndarray) -> Traits:
    """Draw what one cell is.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the traits.
    shares : ndarray of shape (n_kinds,)
        Probability of each of `KINDS`.

    Returns
    -------
    Traits
    """
    u = rng.random(3)
    kind = KINDS[_place(shares, u[0])]
    traits = from_latent(kind.centre + TRAIT_SPREAD * rng.standard_normal(len(TRAITS)))
    nucleoli = _place(np.array(kind.nucleoli), u[1])
    vacuoles = _place(vacuole_odds(kind.vacuoles), u[2])
    return Traits._make([kind.name, *traits.tolist(), nucleoli, vacuoles])


def _mix_of_kinds(subject: int, label: int, departure: float, random_state: int) -> np.ndarray:
    shares = KIND_SHARES[label]
    own = np.zeros(len(shares))
    present = shares > 0
    rng = stream(random_state, Stream.MIX, subject)
    own[present] = rng.dirichlet(_EVENNESS * shares[present])
    return (1 - departure) * shares + departure * own


def _place(odds: np.ndarray, u: float) -> int:
    # Rounding can leave the last sum below 1 and u above it.
    return min(int(np.searchsorted(np.cumsum(odds), u, side="right")), len(odds) - 1)
