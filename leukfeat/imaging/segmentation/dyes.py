"""Cytoplasm or red cell: two dyes told apart by the direction of their optical density."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leukfeat.imaging.segmentation.appearance import Float32

__all__ = ["DyeModel", "dye_features"]

Array = npt.NDArray[np.float64]

_RED_CELL = np.array([0.2, 0.68, np.log(0.5)])
"""What haemoglobin looks like on average where the image shows none."""

_CYTOPLASM = np.array([0.3, 0.45, np.log(0.5)])

_SPREAD_CYTOPLASM = np.diag(np.square([0.09, 0.09, 0.5]))
_SPREAD_RED_CELL = np.diag(np.square([0.065, 0.065, 0.5]))

_PRIOR_AREA = 3.0
"""Weight of the assumed spread, in the unit of the weights (squared nuclear radii a radian)."""

_ANYTHING = -2.0
"""Log density of a colour that neither dye explains."""


def dye_features(transmittance: Float32) -> Float32:
    """Describe colours by what does not change with the thickness of the dye.

    By Beer-Lambert a thicker layer, or two red cells on top of each other, lengthens the vector
    of optical density and keeps its direction.

    Parameters
    ----------
    transmittance : ndarray of float32, shape (height, width, 3)
        Fraction of light that passed.

    Returns
    -------
    ndarray of float32, shape (height, width, 3)
        Red and blue parts of the direction, and the logarithm of the length.
    """
    density = -np.log(np.maximum(transmittance, 0.02))
    length = np.sqrt((np.maximum(density, 0) ** 2).sum(axis=2))
    direction = density / np.maximum(length, 0.12)[..., None]
    parts = [direction[..., 0], direction[..., 2], np.log(np.maximum(length, 0.05))]
    return np.stack(parts, axis=2).astype(np.float32)


class DyeModel:
    """Two Gaussians in the space of :func:`dye_features`, fitted around one nucleus.

    Red cells are learnt where no white cell reaches, cytoplasm next to the nucleus; then both
    share the pixels between, by expectation-maximisation with the distance from the nucleus as
    prior. Priors for means and spreads stand in where one of them is not in view.

    Parameters
    ----------
    features : ndarray of float, shape (n, 3)
        Stained pixels around the nucleus.
    weights : ndarray of float, shape (n,)
        Area of each pixel.
    distance : ndarray of float, shape (n,)
        Distance from the convex hull of the nucleus, in radii of the nucleus.
    nucleus : ndarray of float, shape (3,)
        Typical features of the nucleus.
    reach : tuple of float
        Distance at which a pixel is as likely cytoplasm as not, and the width of the change.
    presence : float
        Share of the area beyond the reach of the cell that is stained, from 0 to 1.
    """

    def __init__(
        self,
        features: Array,
        weights: Array,
        distance: Array,
        nucleus: Array,
        *,
        reach: tuple[float, float],
        presence: float,
    ) -> None:
        near_nucleus = (nucleus + _CYTOPLASM) / 2
        near_nucleus[2] = (nucleus[2] + np.log(0.2)) / 2
        self._priors = {
            "cytoplasm": (near_nucleus, _SPREAD_CYTOPLASM, 1.0),
            "red": (_RED_CELL, _SPREAD_RED_CELL, 0.2),
        }
        # Where red cells are hardly in view, what looks like one is rather eosinophilic cytoplasm.
        self._in_favour = -1.5 * float(np.log(np.clip(presence / 0.2, 0.05, 1)))
        far = weights * (distance > 0.9)
        self._red = self._fit(features, far, "red")
        for _ in range(2):
            usual = _squared_distance(features, *self._red) < 9
            self._red = self._fit(features, far * usual, "red")
        unlike = _squared_distance(features, *self._red) > 6
        near = weights * (distance < 0.35) * unlike
        self._cytoplasm = self._fit(features, near, "cytoplasm")
        prior = 1 / (1 + np.exp((distance - reach[0]) / reach[1]))
        for turn in range(5):
            cytoplasm = _log_density(features, *self._cytoplasm) + np.log(prior + 1e-4)
            red = _log_density(features, *self._red) + np.log(1 - prior + 1e-2)
            top = np.maximum(np.maximum(cytoplasm, red), _ANYTHING)
            shares = np.exp(np.stack([cytoplasm, red, np.full_like(red, _ANYTHING)]) - top)
            shares /= shares.sum(axis=0)
            self._cytoplasm = self._fit(features, weights * shares[0], "cytoplasm")
            if turn < 3:
                self._red = self._fit(features, weights * shares[1] * (distance > 0.15), "red")

    def log_odds(self, features: Array) -> Array:
        """Return how much more likely cytoplasm is than a red cell, by colour alone.

        Parameters
        ----------
        features : ndarray of float, shape (n, 3)
            From :func:`dye_features`.

        Returns
        -------
        ndarray of float, shape (n,)
            Natural logarithm of the ratio, within [-5, 5].
        """
        cytoplasm = np.logaddexp(_log_density(features, *self._cytoplasm), _ANYTHING)
        red = np.logaddexp(_log_density(features, *self._red), _ANYTHING)
        return np.clip(cytoplasm - red + self._in_favour, -5, 5)

    def _fit(self, features: Array, weights: Array, kind: str) -> tuple[Array, Array]:
        mean, spread, trust = self._priors[kind]
        total = weights.sum()
        if total <= 1e-6:
            return mean, spread
        trust = trust * _PRIOR_AREA
        center = (weights @ features + trust * mean) / (total + trust)
        offset = features - center
        scatter = (offset * weights[:, None]).T @ offset
        return center, (scatter + _PRIOR_AREA * spread) / (total + _PRIOR_AREA)


def _squared_distance(features: Array, mean: Array, spread: Array) -> Array:
    scaled = np.linalg.solve(np.linalg.cholesky(spread), (features - mean).T)
    return (scaled**2).sum(axis=0)


def _log_density(features: Array, mean: Array, spread: Array) -> Array:
    root = np.linalg.cholesky(spread)
    scaled = np.linalg.solve(root, (features - mean).T)
    constant = np.log(np.diag(root)).sum() + 1.5 * np.log(2 * np.pi)
    return -0.5 * (scaled**2).sum(axis=0) - constant
