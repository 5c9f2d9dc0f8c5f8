"""Planted defects: duplicates across subjects, wrong labels, and shortcuts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .hierarchy import Stream, stream

__all__ = ["SHORTCUTS", "plant_duplicates", "plant_label_noise", "plant_shortcut"]

SHORTCUTS = ("colour", "size", "background")
"""Cues that tell the class without the cell; see `plant_shortcut`."""

BACKGROUND_GREY = 3
"""Grey level of the background of `all` cells with the shortcut ``"background"``."""

_COLOUR_GAIN, _SIZE_GAIN = 1.18, 1.25


def plant_duplicates(rows: pd.DataFrame, share: float, random_state: int) -> np.ndarray:
    """Choose cells that are to be copies of a cell of another subject.

    As in C-NMC 2019, copies gather in few pairs of subjects of the same class, one of which
    may become nearly a copy of the other; scattered over all subjects they would tie every
    subject to every other, and no split could be clean.

    Parameters
    ----------
    rows : pandas.DataFrame of n_cells rows
        From `draw_hierarchy`.
    share : float
        Copies, as a share of all cells.
    random_state : int
        The seed of the dataset.

    Returns
    -------
    ndarray of int64, shape (n_cells,)
        The row that each row shows: its own, or that of its original.

    Raises
    ------
    ValueError
        If there are not enough pairs of subjects for that many copies.
    """
    source = np.arange(len(rows))
    wanted = left = round(share * len(rows))
    rng = stream(random_state, Stream.DUPLICATES)
    cells_of = rows.groupby("subject_no").indices
    for label in rng.permutation(rows["label"].unique()):
        subjects = rng.permutation(rows.loc[rows["label"] == label, "subject_no"].unique())
        for one, other in zip(subjects[::2], subjects[1::2], strict=False):
            n = min(left, len(cells_of[one]), len(cells_of[other]))
            originals = rng.permutation(cells_of[one])[:n]
            source[rng.permutation(cells_of[other])[:n]] = originals
            left -= n
    if left:
        raise ValueError(
            f"The 'duplicates' parameter of make_cells asks for {wanted} copies of cells, but "
            f"only {wanted - left} fit into pairs of subjects of one class. Ask for fewer, or for "
            "more subjects."
        )
    return source


def plant_label_noise(labels: np.ndarray, share: float, random_state: int) -> np.ndarray:
    """Give a share of the cells the label of the other class.

    Parameters
    ----------
    labels : ndarray of int, shape (n_cells,)
        True labels, 0 or 1.
    share : float
        Wrong labels, as a share of all cells.
    random_state : int
        The seed of the dataset.

    Returns
    -------
    ndarray of int64, shape (n_cells,)
    """
    noisy = labels.astype(np.int64)
    wrong = stream(random_state, Stream.LABELS).permutation(len(labels))
    wrong = wrong[: round(share * len(labels))]
    noisy[wrong] = 1 - noisy[wrong]
    return noisy


def plant_shortcut(looks: pd.DataFrame, labels: np.ndarray, shortcut: str) -> pd.DataFrame:
    """Make the picture tell the class by colour or size.

    Parameters
    ----------
    looks : pandas.DataFrame of n_cells rows
        From `draw_looks`.
    labels : ndarray of int, shape (n_cells,)
        True labels.
    shortcut : str
        ``"colour"`` makes `all` cells bluer, ``"size"`` larger; others change no look.

    Returns
    -------
    pandas.DataFrame of n_cells rows
    """
    looks, leukemic = looks.copy(), labels == 1
    if shortcut == "colour":
        looks.loc[leukemic, "blue"] *= _COLOUR_GAIN
        looks.loc[leukemic, "red"] /= _COLOUR_GAIN
    if shortcut == "size":
        looks.loc[leukemic, "scale"] *= _SIZE_GAIN
    return looks
