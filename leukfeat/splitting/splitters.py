"""`make_splits`: every way in which leukfeat divides cells into training and test."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold

from leukfeat.exceptions import LeakageError

from .checks import check_split
from .groups import merge_groups, name_some, row_groups
from .kfold import SubjectKFold, check_sizes
from .views import never_tested, origin_ids, parent_ids

__all__ = ["RANDOM_SPLIT", "Split", "SplitMethod", "Splits", "make_splits"]

SplitMethod = Literal["group", "random", "official", "leave_one_out"]

RANDOM_SPLIT = "random split: cells of one patient stand on both sides"
"""What every result of ``split="random"`` says."""


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The rows of one training and one test side; unpacks as ``train, test``.

    Parameters
    ----------
    train, test : ndarray of int64
        Rows of the two sides.
    repeat, fold : int
        Which repeat, and which fold of it.
    name : str
        What is held out, where it has a name (``"fold_1"``, a site, a subject).
    """

    train: np.ndarray
    test: np.ndarray
    repeat: int = 0
    fold: int = 0
    name: str = ""

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.train, self.test))


class Splits(list[Split]):
    """A list of `Split`, with the groups that were kept together and what must be said of them.

    scikit-learn takes it as ``cv=``.

    Parameters
    ----------
    splits : iterable of Split
        The splits.
    groups : ndarray of int64 of shape (n_rows,)
        Group of each row.
    notes : tuple of str
        What a result made with these splits must say.
    """

    def __init__(
        self, splits: Iterable[Split], *, groups: np.ndarray, notes: tuple[str, ...] = ()
    ) -> None:
        super().__init__(splits)
        self.groups = groups
        self.notes = notes


