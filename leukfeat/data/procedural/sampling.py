"""Drawing the traits of every cell, and the look of its picture, from their streams."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .appearance import LEVELS, Look, combine_levels
from .hierarchy import LEVEL_KEYS, Stream, stream
from .kinds import KIND_SHARES, KINDS, TRAIT_SPREAD, TRAITS, Traits, from_latent, vacuole_odds

__all__ = ["draw_looks", "draw_traits"]

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
        subject: np.cumsum(_mix_of_kinds(subject, label, min(1.0, shift), random_state))
        for subject, label in subjects.itertuples(index=False)
    }
    centres = np.array([kind.centre for kind in KINDS])
    nucleoli = np.cumsum([kind.nucleoli for kind in KINDS], axis=1)
    vacuoles = np.cumsum([vacuole_odds(kind.vacuoles) for kind in KINDS], axis=1)
    drawn: list[Traits] = []
    for subject, cell in rows[["subject_no", "cell_no"]].itertuples(index=False):
        rng = stream(random_state, Stream.TRAITS, subject, cell)
        u = rng.random(3)
        kind = _place(mixes[subject], u[0])
        traits = from_latent(centres[kind] + TRAIT_SPREAD * rng.standard_normal(len(TRAITS)))
        counts = _place(nucleoli[kind], u[1]), _place(vacuoles[kind], u[2])
        drawn.append(Traits._make([KINDS[kind].name, *traits.tolist(), *counts]))
    return drawn


def _mix_of_kinds(subject: int, label: int, departure: float, random_state: int) -> np.ndarray:
    shares = KIND_SHARES[label]
    own = np.zeros(len(shares))
    present = shares > 0
    rng = stream(random_state, Stream.MIX, subject)
    own[present] = rng.dirichlet(_EVENNESS * shares[present])
    return (1 - departure) * shares + departure * own


def _place(cumulative: np.ndarray, u: float) -> int:
    # Rounding can leave the last sum below 1 and u above it.
    return min(int(np.searchsorted(cumulative, u, side="right")), len(cumulative) - 1)
