"""The best score that the true traits of a cell allow: the ceiling of any classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .kinds import KIND_SHARES, KINDS, TRAIT_SPREAD, TRAITS, to_latent, vacuole_odds

__all__ = ["log_odds", "oracle_score"]


def oracle_score(cells: Any) -> np.ndarray:
    """Score procedural cells with the exact likelihood ratio of their true traits.

    No classifier that sees the pixels of one cell can rank cells better in expectation,
    whatever it is trained on: the kinds overlap, and the appearance (stain, focus, scale)
    only hides the traits. Its AUROC is therefore the ceiling to print beside a result.

    Parameters
    ----------
    cells : CellDataset or pandas.DataFrame
        Cells from `make_cells`, or their frame (its ``true_`` columns are read, no pixel).

    Returns
    -------
    ndarray of shape (n_cells,), float64
        ``log p(traits | all) - log p(traits | hem)``: above 0 where the traits are likelier
        for a blast.

    Raises
    ------
    ValueError
        If a needed ``true_`` column is missing: the cells do not come from `make_cells`.

    Notes
    -----
    The kind itself is not given to the oracle, since it would name the class. Planted label
    noise is unknown to it too, and lowers its AUROC against the column ``label``.

    Examples
    --------
    >>> from leukfeat.data.procedural import make_cells
    >>> cells = make_cells(4, 12, size=64)
    >>> oracle_score(cells).shape
    (12,)
    """
    frame = cells if isinstance(cells, pd.DataFrame) else getattr(cells, "frame", None)
    if frame is None:
        raise ValueError(
            "The 'cells' parameter of oracle_score must be a CellDataset from make_cells, or its "
            f"frame. Got {type(cells).__name__} instead."
        )
    needed = [f"true_{name}" for name in (*TRAITS, "nucleoli", "vacuoles")]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise ValueError(
            f"oracle_score needs the columns {missing}, which only cells from make_cells have. "
            f"Got the columns {list(frame.columns)}."
        )
    traits = to_latent(frame[needed[: len(TRAITS)]].to_numpy(float))
    return log_odds(
        traits, frame["true_nucleoli"].to_numpy(int), frame["true_vacuoles"].to_numpy(int)
    )


def log_odds(latent: np.ndarray, nucleoli: np.ndarray, vacuoles: np.ndarray) -> np.ndarray:
    """Compute the log likelihood ratio of the two classes.

    Parameters
    ----------
    latent : ndarray of shape (n_cells, n_traits)
        Traits on their log or logit scale.
    nucleoli, vacuoles : ndarray of int, shape (n_cells,)
        Counts.

    Returns
    -------
    ndarray of shape (n_cells,), float64
    """
    log_p = np.stack([_log_density(k, latent, nucleoli, vacuoles) for k in range(len(KINDS))])
    # Subtracting the largest keeps the exponentials of unlikely cells from vanishing.
    top = log_p.max(axis=0)
    hem, blast = np.log(KIND_SHARES @ np.exp(log_p - top) + np.finfo(float).tiny)
    return blast - hem


def _log_density(
    k: int, latent: np.ndarray, nucleoli: np.ndarray, vacuoles: np.ndarray
) -> np.ndarray:
    # Constants that every kind shares are left out.
    kind = KINDS[k]
    z = (latent - kind.centre) / TRAIT_SPREAD
    with np.errstate(divide="ignore"):
        counts = np.log(np.array(kind.nucleoli))[nucleoli]
    return -0.5 * (z**2).sum(axis=1) + counts + np.log(vacuole_odds(kind.vacuoles))[vacuoles]
