"""How far a cell stands from every training cell."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

__all__ = ["TrainingReference"]

FAR_QUANTILE = 0.99
"""Share of training cells, each seen from the other subjects, that stand nearer than 1."""

N_FOLDS = 5
"""Folds of subjects over which the usual distance is measured."""


class TrainingReference:
    """Distance from the training cells, in units of what is usual between subjects.

    Features are whitened by a principal component analysis of the training cells; the distance
    of a cell is the mean Euclidean distance to its `n_neighbors` nearest training cells (Sun et
    al. 2022, arXiv 2204.06507, take the k-th). It is divided by the 0.99 quantile of the same
    distance of training cells, each measured by a reference fit without its subject: 1 is as
    far as a cell of a new patient ordinarily gets, and more is worth a look.

    Parameters
    ----------
    n_components : int, default=64
        Principal components kept, at most.
    n_neighbors : int, default=5
        Neighbours averaged.
    max_cells : int, default=4000
        Training cells kept as the reference; more are sampled down, evenly over groups.
    random_state : int, default=0
        Seed of that sample.
    standardize : bool, default=False
        Divide each column by its standard deviation first, where columns have units of their
        own: otherwise the components are those of the columns with the largest numbers.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,), float32
    components_ : ndarray of shape (n_features, n_components_), float32
        Projection onto whitened components.
    cells_ : ndarray of shape (n_reference, n_components_), float32
    scale_ : float
        The distance that counts as 1.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> train = rng.normal(size=(200, 8)).astype("float32")
    >>> reference = TrainingReference().fit(train, groups=np.arange(200) % 10)
    >>> distance = reference.distance(np.vstack([train[:1], train[:1] + 100]))
    >>> bool(distance[0] < 1 < distance[1])
    True
    """

    def __init__(
        self,
        *,
        n_components: int = 64,
        n_neighbors: int = 5,
        max_cells: int = 4000,
        random_state: int = 0,
        standardize: bool = False,
    ) -> None:
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.max_cells = max_cells
        self.random_state = random_state
        self.standardize = standardize

    def fit(self, X: Any, groups: Any = None) -> TrainingReference:
        """Keep the training cells that later ones are compared with.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_features)
            Features of the training cells.
        groups : array-like of shape (n_cells,), optional
            Subjects; without them each cell is its own group, and the distance is that between
            cells, which is smaller than that between patients.

        Returns
        -------
        TrainingReference

        Warns
        -----
        UserWarning
            If all cells are of one group: cells are then taken for the groups.
        """
        X = np.asarray(X, np.float32)
        codes = np.arange(len(X)) if groups is None else _codes(groups)
        if len(X) > 1 and not codes.any():
            warnings.warn(
                f"All {len(X)} training cells are of one subject: how far a new patient's cell "
                "ordinarily gets is not known, and a distance of 1 is as far as another cell of "
                "this subject gets. More cells of new patients will be flagged as far.",
                UserWarning,
                stacklevel=2,
            )
            codes = np.arange(len(X))
        rng = np.random.default_rng(self.random_state)
        if len(X) > self.max_cells:
            keep = _spread(codes, self.max_cells, rng)
            X, codes = X[keep], codes[keep]
        self.mean_, self.components_ = self._whitening(X)
        self.cells_ = self._project(X)
        self.scale_ = self._usual_distance(X, codes)
        return self

    def distance(self, X: Any) -> np.ndarray:
        """Measure how far cells stand from the training cells.

        Parameters
        ----------
        X : array-like of shape (n_cells, n_features)

        Returns
        -------
        ndarray of shape (n_cells,), float64
            Above 1: farther than 99 % of the training cells are from other subjects' cells.
        """
        points = self._project(np.asarray(X, np.float32))
        return self._mean_distance(self.cells_, points) / self.scale_

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the fitted state as plain arrays, for a model file."""
        return {
            "mean": self.mean_,
            "components": self.components_,
            "cells": self.cells_,
            "scale": np.array(self.scale_),
            "n_neighbors": np.array(self.n_neighbors),
        }

    @classmethod
    def from_arrays(cls, arrays: Any) -> TrainingReference:
        """Build a fitted reference from :meth:`arrays`.

        Parameters
        ----------
        arrays : mapping of str to ndarray
        """
        reference = cls(n_neighbors=int(arrays["n_neighbors"]))
        reference.mean_ = np.asarray(arrays["mean"], np.float32)
        reference.components_ = np.asarray(arrays["components"], np.float32)
        reference.cells_ = np.asarray(arrays["cells"], np.float32)
        reference.scale_ = float(arrays["scale"])
        return reference

    def _project(self, X: np.ndarray) -> np.ndarray:
        return (X - self.mean_) @ self.components_

    def _mean_distance(self, cells: np.ndarray, points: np.ndarray) -> np.ndarray:
        k = min(self.n_neighbors, len(cells))
        distances, _ = NearestNeighbors(n_neighbors=k).fit(cells).kneighbors(points)
        return distances.mean(axis=1)

    def _whitening(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_components = max(1, min(self.n_components, len(X) - 1, X.shape[1]))
        scale = np.ones(X.shape[1], np.float32)
        if self.standardize:
            spread = X.std(axis=0, dtype=np.float64).astype(np.float32)
            scale = np.where(spread > 0, spread, scale)
        pca = PCA(n_components, svd_solver="randomized", random_state=self.random_state)
        pca.fit(X / scale)
        spread = np.sqrt(np.maximum(pca.explained_variance_, 1e-12))
        components = pca.components_ / spread[:, None] / scale
        return (pca.mean_ * scale).astype(np.float32), components.T.astype(np.float32)

    def _usual_distance(self, X: np.ndarray, codes: np.ndarray) -> float:
        folds = codes % N_FOLDS
        if len(X) - np.bincount(folds).max() < 2:  # nothing left to learn axes from
            folds = np.arange(len(X)) % N_FOLDS
        if len(X) < 3:
            return 1.0
        usual = np.empty(len(codes))
        for fold in np.unique(folds):
            out = folds == fold
            # The axes are learnt without the subjects that are measured: along axes learnt with
            # them, a new patient would look far however ordinary.
            mean, components = self._whitening(X[~out])
            usual[out] = self._mean_distance(
                (X[~out] - mean) @ components, (X[out] - mean) @ components
            )
        return max(float(np.quantile(usual, FAR_QUANTILE)), 1e-12)


def _codes(groups: Any) -> np.ndarray:
    # A cell without a group is one of its own.
    names = [i if g is None or g != g else str(g) for i, g in enumerate(groups)]
    position = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([position[name] for name in names])


def _spread(codes: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    # Cells in random order within their group, then the first of every group, the second, ...
    order = rng.permutation(len(codes))
    rank = np.empty(len(codes), int)
    seen: dict[int, int] = {}
    for i in order:
        rank[i] = seen[codes[i]] = seen.get(codes[i], -1) + 1
    return np.sort(order[np.argsort(rank[order], kind="stable")][:n])
