"""The training cells that look most like a cell: examples for a decision."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from leukfeat.exceptions import SpecMismatchError
from leukfeat.features import FeatureSet

__all__ = ["nearest_training_cells"]


def nearest_training_cells(
    training: FeatureSet, cells: FeatureSet, *, n_neighbors: int = 5
) -> pd.DataFrame:
    """Find the training cells whose features point in the direction of each cell's.

    Explanation by example: not what a head did with a cell, but what it had to go by. Identical
    images and cells of the cell's own subject are left out.

    Parameters
    ----------
    training : FeatureSet
        Labelled cells that a head was fit on.
    cells : FeatureSet
        The cells asked about, of the same feature space.
    n_neighbors : int, default=5
        Training cells for each; fewer where there are no more.

    Returns
    -------
    pandas.DataFrame
        One row a pair, nearest first: ``cell`` (row of `cells`), ``rank`` (from 1),
        ``training_cell`` (row of `training`), ``cosine`` (of the features, centred on the mean of
        the training cells; 1 is the same direction), ``label`` (name of the training cell's
        class), and where known ``subject`` and ``path``.

    Raises
    ------
    SpecMismatchError
        If the two are of different feature spaces.
    ValueError
        If `n_neighbors` is below 1, or the training cells have no labels.

    Examples
    --------
    >>> from leukfeat import FeatureSet
    >>> from leukfeat.evaluation import nearest_training_cells
    >>> training = FeatureSet([[1, 0], [0, 1], [-1, -1]], [0, 1, 1], class_names=["hem", "all"])
    >>> nearest_training_cells(training, FeatureSet([[2, 0.1]]), n_neighbors=1)["label"].tolist()
    ['hem']
    """
    if n_neighbors < 1:
        raise ValueError(f"'n_neighbors' must be at least 1. Got {n_neighbors!r} instead.")
    if training.y is None:
        raise ValueError(f"{training.name!r} has no labels: its cells would be no examples.")
    one, two = training.spec, cells.spec
    if one is not None and two is not None and not one.is_interchangeable_with(two):
        raise SpecMismatchError(
            f"The training cells and the cells are of two feature spaces "
            f"({'; '.join(one.differences(two))}). Extract both with the same settings."
        )
    mean = training.X.mean(0)
    pool, asked = normalize(training.X - mean), normalize(cells.X - mean)
    excluded = [_same(training.ids, value) for value in _values(cells.ids, len(cells))]
    subjects = [_same(training.subjects, value) for value in _values(cells.subjects, len(cells))]
    most = max((len(a) + len(b) for a, b in zip(excluded, subjects, strict=True)), default=0)
    finder = NearestNeighbors(n_neighbors=min(len(pool), n_neighbors + most)).fit(pool)
    rows = []
    for cell, order in enumerate(finder.kneighbors(asked, return_distance=False)):
        forbidden = np.union1d(excluded[cell], subjects[cell])
        kept = order[~np.isin(order, forbidden)][:n_neighbors]
        for rank, place in enumerate(kept, start=1):
            rows.append((cell, rank, int(place), float(pool[place] @ asked[cell])))
    table = pd.DataFrame(rows, columns=["cell", "rank", "training_cell", "cosine"])
    at = table["training_cell"].to_numpy(np.int64)
    names = np.array([*training.class_names, ""], object)
    table["label"] = names[training.y[at]] if training.class_names else training.y[at]
    if training.subjects is not None:
        table["subject"] = training.subjects[at]
    if training.columns is not None and "path" in training.columns:
        table["path"] = training.columns["path"].to_numpy(object)[at]
    return table


def _values(values: np.ndarray | None, n: int) -> list[str | None]:
    return [None] * n if values is None else list(values)


def _same(values: np.ndarray | None, wanted: str | None) -> np.ndarray:
    if values is None or wanted is None or wanted == "":
        return np.empty(0, np.int64)
    return np.flatnonzero(values == wanted)
