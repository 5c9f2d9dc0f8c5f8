"""A repeated stratified k-fold of whole groups, for scikit-learn and for `make_splits`."""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from .assignment import assign_folds
from .groups import merge_groups, name_some

__all__ = ["SubjectKFold", "check_sizes"]


def check_sizes(n_splits: Any, n_repeats: Any) -> None:
    """Raise if a number of folds, or of repeats, is none.

    Parameters
    ----------
    n_splits, n_repeats : int
        Folds a repeat, 2 or more, and repeats, 1 or more.

    Raises
    ------
    ValueError
        If one is too small or no whole number.
    """
    for what, value, least, remedy in (
        ("n_splits", n_splits, 2, "One fold is tested while the others are trained on: give 5."),
        ("n_repeats", n_repeats, 1, "Give 1 to divide the cells once."),
    ):
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not whole or value < least:
            raise ValueError(
                f"'{what}' must be an integer >= {least}. Got {value!r} instead. {remedy}"
            )


class SubjectKFold(BaseCrossValidator):
    """Repeated stratified k-fold that keeps every group (subject) on one side.

    Unlike scikit-learn's ``StratifiedGroupKFold`` no training fold lacks a class, and no test
    fold does while the class has enough groups: folds are repaired, checked, and where that
    cannot be, the error names the groups.

    Parameters
    ----------
    n_splits : int, default=5
        Folds a repeat.
    n_repeats : int, default=1
        Repeats, each with other folds.
    random_state : int, default=0
        Seed; the same seed and rows give the same folds.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.splitting import SubjectKFold
    >>> y = np.repeat([0, 1], 6)
    >>> subjects = np.repeat(["H1", "H2", "H3", "1", "2", "3"], 2)
    >>> for train, test in SubjectKFold(3).split(y, y, subjects):
    ...     print(set(subjects[train]) & set(subjects[test]), sorted(set(y[test].tolist())))
    set() [0, 1]
    set() [0, 1]
    set() [0, 1]
    """

    # scikit-learn hands `groups` on to splitters that ask for it.
    __metadata_request__split = {"groups": True}  # noqa: RUF012

    def __init__(self, n_splits: int = 5, *, n_repeats: int = 1, random_state: int = 0) -> None:
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X, y, groups : object
            Not used.

        Returns
        -------
        int
            ``n_splits * n_repeats``.
        """
        return int(self.n_splits) * int(self.n_repeats)

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows of each training and test side.

        Parameters
        ----------
        X : array-like of shape (n_rows, ...)
            Only its length is used.
        y : array-like of shape (n_rows,)
            Classes.
        groups : array-like of shape (n_rows,), optional
            Group of each row; a row without one (``None``, ``NaN``, ``""``) is its own.

        Yields
        ------
        train, test : ndarray of int64

        Raises
        ------
        ValueError
            If there are fewer groups than folds, or a class has only one group.
        """
        for folds in self.folds(y, groups, n_rows=len(X)):
            for fold in range(self.n_splits):
                yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)

    def folds(
        self,
        y: Any,
        groups: Any = None,
        *,
        n_rows: int | None = None,
        names: Any = None,
        class_names: Any = (),
    ) -> list[np.ndarray]:
        """Return the fold of every row, one array a repeat.

        Parameters
        ----------
        y : array-like of shape (n_rows,)
            Classes.
        groups : array-like of shape (n_rows,), optional
            Group of each row; without it every row is a group of its own.
        n_rows : int, optional
            Expected number of rows.
        names : array-like of shape (n_rows,), optional
            What a message calls the row's group; default: `groups`.
        class_names : sequence of str, default=()
            What a message calls the classes, where those of `y` are numbers from 0.

        Returns
        -------
        list of ndarray of int64 of shape (n_rows,)

        Raises
        ------
        ValueError
            As :meth:`split`.
        """
        check_sizes(self.n_splits, self.n_repeats)
        if y is None:
            raise ValueError(
                "A stratified split needs 'y', the class of each row. Got None; give the labels as "
                "split(X, y, groups)."
            )
        classes, codes = np.unique(np.asarray(y), return_inverse=True)
        n_rows = len(codes) if n_rows is None else n_rows
        groups = np.arange(n_rows) if groups is None else np.asarray(groups)
        if not len(codes) == len(groups) == n_rows:
            raise ValueError(
                f"'y' and 'groups' must have one entry a row: {n_rows} rows, "
                f"{len(codes)} entries in 'y', {len(groups)} in 'groups'. Give all of the same cells."
            )
        group_codes = merge_groups(groups)  # a row without group is its own
        names = np.asarray(groups if names is None else names)
        called = [class_names[int(c)] if len(class_names) else c for c in classes.tolist()]
        _check_possible(called, codes, group_codes, names, int(self.n_splits))
        seeds = np.random.SeedSequence(self.random_state).spawn(int(self.n_repeats))
        repeats = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            folds = assign_folds(codes, group_codes, int(self.n_splits), rng=rng)
            _check_folds(folds, called, codes, names, int(self.n_splits))
            repeats.append(folds)
        return repeats


def _check_possible(
    classes: list[Any], y: np.ndarray, groups: np.ndarray, names: np.ndarray, n_splits: int
) -> None:
    """Raise if no split into `n_splits` folds of whole groups can be trained on."""
    n_groups = len(np.unique(groups))
    for label, value in enumerate(classes):
        rows = np.flatnonzero(y == label)
        if len(np.unique(groups[rows])) < 2 and len(classes) > 1:
            raise ValueError(
                f"Class {value!r} has {len(rows)} cells, all of one group "
                f"({name_some(names[rows])}): wherever that group is the test side, training "
                "lacks the class. Add subjects of this class, or leave the class out."
            )
    if n_groups < 2:
        raise ValueError(
            f"All {len(y)} cells are of one group ({name_some(names)}), so that none can be held out "
            "while another is trained on. Add cells of other subjects."
        )
    if n_groups < n_splits:
        counts = [
            f"{len(np.unique(groups[y == label]))} with class {value!r}"
            for label, value in enumerate(classes)
        ]
        raise ValueError(
            f"'n_splits' must be at most the number of groups. Got n_splits={n_splits} and "
            f"{n_groups} groups ({name_some(names)}), {', '.join(counts)}; give "
            f"n_splits={n_groups} or less, or more subjects."
        )


def _check_folds(
    folds: np.ndarray, classes: list[Any], y: np.ndarray, names: np.ndarray, n_splits: int
) -> None:
    """Raise if a fold is empty or its training side lacks a class."""
    for fold in range(n_splits):
        test = folds == fold
        lacking = np.setdiff1d(np.arange(len(classes)), y[~test])
        if not test.any() or len(lacking):
            value = classes[lacking[0]] if len(lacking) else None
            what = "is empty" if not test.any() else f"holds every cell of class {value!r}"
            raise ValueError(
                f"No repair was found: fold {fold} of {n_splits} {what} "
                f"(groups {name_some(names[test])}). Give fewer splits, or more subjects."
            )
