"""Areas won when two heads' ranks are swapped within subjects, pattern by pattern."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = ["RankedBlock", "differences_by_cells", "differences_by_pairs", "ranked_blocks"]

Array = np.ndarray

_AT_ONCE = 2_000_000
"""Patterns times cells that are held together: about 50 MB."""


class RankedBlock(NamedTuple):
    """Cells that are compared with each other.

    Attributes
    ----------
    up : ndarray of bool of shape (n_cells,)
        Positive cells.
    codes : ndarray of int of shape (n_cells,)
        Subject of each.
    first, second : ndarray of float of shape (n_cells,)
        Ranks that the two heads give.
    """

    up: Array
    codes: Array
    first: Array
    second: Array


def ranked_blocks(
    up: Array, first: Array, second: Array, codes: Array, of: Array
) -> list[RankedBlock]:
    """Return the cells block by block, their scores as ranks within the block.

    Parameters
    ----------
    up : ndarray of bool of shape (n_cells,)
    first, second : ndarray of float of shape (n_cells,)
        Scores.
    codes, of : ndarray of shape (n_cells,)
        Subject and block of each cell.

    Returns
    -------
    list of RankedBlock
    """
    found = []
    for block in np.unique(of):
        here = of == block
        ranks = (stats.rankdata(score[here]) for score in (first, second))
        found.append(RankedBlock(up[here], codes[here], *ranks))
    return found


def differences_by_pairs(blocks: list[RankedBlock], keep: Array) -> Array:
    """Return twice the pairs won by the first head less those won by the second.

    What each subject wins against each other is counted once: memory and time grow with the
    square of the subjects, and cells cost next to nothing.

    Parameters
    ----------
    blocks : list of RankedBlock
    keep : ndarray of bool of shape (n_patterns, n_subjects)
        Where the heads are not swapped.

    Returns
    -------
    ndarray of float of shape (n_patterns,)
        Whole numbers.
    """
    n = keep.shape[1]
    wins = np.zeros((2, 2, n, n))
    for block in blocks:
        ranks, code = (block.first, block.second), block.codes
        for a in (0, 1):
            for b in (0, 1):
                wins[a, b] += _pair_wins(ranks[a][block.up], ranks[b][~block.up], code, block.up, n)
    own = keep.astype(float)
    other = 1 - own

    def won(mine: Array, theirs: Array) -> Array:
        total = np.zeros(len(mine))
        for a, left in enumerate((mine, theirs)):
            for b, right in enumerate((mine, theirs)):
                total += ((left @ wins[a, b]) * right).sum(1)
        return total

    return 2 * (won(own, other) - won(other, own))


def _pair_wins(up: Array, down: Array, code: Array, is_up: Array, n: int) -> Array:
    """Pairs won by the positives of each subject against the negatives of each other."""
    wins = np.zeros((n, n))
    code_up, code_down = code[is_up], code[~is_up]
    for j in np.unique(code_down):
        ordered = np.sort(down[code_down == j])
        below = np.searchsorted(ordered, up, "left") + np.searchsorted(ordered, up, "right")
        wins[:, j] = np.bincount(code_up, below / 2, minlength=n)
    return wins


def differences_by_cells(blocks: list[RankedBlock], keep: Iterator[Array]) -> Iterator[Array]:
    """Return what :func:`differences_by_pairs` does, going through the cells for each pattern.

    Memory grows with the cells and not with the subjects; time with cells times patterns.

    Parameters
    ----------
    blocks : list of RankedBlock
    keep : iterator of ndarray of bool of shape (n, n_subjects)
        Patterns, some at a time.

    Yields
    ------
    ndarray of int64 of shape (n,)
        For each of these arrays.
    """
    prepared = [_Prepared(block) for block in blocks]
    for patterns in keep:
        found = np.zeros(len(patterns), np.int64)
        for block in prepared:
            step = max(1, _AT_ONCE // block.n_entries)
            for start in range(0, len(patterns), step):
                part = slice(start, start + step)
                found[part] += block.differences(patterns[part])
        yield found


class _Prepared:
    """The ranks of both heads, the negatives' in order and where the positives' stand in them."""

    def __init__(self, block: RankedBlock) -> None:
        n_up, n_down = int(block.up.sum()), int((~block.up).sum())
        down = np.concatenate([block.first[~block.up], block.second[~block.up]])
        order = np.argsort(down, kind="stable")
        self._down_code = np.tile(block.codes[~block.up], 2)[order]
        self._down_second = order >= n_down
        up = np.concatenate([block.first[block.up], block.second[block.up]])
        # In order too, so that the memory is gone through from one end to the other.
        rising = np.argsort(up, kind="stable")
        self._up_code = np.tile(block.codes[block.up], 2)[rising]
        self._up_second = rising >= n_up
        self._left = np.searchsorted(down[order], up[rising], "left")
        self._right = np.searchsorted(down[order], up[rising], "right")
        self._places = (self._left + self._right).astype(np.int32)
        self.n_entries = max(1, 2 * (n_up + n_down))

    def differences(self, keep: Array) -> Array:
        taken = keep[:, self._down_code] ^ self._down_second
        below = np.zeros((len(keep), taken.shape[1] + 1), np.int32)
        np.cumsum(taken, axis=1, dtype=np.int32, out=below[:, 1:])
        wins = below[:, self._left] + below[:, self._right]
        mine = keep[:, self._up_code] ^ self._up_second
        # What is not taken makes the second head: the places below a rank are of one or the other.
        rest = self._places - wins
        return np.where(mine, wins, -rest).sum(axis=1, dtype=np.int64)
