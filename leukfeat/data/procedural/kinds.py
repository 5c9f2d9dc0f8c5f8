"""The kinds of cell that are drawn, and the traits that each is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

__all__ = [
    "BOUNDED",
    "CLASS_NAMES",
    "KINDS",
    "KIND_SHARES",
    "TRAITS",
    "TRAIT_SPREAD",
    "Kind",
    "Traits",
    "from_latent",
    "to_latent",
    "vacuole_odds",
]

CLASS_NAMES = ("hem", "all")
"""Classes in the order of their labels: normal precursor 0, leukemic blast 1."""


class Traits(NamedTuple):
    """What one cell is: its kind, and what makes it differ from others of its kind."""

    kind: str
    """Name of one of `KINDS`."""
    nucleus_um: float
    """Diameter of the nucleus (µm)."""
    nc_ratio: float
    """Area of the nucleus over that of the cell."""
    grain_um: float
    """Size of the chromatin grain (µm)."""
    contrast: float
    """Contrast of the chromatin; 1 is a common blast."""
    clumping: float
    """Part of the contrast that lies in clumps with sharp borders."""
    cleft: float
    """Depth of the nuclear cleft (share of the radius)."""
    irregularity: float
    """Unevenness of the nuclear outline (share of the radius)."""
    basophilia: float
    """Azure dye in the cytoplasm; 1 is that of a usual nucleus."""
    density: float
    """Dye in the nucleus; 1 is usual."""
    nucleoli: int
    """How many nucleoli, 0 to 3."""
    vacuoles: int
    """How many vacuoles."""


TRAITS = Traits._fields[1:10]
"""Continuous traits of a cell: log-normal within a kind (`BOUNDED` ones logit-normal)."""

BOUNDED = np.array([name in ("nc_ratio", "clumping") for name in TRAITS])
"""Which traits live between 0 and 1."""

TRAIT_SPREAD = np.array([0.065, 0.35, 0.25, 0.32, 0.60, 0.75, 0.35, 0.20, 0.04])
"""Standard deviation of each trait within a kind, on its log or logit scale."""

VACUOLES_MAX = 12
"""More vacuoles than this are not drawn."""


@dataclass(frozen=True)
class Kind:
    """One kind of cell: its share of each class, and its typical traits.

    Parameters
    ----------
    name : str
        Shown in the column ``true_kind``.
    shares : tuple of float
        Share of the kind among ``hem`` and among ``all`` cells.
    typical : tuple of float
        Median of each trait, in the order of `TRAITS`; see `Traits` for units.
    nucleoli : tuple of float
        Probability of 0, 1, 2 and 3 nucleoli.
    vacuoles : float
        Mean number of vacuoles (Poisson, at most `VACUOLES_MAX`).

    Examples
    --------
    >>> [kind.name for kind in KINDS if kind.shares[1]]
    ['l1', 'l2', 'l3', 'smudge']
    """

    name: str
    shares: tuple[float, float]
    typical: tuple[float, ...]
    nucleoli: tuple[float, float, float, float]
    vacuoles: float = 0.05

    @property
    def centre(self) -> np.ndarray:
        """Mean of the traits on their log or logit scale, float64 of shape ``(n_traits,)``."""
        return to_latent(np.array(self.typical))


def to_latent(values: np.ndarray) -> np.ndarray:
    """Put traits on the scale on which they are normal.

    Parameters
    ----------
    values : ndarray of shape (..., n_traits)
        Traits in the order of `TRAITS`.

    Returns
    -------
    ndarray of shape (..., n_traits), float64
    """
    return np.log(values) - np.log1p(-values * BOUNDED)


def from_latent(latent: np.ndarray) -> np.ndarray:
    """Undo `to_latent`.

    Parameters
    ----------
    latent : ndarray of shape (..., n_traits)
        Traits on their log or logit scale.

    Returns
    -------
    ndarray of shape (..., n_traits), float64
    """
    return np.exp(latent) / (1 + np.exp(latent) * BOUNDED)


def vacuole_odds(mean: float) -> np.ndarray:
    """Return the probability of 0, 1, ... `VACUOLES_MAX` vacuoles.

    Parameters
    ----------
    mean : float
        Mean of the Poisson law, whose tail is added to the last entry.

    Returns
    -------
    ndarray of shape (VACUOLES_MAX + 1,), float64

    Examples
    --------
    >>> float(vacuole_odds(5.0).sum().round(12))
    1.0
    """
    odds = np.exp(-mean) * np.cumprod(np.r_[1.0, mean / np.arange(1, VACUOLES_MAX + 1)])
    odds[-1] = max(1 - odds[:-1].sum(), odds[-1])
    return odds / odds.sum()


#                           nucleus  n:c  grain contr clump cleft  irreg  baso  dense
KINDS = (
    Kind("haematogone", (0.70, 0.0), (11.3, 0.935, 0.50, 0.63, 0.20, 0.050, 0.025, 0.50, 1.02),
         (0.82, 0.15, 0.025, 0.005)),
    Kind("lymphocyte", (0.25, 0.0), (11.0, 0.885, 0.70, 1.10, 0.50, 0.050, 0.024, 0.44, 1.03),
         (0.86, 0.12, 0.015, 0.005)),
    Kind("l1", (0.0, 0.63), (11.5, 0.92, 0.37, 1.06, 0.18, 0.060, 0.026, 0.52, 1.00),
         (0.68, 0.26, 0.05, 0.01)),
    Kind("l2", (0.0, 0.30), (12.0, 0.88, 0.48, 1.28, 0.30, 0.110, 0.034, 0.54, 0.98),
         (0.20, 0.42, 0.27, 0.11)),
    Kind("l3", (0.0, 0.02), (12.2, 0.81, 0.44, 1.00, 0.25, 0.060, 0.026, 0.85, 1.03),
         (0.20, 0.40, 0.28, 0.12), 4.0),
    Kind("smudge", (0.05, 0.05), (13.0, 0.97, 0.80, 0.60, 0.20, 0.060, 0.080, 0.36, 0.80),
         (1.0, 0.0, 0.0, 0.0)),
)  # fmt: skip
"""The kinds: two normal, the three French-American-British ones, and the burst cell of both."""

KIND_SHARES = np.array([kind.shares for kind in KINDS]).T
"""Share of each kind in each class, float64 of shape ``(2, n_kinds)``; rows add up to 1."""
