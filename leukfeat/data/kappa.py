"""Agreement beyond chance, computed from sums over cells so that groups can be left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["confusion_counts", "jackknife_interval", "kappa_of_confusion", "kappa_of_votes"]


def confusion_counts(first: np.ndarray, second: np.ndarray, n_classes: int) -> np.ndarray:
    """Return for each cell which pair of labels it got.

    Parameters
    ----------
    first, second : ndarray of int of shape (n_cells,)
        Labels of two annotators, from 0 to ``n_classes - 1``.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of float of shape (n_cells, n_classes, n_classes)
        One 1 a cell; the sum over cells is the confusion table.
    """
    counts = np.zeros((len(first), n_classes, n_classes))
    counts[np.arange(len(first)), first, second] = 1
    return counts


def kappa_of_confusion(table: np.ndarray, *, weights: str | None = None) -> tuple[Any, Any, Any]:
    """Compute Cohen's kappa from a confusion table.

    Parameters
    ----------
    table : ndarray of shape (..., n_classes, n_classes)
        How many cells got which pair of labels.
    weights : {"linear", "quadratic"}, optional
        How disagreement grows with the distance of two classes. Default: all count alike.

    Returns
    -------
    observed, expected, kappa : ndarray or float of shape (...)
        Weighted agreement found, that expected by chance, and kappa; ``nan`` where kappa is not
        defined.

    Raises
    ------
    ValueError
        If `weights` is not known.

    Examples
    --------
    >>> import numpy as np
    >>> [round(float(v), 2) for v in kappa_of_confusion(np.array([[20, 5], [10, 15]]))]
    [0.7, 0.5, 0.4]
    """
    powers = {None: 0, "linear": 1, "quadratic": 2}
    if weights not in powers:
        raise ValueError(
            f"The 'weights' parameter must be None, 'linear' or 'quadratic'. Got {weights!r} instead."
        )
    n_classes = table.shape[-1]
    distance = np.abs(np.subtract.outer(np.arange(n_classes), np.arange(n_classes)))
    agreement = 1.0 - (distance > 0)
    if weights is not None:
        agreement = 1 - (distance / max(n_classes - 1, 1)) ** powers[weights]
    table = np.asarray(table, np.float64)
    share = _divided(table, table.sum((-2, -1))[..., None, None])
    chance = share.sum(-1)[..., :, None] * share.sum(-2)[..., None, :]
    return _beyond_chance((share * agreement).sum((-2, -1)), (chance * agreement).sum((-2, -1)))


def kappa_of_votes(sums: np.ndarray) -> tuple[Any, Any, Any]:
    """Compute Fleiss's kappa from sums over cells.

    Parameters
    ----------
    sums : ndarray of shape (..., 2 + n_classes)
        Number of cells, sum of the cells' shares of agreeing pairs of votes, and votes for each
        class. Cells may have different numbers of votes (two or more).

    Returns
    -------
    observed, expected, kappa : ndarray or float of shape (...)
        As for `kappa_of_confusion`.
    """
    observed = _divided(sums[..., 1], sums[..., 0])
    votes = sums[..., 2:]
    share = _divided(votes, votes.sum(-1)[..., None])
    return _beyond_chance(observed, (share**2).sum(-1))


def jackknife_interval(
    rows: np.ndarray,
    units: np.ndarray,
    statistic: Callable[[np.ndarray], Any],
    *,
    level: float,
) -> tuple[float, float]:
    """Return an interval for a statistic of sums, leaving out one unit at a time.

    Parameters
    ----------
    rows : ndarray of shape (n_cells, ...)
        What is summed over cells.
    units : ndarray of int of shape (n_cells,)
        The independent unit (subject) of each cell.
    statistic : callable
        Takes sums of shape ``(n, ...)`` and returns ``n`` values in [-1, 1].
    level : float
        Level of the interval.

    Returns
    -------
    low, high : float
        Within [-1, 1]; ``nan`` for fewer than two units or where the statistic is not defined
        without one of them.
    """
    from scipy.special import stdtrit

    _, codes = np.unique(units, return_inverse=True)
    n_units = int(codes.max()) + 1 if len(codes) else 0
    if n_units < 2:
        return float("nan"), float("nan")
    per_unit = np.zeros((n_units, *rows.shape[1:]))
    np.add.at(per_unit, codes, rows)
    total = per_unit.sum(0)
    without = np.asarray(statistic(total - per_unit), np.float64)
    error = np.sqrt((n_units - 1) / n_units * ((without - without.mean()) ** 2).sum())
    reach = float(stdtrit(n_units - 1, 0.5 + level / 2)) * error
    estimate = float(np.asarray(statistic(total[None]))[0])
    low, high = np.clip([estimate - reach, estimate + reach], -1, 1)
    return float(low), float(high)


def _beyond_chance(observed: Any, expected: Any) -> tuple[Any, Any, Any]:
    # A table with a single class in use has nothing to agree about beyond chance.
    room = np.where(1 - expected > 1e-12, 1 - expected, np.nan)
    return observed, expected, (observed - expected) / room


def _divided(numerator: Any, denominator: Any) -> Any:
    safe = np.where(denominator > 0, denominator, np.nan)
    return numerator / safe
