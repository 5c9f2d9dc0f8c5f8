"""The folds in which a head is tuned, calibrated and given its threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leukfeat.splitting.checks import check_split
from leukfeat.splitting.kfold import SubjectKFold
from leukfeat.splitting.splitters import RANDOM_SPLIT

from .training_data import TrainingData

__all__ = ["inner_splits"]

DEFAULT_FOLDS = 5


def inner_splits(
    data: TrainingData, cv: Any, *, split: str, random_state: Any
) -> tuple[list[tuple[np.ndarray, np.ndarray]], tuple[str, ...]]:
    """Divide training rows into folds for tuning, calibration and threshold.

    Parameters
    ----------
    data : TrainingData
        The rows.
    cv : int, splitter, list of (train, test) or None
        Number of folds (``None``: 5), a scikit-learn splitter (which is given the groups), or the folds.
    split : {"group", "random"}
        Whether groups stay together.
    random_state : int, RandomState or None
        Seed.

    Returns
    -------
    splits : list of (train, test)
    notes : tuple of str
        What a result must say.

    Raises
    ------
    LeakageError
        If folds that were given put a group on both sides, and ``split`` is ``"group"``.
    ValueError
        If no folds can be trained on; the message names the subjects and the remedy.
    """
    if split not in ("group", "random"):
        raise ValueError(f"The 'split' parameter must be 'group' or 'random'. Got {split!r}.")
    notes = data.notes if split == "group" else (RANDOM_SPLIT,)
    cv = DEFAULT_FOLDS if cv is None else cv
    if not isinstance(cv, (int, np.integer)):
        return _given_splits(data, cv, by_group=split == "group"), notes
    cells = np.flatnonzero(~data.is_view)
    apart = data.groups if split == "group" else data.origins
    groups = apart[cells]
    names = data.names[cells] if split == "group" else np.array([f"row {i}" for i in cells])
    n_splits = max(2, min(int(cv), len(np.unique(groups)))) if cv >= 2 else int(cv)
    seed = random_state
    if random_state is not None and not isinstance(random_state, (int, np.integer)):
        seed = int(random_state.randint(2**31))
    folds = SubjectKFold(n_splits, random_state=seed)
    labels = np.array(data.class_names, object)[data.y[cells]]
    try:
        (of_row,) = folds.folds(labels, groups, names=names)
    except ValueError as error:
        raise ValueError(
            f"{error} To fit without folds give tune=False, calibrate=False."
        ) from error
    tests = [cells[of_row == k] for k in range(n_splits)]
    return [(_trained_on(data, apart, test), test) for test in tests], notes


def _trained_on(data: TrainingData, apart: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Return the rows that may be trained on: the other cells, and views of none of these."""
    tested = np.zeros(len(data.y), bool)
    tested[test] = True
    if data.is_view.any():
        tested |= data.is_view & np.isin(apart, apart[test])
    return np.flatnonzero(~tested)


def _given_splits(
    data: TrainingData, cv: Any, *, by_group: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds of the user's own, checked."""
    if hasattr(cv, "split"):
        cv = list(cv.split(data.X, data.labels, data.groups))
        if data.is_view.any():
            # A splitter does not know what is augmented: views leave its tests.
            cv = [_without_views(data, np.asarray(train), np.asarray(test)) for train, test in cv]
    if not isinstance(cv, Sequence) or not len(cv):
        raise ValueError(
            "The 'cv' parameter must be a number of folds, a splitter, or a list of (train, test). "
            f"Got {cv!r} instead."
        )
    splits = [(np.asarray(train), np.asarray(test)) for train, test in cv]
    told = ["view" if view else None for view in data.is_view] if data.is_view.any() else None
    for train, test in splits:
        check_split(
            train,
            test,
            y=data.y,
            subjects=data.names if by_group else None,
            groups=data.groups if by_group else data.origins,
            parents=told,
        )
        lacking = np.setdiff1d(np.arange(len(data.classes)), data.y[train])
        if len(lacking):
            names = [data.class_names[int(c)] for c in lacking]
            raise ValueError(
                f"A training side of 'cv' lacks the classes {names}; every fold must be trained on "
                "all classes. Give fewer folds, or leave these cells out."
            )
    if len(np.unique(held_out := np.concatenate([test for _, test in splits]))) < len(held_out):
        raise ValueError("The folds of 'cv' must hold out a row at most once; some are twice.")
    return splits


def _without_views(
    data: TrainingData, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    test = test[~data.is_view[test]]
    kept = ~(data.is_view[train] & np.isin(data.origins[train], data.origins[test]))
    return train[kept], test
