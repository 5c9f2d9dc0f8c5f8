"""Subjects as whole numbers, and how much evidence uneven subjects hold."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["SubjectIndex", "index_subjects", "kish"]


def kish(weights: Any) -> float:
    r"""Effective number of equally large units (Kish).

    Parameters
    ----------
    weights : array-like of float
        Size or weight of each unit, for example cells a subject.

    Returns
    -------
    float
        :math:`(\sum w)^2 / \sum w^2`; 0 if all weights are 0.

    References
    ----------
    .. [1] L. Kish, "Survey Sampling", Wiley 1965.

    Examples
    --------
    >>> from leukfeat.metrics import kish
    >>> kish([100, 100, 100, 100])
    4.0
    >>> round(kish([757, 9, 11, 14]), 2)
    1.09
    """
    w = np.asarray(weights, float)
    squares = float(w @ w)
    return float(w.sum()) ** 2 / squares if squares > 0 else 0.0


@dataclasses.dataclass(frozen=True)
class SubjectIndex:
    """Subjects of cells as codes.

    Parameters
    ----------
    codes : ndarray of int64 of shape (n_cells,)
        Index of each cell's subject in `names`.
    names : tuple of str
        The subjects, sorted; empty where subjects are not known.
    count : int
        Number of units: subjects, or cells where subjects are not known.
    known : bool
        Whether the units are subjects.
    alone : int, default=0
        How many of the units, the last ones, are cells without subject among others that have one.
    """

    codes: np.ndarray
    names: tuple[str, ...]
    count: int
    known: bool
    alone: int = 0

    def strata(self, y: np.ndarray) -> np.ndarray:
        """Return the stratum of each unit.

        Units are drawn a class at a time when each holds one class, as in a study of patients
        and healthy donors; where any holds several, all are one stratum.

        Parameters
        ----------
        y : ndarray of int of shape (n_cells,)
            Labels.

        Returns
        -------
        ndarray of int64 of shape (count,)
        """
        lowest = np.full(self.count, np.iinfo(np.int64).max)
        highest = np.full(self.count, np.iinfo(np.int64).min)
        np.minimum.at(lowest, self.codes, y)
        np.maximum.at(highest, self.codes, y)
        return lowest if bool((lowest == highest).all()) else np.zeros(self.count, np.int64)

    def holders(self, y: np.ndarray) -> tuple[int, ...]:
        """Return how many units hold each label that there is.

        Parameters
        ----------
        y : ndarray of int of shape (n_cells,)
            Labels, 0 or more.

        Returns
        -------
        tuple of int
            In the order of the labels; a unit that holds several counts for each.
        """
        n_labels = int(y.max()) + 1
        labels = np.unique(self.codes * n_labels + y) % n_labels
        return tuple(int(n) for n in np.unique(labels, return_counts=True)[1])


def index_subjects(subjects: Any, n_cells: int) -> SubjectIndex:
    """Give each subject a number.

    Parameters
    ----------
    subjects : array-like of shape (n_cells,) or None
        Subject of each cell. Without subjects every cell is its own unit, and so is a cell
        whose subject is missing (``None``, ``nan`` or ``""``).
    n_cells : int
        Number of cells.

    Returns
    -------
    SubjectIndex

    Raises
    ------
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> from leukfeat.metrics import index_subjects
    >>> index_subjects(["H3", "10", "H3"], 3).codes
    array([1, 0, 1])
    """
    if subjects is None:
        return SubjectIndex(np.arange(n_cells), (), n_cells, known=False)
    given = np.asarray(subjects)
    if given.shape != (n_cells,):
        raise ValueError(
            f"'subjects' must have one entry a cell, {n_cells}. Got shape {given.shape} instead."
        )
    if given.dtype.kind in "OUST":
        given = given.astype(object)
        given[given == ""] = None
    codes, uniques = pd.factorize(given, sort=False)
    codes = codes.astype(np.int64)
    names = np.array([str(u) for u in uniques], object)
    order = np.argsort(names)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    missing = codes < 0
    codes[~missing] = rank[codes[~missing]]
    codes[missing] = len(names) + np.arange(int(missing.sum()))
    every = (*names[order], *(f"(cell {i} without subject)" for i in np.flatnonzero(missing)))
    alone = int(missing.sum()) if len(names) else 0
    return SubjectIndex(codes, every, len(every), known=bool(len(names)), alone=alone)
