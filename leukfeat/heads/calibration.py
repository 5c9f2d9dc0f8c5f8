"""Probabilities from out-of-fold scores: Platt scaling, for two classes and for many."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

__all__ = ["Calibration", "fit_calibration"]

SMALLEST_SLOPE = 1e-3
"""In units of the scores' spread. The order of the cells is never turned round."""


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """Log-probabilities as a linear function of scores.

    Parameters
    ----------
    slope : float
        Common to all classes.
    intercepts : ndarray of shape (n_classes,)
        The first is 0.
    """

    slope: float
    intercepts: np.ndarray

    def log_proba(self, scores: np.ndarray) -> np.ndarray:
        """Return calibrated log-probabilities.

        Parameters
        ----------
        scores : ndarray of shape (n_rows, n_classes)
            As `natural_scores` gives them.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
        """
        return log_softmax(self.slope * scores + self.intercepts, axis=1)


def fit_calibration(scores: np.ndarray, y: np.ndarray) -> Calibration:
    """Fit slope and intercepts by maximum likelihood on out-of-fold scores.

    With two classes this is Platt's method with his softened targets [1]_; with many it is its
    multinomial form, one slope and an intercept a class. A common slope keeps the order of cells
    within every pair of classes, up to the intercepts.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_classes)
        Scores of rows by models that were not fit on them.
    y : ndarray of int of shape (n_rows,)
        Class of each row, 0 to n_classes - 1, each present.

    Returns
    -------
    Calibration

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to
       regularized likelihood methods", 1999.

    Examples
    --------
    >>> import numpy as np
    >>> scores = np.column_stack([np.zeros(8), [-2, -1, -1, 1, -1, 1, 2, 2]])
    >>> calibration = fit_calibration(scores, np.array([0, 0, 0, 0, 1, 1, 1, 1]))
    >>> np.exp(calibration.log_proba(np.array([[0.0, 2.0]]))).round(2)
    array([[0.24, 0.76]])
    """
    n_classes = scores.shape[1]
    counts = np.bincount(y, minlength=n_classes)
    targets = np.ones((n_classes, n_classes)) + np.diag(counts)
    targets = (targets / targets.sum(1, keepdims=True))[y]
    spread = float((scores - scores.mean(1, keepdims=True)).std()) or 1.0
    scaled = scores / spread

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        logits = parameters[0] * scaled
        logits[:, 1:] += parameters[1:]
        log_proba = log_softmax(logits, axis=1)
        residual = (np.exp(log_proba) - targets) / len(y)
        gradient = np.append((residual * scaled).sum(), residual[:, 1:].sum(0))
        return -float((targets * log_proba).sum()) / len(y), gradient

    start = np.append(1.0, np.log(counts[1:] / counts[0]))
    bounds = [(SMALLEST_SLOPE, None)] + [(None, None)] * (n_classes - 1)
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12}
    )
    return Calibration(float(found.x[0] / spread), np.append(0.0, found.x[1:]))