def make_splits(
    data: Any,
    *,
    split: SplitMethod = "group",
    n_splits: int = 5,
    n_repeats: int = 1,
    by: str | None = None,
    embargo: bool = False,
    random_state: int = 0,
) -> Splits:
    """Divide cells into training and test sides, with no patient on both.

    Subjects that share an identical image are one group. Where no subjects are known the groups
    are identical images, and the result's notes say so. An augmented row (``parent_id``, of
    :func:`leukfeat.imaging.augment_cells`) is never on a test side, and in training only where its
    cell is not in the test.

    Parameters
    ----------
    data : FeatureSet or CellDataset
        Labelled cells.
    split : {"group", "random", "official", "leave_one_out"}, default="group"
        ``"group"``: repeated stratified folds of whole groups (`SubjectKFold`).
        ``"official"``: the values of a column (`by`, default ``"fold"``) are the test sides.
        ``"leave_one_out"``: each group, or each value of the column `by` (``"site"``,
        ``"scanner"``), is held out in turn. ``"random"``: cells at random, subjects ignored.
    n_splits, n_repeats : int, default=5 and 1
        Folds a repeat, and repeats; used by ``"group"`` and ``"random"``.
    by : str, optional
        A column of `data`: what ``"group"`` keeps together besides subjects, or what
        ``"official"`` and ``"leave_one_out"`` hold out.
    embargo : bool, default=False
        Where a held-out column and the groups cross, drop from training what shares a group
        with the test side. Without it such a split is refused.
    random_state : int, default=0
        Seed of ``"group"`` and ``"random"``.

    Returns
    -------
    Splits
        A list of `Split`, each with every class in training; its ``notes`` say what a result
        made with them must say.

    Raises
    ------
    LeakageError
        If a held-out column shares groups with its training side and `embargo` is not given.
    ValueError
        If no split can be trained on (the message names the subjects), or an argument is wrong.

    Examples
    --------
    >>> from leukfeat import FeatureSet
    >>> from leukfeat.splitting import make_splits
    >>> features = FeatureSet([[0.0]] * 8, y=[0, 0, 0, 0, 1, 1, 1, 1],
    ...                       subjects=["H1", "H1", "H2", "H2", "1", "1", "2", "2"])
    >>> for train, test in make_splits(features, n_splits=2):
    ...     print(len(train), len(test))
    4 4
    4 4
    """
    if split not in ("group", "random", "official", "leave_one_out"):
        raise ValueError(
            "The 'split' parameter must be 'group', 'random', 'official' or 'leave_one_out'. "
            f"Got {split!r} instead."
        )
    if split == "random" and by is not None:
        raise ValueError(
            f"split='random' keeps nothing together, so by={by!r} has no meaning with it. Use "
            "split='group' to keep the column on one side."
        )
    if embargo and split in ("group", "random"):
        raise ValueError(
            f"embargo=True belongs to split='official' or 'leave_one_out'. Got split={split!r}, "
            "which has no held-out column that groups could cross."
        )
    if split in ("group", "random"):
        check_sizes(n_splits, n_repeats)
    y = _labels(data)
    class_names = tuple(getattr(data, "class_names", ()) or ())
    groups, names, notes = row_groups(data, by=by if split == "group" else None)
    parents = parent_ids(data)
    cells = np.arange(len(y)) if parents is None else _cells_among(parents)
    if split == "random":
        found = _random_splits(y[cells], n_splits, n_repeats, random_state, class_names)
        # A table with a row a patient is split by patient whichever way it is asked.
        alone = data.subjects is not None and len(np.unique(groups)) == len(y)
        notes = () if alone else (RANDOM_SPLIT,)
    elif split == "group":
        folds = SubjectKFold(n_splits, n_repeats=n_repeats, random_state=random_state)
        dealt = folds.folds(y[cells], groups[cells], names=names[cells], class_names=class_names)
        found = [
            Split(np.flatnonzero(of_row != fold), np.flatnonzero(of_row == fold), repeat, fold)
            for repeat, of_row in enumerate(dealt)
            for fold in range(n_splits)
        ]
    else:
        by_group = split == "leave_one_out" and by is None
        held_out = (groups if by_group else data.column(by or "fold"))[cells]
        what = "subject" if by_group else by or "fold"
        here = (y[cells], groups[cells], names[cells])
        called = here[2] if by_group else held_out
        found = _held_out_splits(held_out, called, *here, what, embargo, class_names)
    if split == "random":
        # Cells at random: only what comes from one cell stays together.
        groups = np.arange(len(y)) if parents is None else merge_groups(origin_ids(data))
    if parents is not None:
        found = [_with_views(one, cells, groups) for one in found]
        notes = (*notes, never_tested(len(y) - len(cells), len(y)))
    for one in found:
        check_split(one.train, one.test, y=y, groups=groups, parents=parents)
    if split != "random":
        notes = (*notes, *_lacking_notes(found, y, names, class_names))
    return Splits(found, groups=groups, notes=notes)


def _cells_among(parents: np.ndarray) -> np.ndarray:
    """Return the rows that are cells themselves."""
    cells = np.flatnonzero([parent is None for parent in parents])
    if not len(cells):
        raise ValueError(
            f"All {len(parents)} rows are augmented (column 'parent_id'), and only cells can be "
            "tested. Give the cells too: augment_cells returns both."
        )
    return cells


def _with_views(split: Split, cells: np.ndarray, groups: np.ndarray) -> Split:
    """Return a split of cells with the rows of the whole, its training with the views that may be."""
    train, test = cells[split.train], cells[split.test]
    is_cell = np.zeros(len(groups), bool)
    is_cell[cells] = True
    # A cell that an embargo dropped takes its views with it: they share its group.
    may = ~is_cell & ~np.isin(groups, groups[test])
    return dataclasses.replace(split, train=np.sort([*train, *np.flatnonzero(may)]), test=test)


def _labels(data: Any) -> np.ndarray:
    """Return the labels of `data`, all known."""
    y = getattr(data, "y", None)
    if y is None:
        raise ValueError(
            "make_splits needs labelled cells: 'data' has no labels ('y' is None). "
            "Every training side must hold every class."
        )
    y = np.asarray(y)
    unlabelled = np.flatnonzero(y < 0) if y.dtype.kind in "iu" else np.empty(0, int)
    if len(unlabelled):
        raise ValueError(
            f"{len(unlabelled)} of {len(y)} cells have no label (y = -1). "
            "Leave them out first: data[data.y >= 0]."
        )
    return y


