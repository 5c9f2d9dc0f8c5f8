"""Probabilities where classes are rarer or more common than in training."""

from __future__ import annotations

from typing import Any

import numpy as np

from leukfeat.metrics.validation import class_probabilities, finite_values

__all__ = ["correct_prior_shift"]


def correct_prior_shift(
    probabilities: Any, training_prior: Any, *, tolerance: float = 1e-8, max_iterations: int = 1000
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the classes' shares among unlabelled cells and correct their probabilities.

    The expectation-maximisation of Saerens et al.: it assumes that the cells of a class look as
    in training and that only the shares of the classes differ, and that probabilities are
    calibrated.

    Parameters
    ----------
    probabilities : array-like of float of shape (n_cells, n_classes)
        Of cells that need no label.
    training_prior : array-like of float of shape (n_classes,)
        Share of each class that the probabilities were calibrated for, or its cells there.
    tolerance : float, default=1e-8
        Largest change of a share at which to stop.
    max_iterations : int, default=1000
        Most steps.

    Returns
    -------
    prior : ndarray of float64 of shape (n_classes,)
        Estimated share of each class.
    corrected : ndarray of float64 of shape (n_cells, n_classes)
        Probabilities for these shares.

    Raises
    ------
    ValueError
        If the probabilities are none (a cell's sum to 1), or a share is missing or 0.

    References
    ----------
    .. [1] M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to
       new a priori probabilities", Neural Computation 14 (2002), 21-41.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import correct_prior_shift
    >>> prior, _ = correct_prior_shift([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]], [0.5, 0.5])
    >>> prior.round(2)
    array([0.85, 0.15])
    """
    p = class_probabilities("probabilities", probabilities)
    old = finite_values(
        "training_prior", training_prior, "Give the share of each class in training."
    )
    if old.shape != (p.shape[1],):
        raise ValueError(
            "'probabilities' must be (n_cells, n_classes) and 'training_prior' one number a "
            f"class. Got shapes {p.shape} and {old.shape}; give the share of each class in training."
        )
    if (old <= 0).any():
        raise ValueError(
            "'training_prior' must be above 0: every class must have been in training. Got "
            f"{old.tolist()}. Leave a class out that was not, with its column of 'probabilities'."
        )
    # Counts of cells and percentages do too: only their ratios matter.
    old = old / old.sum()
    prior, corrected = old.copy(), p
    for _ in range(max_iterations):
        weighted = p * (prior / old)
        corrected = weighted / weighted.sum(1, keepdims=True)
        new = corrected.mean(0)
        done = np.abs(new - prior).max() < tolerance
        prior = new
        if done:
            break
    return prior, corrected
