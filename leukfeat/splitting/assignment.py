"""Dealing whole groups to folds so that every fold can be trained on and tested on."""

from __future__ import annotations

import numpy as np

__all__ = ["assign_folds"]

N_DRAWS = 10
"""Random deals of which the most even one is kept."""

FEW_GROUPS = 2000
"""With more groups than this a single deal is even enough."""


def assign_folds(
    y: np.ndarray, groups: np.ndarray, n_splits: int, *, rng: np.random.Generator
) -> np.ndarray:
    """Deal groups to folds of like size and class shares, then repair folds that lack a class.

    Groups are dealt in random order, large ones rather first, each to the fold that has least of
    its classes. A class that a fold lacks is then moved there, while another fold can spare a
    group. Of several such deals the most even one is kept.

    Parameters
    ----------
    y : ndarray of int of shape (n_rows,)
        Class of each row, 0 to K-1.
    groups : ndarray of int of shape (n_rows,)
        Group of each row, 0 to G-1.
    n_splits : int
        Number of folds.
    rng : numpy.random.Generator
        Orders the groups.

    Returns
    -------
    ndarray of int64 of shape (n_rows,)
        Fold of each row.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.array([0, 0, 0, 1, 1, 1])
    >>> groups = np.array([0, 0, 1, 2, 3, 3])
    >>> folds = assign_folds(y, groups, 2, rng=np.random.default_rng(0))
    >>> [sorted(set(y[folds != fold])) == [0, 1] for fold in range(2)]
    [True, True]
    """
    n_groups, n_classes = int(groups.max()) + 1, int(y.max()) + 1
    cells = np.bincount(groups * n_classes + y, minlength=n_groups * n_classes)
    cells = cells.reshape(n_groups, n_classes).astype(np.float64)
    # "Any class" counts as one more class, of little weight: it fills empty folds, breaks ties.
    shares = np.column_stack([cells / np.maximum(cells.sum(0), 1), 0.1 * cells.sum(1) / len(y)])
    draws = N_DRAWS if n_groups <= FEW_GROUPS else 1
    dealt = [_deal(cells, shares, n_splits, rng) for _ in range(draws)]
    best = min(dealt, key=lambda fold_of: _unevenness(fold_of, shares, n_splits))
    return best[groups]


def _deal(
    cells: np.ndarray, shares: np.ndarray, n_splits: int, rng: np.random.Generator
) -> np.ndarray:
    """Return a fold for each group: large groups first, but not always in the same order."""
    fold_of = np.full(len(cells), -1, np.int64)
    load = np.zeros((n_splits, shares.shape[1]))
    alone = cells.sum(1) == 1
    order = np.flatnonzero(~alone)
    order = order[np.argsort(-np.log(shares[order].max(1)) + rng.normal(size=len(order)))]
    for group in order:
        fold_of[group] = np.argmin(load @ shares[group])
        load[fold_of[group]] += shares[group]
    for label in range(cells.shape[1]):
        singles = rng.permutation(np.flatnonzero(alone & (cells[:, label] > 0)))
        rows = np.bincount(fold_of[fold_of >= 0], cells.sum(1)[fold_of >= 0], minlength=n_splits)
        filled = load[:, label] * cells[:, label].sum()
        fold_of[singles] = _deal_singles(len(singles), filled, rows)
    _repair(fold_of, shares, n_splits)
    return fold_of


def _unevenness(fold_of: np.ndarray, shares: np.ndarray, n_splits: int) -> float:
    """Return how far the folds are from holding equal shares; a class lacking weighs most."""
    load = np.stack([shares[fold_of == fold].sum(0) for fold in range(n_splits)])
    return float((load**2).sum() + 10 * (load == 0).sum())


def _deal_singles(n: int, filled: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Deal `n` single rows of a class so that the folds' counts become as equal as they can.

    Of folds that hold as much of the class, those with fewer rows of any class come first.
    """
    room = np.maximum((filled.sum() + n) / len(filled) - filled, 0)
    if room.sum() == 0:
        room = np.ones_like(filled)
    quota = np.floor(n * room / room.sum()).astype(np.int64)
    short = np.lexsort((rows + quota, filled + quota))
    for i in range(n - quota.sum()):
        quota[short[i % len(short)]] += 1
    return np.repeat(np.arange(len(filled)), quota)


def _repair(fold_of: np.ndarray, shares: np.ndarray, n_splits: int) -> None:
    """Move groups, in place, to folds that lack a class which another fold can spare."""
    holds = shares > 0
    for _ in range(4 * n_splits * shares.shape[1]):
        have = np.stack([holds[fold_of == fold].sum(0) for fold in range(n_splits)])
        load = np.stack([shares[fold_of == fold].sum(0) for fold in range(n_splits)])
        move = _best_move(fold_of, shares, holds, have, load)
        if move is None:
            return
        fold_of[move[0]] = move[1]


def _best_move(
    fold_of: np.ndarray, shares: np.ndarray, holds: np.ndarray, have: np.ndarray, load: np.ndarray
) -> tuple[int, int] | None:
    """Return the (group, fold) that fills a gap and leaves the folds most alike, or ``None``."""
    for fold, label in np.argwhere(have == 0):
        # A giver keeps at least one group of every class that the moved group holds.
        spares = ~(holds & (have[fold_of] < 2)).any(1)
        candidates = np.flatnonzero(spares & holds[:, label] & (fold_of != fold))
        if len(candidates):
            moved = shares[candidates]
            change = (moved * (load[fold] - load[fold_of[candidates]] + moved)).sum(1)
            return int(candidates[np.argmin(change)]), int(fold)
    return None
