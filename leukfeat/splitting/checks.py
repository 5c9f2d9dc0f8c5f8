"""Checks that a split is one: no subject, group or image on both sides, every class in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukfeat.exceptions import LeakageError

from .groups import name_some

__all__ = ["check_split"]


def check_split(
    train: Any,
    test: Any,
    *,
    y: Any = None,
    subjects: Any = None,
    groups: Any = None,
    ids: Any = None,
    parents: Any = None,
) -> None:
    """Raise if a split leaks, or cannot be trained on.

    Parameters
    ----------
    train, test : array-like of int
        Rows of the two sides.
    y : array-like of shape (n_rows,), optional
        Classes; each of the test side must be in training.
    subjects, groups, ids : array-like of shape (n_rows,), optional
        Subject, group and image digest of each row; a missing one (``None``, ``NaN``, ``""``) is
        compared with nothing.
    parents : array-like of shape (n_rows,), optional
        For an augmented row the image digest of its cell, else missing.

    Raises
    ------
    LeakageError
        If a row, subject, group or identical image is on both sides; the message names them.
        If an augmented row is in the test, or one whose cell is in the test is in training.
    ValueError
        If a side is empty, or training lacks a class of the test.

    Examples
    --------
    >>> check_split([0, 1], [2], subjects=["H3", "H10", "H3"])
    Traceback (most recent call last):
        ...
    leukfeat.exceptions.LeakageError: 1 subject is on both sides of the split: H3...
    """
    train, test = np.asarray(train), np.asarray(test)
    for side, rows in (("training", train), ("test", test)):
        if not len(rows):
            raise ValueError(f"The {side} side of the split is empty.")
    shared = np.intersect1d(train, test)
    if len(shared):
        raise LeakageError(
            f"{len(shared)} rows are on both sides of the split: {name_some(shared)}."
        )
    for what, labels in (("subject", subjects), ("group", groups), ("image", ids)):
        if labels is None:
            continue
        labels = np.asarray(labels, object)
        both = set(labels[train]) & set(labels[test])
        found = sorted(str(label) for label in both if not pd.isna(label) and label != "")
        if found:
            plural = f"{what} is" if len(found) == 1 else f"{what}s are"
            raise LeakageError(
                f"{len(found)} {plural} on both sides of the split: {name_some(found)}. "
                "Split by subject with make_splits(), or drop them from training with "
                "embargo=True."
            )
    if parents is not None:
        _check_augmented(train, test, np.asarray(parents, object), ids)
    if y is not None:
        y = np.asarray(y)
        lacking = np.setdiff1d(y[test], y[train]).tolist()
        if lacking:
            raise ValueError(
                f"Training lacks the classes {lacking} that the test side has. "
                "Give fewer splits, or more subjects of these classes."
            )


def _check_augmented(train: np.ndarray, test: np.ndarray, parents: np.ndarray, ids: Any) -> None:
    """Raise if a view of a cell is tested, or stands on the other side of its cell."""
    is_view = ~pd.isna(parents) & (parents != "")
    if is_view[test].any():
        raise LeakageError(
            f"{int(is_view[test].sum())} of {len(test)} test rows are augmented (column 'parent_id'): "
            "only cells may be tested. Leave these rows out of the test; make_splits() does."
        )
    if ids is not None:
        tested = set(np.asarray(ids, object)[test])
        both = sum(parent in tested for parent in parents[train[is_view[train]]])
        if both:
            raise LeakageError(
                f"{both} augmented training rows are views of test cells (column 'parent_id'). Drop "
                "them from training; make_splits() does."
            )
