"""Weights of several heads, learnt from their out-of-fold probabilities."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp

__all__ = ["STRATEGIES", "combine", "fit_weights"]

STRATEGIES = ("soft_vote", "weighted", "stack")
"""Ways to combine heads."""

RIDGE = 1e-3
"""Penalty on squared stacked weights, in units of the mean log loss: like heads share."""


def combine(log_proba: np.ndarray, weights: np.ndarray, strategy: str) -> np.ndarray:
    """Combine the log-probabilities of several heads.

    Parameters
    ----------
    log_proba : ndarray of shape (n_heads, n_rows, n_classes)
        Of each head.
    weights : ndarray of shape (n_heads,)
        Not negative.
    strategy : {"soft_vote", "weighted", "stack"}
        The first two average probabilities, the last adds log-probabilities.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Log-probabilities, for ``"stack"`` up to a constant a row.

    Examples
    --------
    >>> import numpy as np
    >>> two = np.log([[[0.9, 0.1]], [[0.5, 0.5]]])
    >>> np.exp(combine(two, np.array([0.5, 0.5]), "soft_vote"))
    array([[0.7, 0.3]])
    """
    if strategy == "stack":
        return np.tensordot(weights, log_proba, 1)
    used = weights > 0
    return logsumexp(log_proba[used], axis=0, b=weights[used][:, None, None] / weights.sum())


def fit_weights(
    log_proba: np.ndarray, y: np.ndarray, row_weights: np.ndarray, strategy: str
) -> np.ndarray:
    """Learn what each head counts.

    Parameters
    ----------
    log_proba : ndarray of shape (n_heads, n_rows, n_classes)
        Calibrated out-of-fold log-probabilities.
    y : ndarray of int of shape (n_rows,)
        Class of each row.
    row_weights : ndarray of shape (n_rows,)
        What each row counts.
    strategy : {"soft_vote", "weighted", "stack"}
        ``"soft_vote"``: the same for each. ``"weighted"``: the mixture of probabilities with the
        least log loss. ``"stack"``: the least log loss of a logistic regression on the heads'
        log-probabilities, with one weight a head, none negative.

    Returns
    -------
    ndarray of shape (n_heads,)
        Not negative; they sum to 1 unless ``"stack"``.

    Raises
    ------
    ValueError
        If the strategy is none of these.
    """
    n_heads = len(log_proba)
    share = row_weights / row_weights.sum()
    if strategy == "soft_vote":
        return np.full(n_heads, 1 / n_heads)
    if strategy == "weighted":
        return _mixture(log_proba[:, np.arange(len(y)), y], share)
    if strategy == "stack":
        return _stacked(log_proba, y, share)
    raise ValueError(
        f"The 'strategy' parameter must be one of {STRATEGIES}. Got {strategy!r} instead."
    )


def _mixture(log_proba_of_truth: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return mixture weights of the least log loss, by expectation and maximisation.

    Each step raises the likelihood, which has one maximum, and weights stay on the simplex.
    """
    n_heads = len(log_proba_of_truth)
    weights = np.full(n_heads, 1 / n_heads)
    for _ in range(2000):
        joint = np.log(np.maximum(weights, 1e-300))[:, None] + log_proba_of_truth
        responsible = np.exp(joint - logsumexp(joint, axis=0)) @ share
        moved, weights = np.abs(responsible - weights).max(), responsible
        if moved < 1e-7:
            break
    weights = np.where(weights < 1e-3, 0.0, weights)
    return weights / weights.sum()


def _stacked(log_proba: np.ndarray, y: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the weights of a logistic regression on log-probabilities, without negative ones."""
    n_heads, n_rows, n_classes = log_proba.shape
    clipped = np.maximum(log_proba, np.log(1e-6))
    truth = np.eye(n_classes)[y]
    equal = 1 / n_heads

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights, intercepts = parameters[:n_heads], np.append(0.0, parameters[n_heads:])
        found = log_softmax(np.tensordot(weights, clipped, 1) + intercepts, axis=1)
        residual = (np.exp(found) - truth) * share[:, None]
        ridge = RIDGE * (weights**2).sum()
        gradient = np.append(
            np.tensordot(clipped, residual, 2) + 2 * RIDGE * weights,
            residual[:, 1:].sum(0),
        )
        return -float(share @ found[np.arange(n_rows), y]) + ridge, gradient

    start = np.append(np.full(n_heads, equal), np.zeros(n_classes - 1))
    bounds = [(0.0, None)] * n_heads + [(None, None)] * (n_classes - 1)
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x[:n_heads]
    weights = np.where(weights < 1e-3 * weights.sum(), 0.0, weights)
    return weights if weights.any() else np.full(n_heads, equal)