def _called(label: int, class_names: tuple[str, ...]) -> str:
    return class_names[label] if class_names else str(label)


def _random_splits(
    y: np.ndarray, n_splits: int, n_repeats: int, random_state: int, class_names: tuple[str, ...]
) -> list[Split]:
    """Return stratified folds of single cells."""
    labels, counts = np.unique(y, return_counts=True)
    cells = {_called(c, class_names): int(n) for c, n in zip(labels, counts, strict=True)}
    said = ", ".join(f"{n} of class {name}" for name, n in cells.items())
    if min(cells.values()) < 2 and len(cells) > 1:
        raise ValueError(
            f"A class of one cell cannot be trained on and tested. Got {said} cells: leave the class "
            "out, or add cells of it."
        )
    if max(cells.values()) < n_splits:
        raise ValueError(
            f"'n_splits' must be at most the number of cells of the largest class. Got "
            f"n_splits={n_splits} and {said} cells; give n_splits={max(cells.values())} or less."
        )
    folds = RepeatedStratifiedKFold(
        n_splits=n_splits, n_repeats=n_repeats, random_state=random_state
    )
    return [
        Split(train, test, i // n_splits, i % n_splits)
        for i, (train, test) in enumerate(folds.split(y, y))
    ]


def _held_out_splits(
    column: np.ndarray,
    called: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    names: np.ndarray,
    what: str,
    embargo: bool,
    class_names: tuple[str, ...],
) -> list[Split]:
    """Return one split for each value of a column, without what shares a group with the test."""
    if pd.isna(column).any():
        raise ValueError(
            f"{int(pd.isna(column).sum())} cells have no {what!r}: leave them out, or fill it in."
        )
    values = sorted(pd.unique(column))
    if len(values) < 2:
        found_one = ", ".join(str(called[column == value][0]) for value in values) or "none"
        raise ValueError(
            f"To hold out {what!r} takes two or more values of it. Got {found_one} in all {len(column)} "
            "cells: add cells of others, or divide by another column."
        )
    found = []
    for fold, value in enumerate(values):
        test = np.flatnonzero(column == value)
        train = np.flatnonzero(column != value)
        name = str(called[test[0]])
        shared = np.isin(groups[train], groups[test])
        if shared.any() and not embargo:
            raise LeakageError(
                f"{what} {name!r} shares subjects or identical images with its training side: "
                f"{int(shared.sum())} training cells of {name_some(names[train[shared]])}. "
                "Give embargo=True to drop these from training, or split='group' for folds that "
                "keep them together."
            )
        train = train[~shared]
        for label in np.setdiff1d(y, y[train]).tolist():
            holders = names[y == label]
            count = len(set(holders))
            subjects = "one subject" if count == 1 else f"{count} subjects"
            raise ValueError(
                f"Holding out {what} {name!r} leaves no training cell of class "
                f"{_called(label, class_names)}: {len(train)} training cells remain, and the class has "
                f"{subjects} ({name_some(holders)}). Leave the class out, add cells "
                f"of it from elsewhere, or divide with split='group'."
            )
        found.append(Split(train, test, 0, fold, name))
    return found


def _lacking_notes(
    splits: list[Split], y: np.ndarray, names: np.ndarray, class_names: tuple[str, ...]
) -> tuple[str, ...]:
    """Say where a test side has no cell, or few subjects, of a class."""
    n_classes = len(np.unique(y))
    lacking = sum(len(np.unique(y[one.test])) < n_classes for one in splits)
    notes = []
    if lacking:
        notes.append(f"{lacking} of {len(splits)} test sides lack a class: scores are pooled")
    for one in splits:
        for label in np.unique(y[one.test]) if one.name and len(splits) <= 10 else ():
            subjects = set(names[one.test[y[one.test] == label]])
            if len(subjects) < 5:
                notes.append(
                    f"{one.name}: {len(subjects)} subjects of class {_called(label, class_names)}"
                )
    return tuple(notes)
