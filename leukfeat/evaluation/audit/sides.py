"""Splits and folds: whether a subject, a group or an image stands on both sides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.evaluation.audit.finding import Finding
from leukfeat.evaluation.audit.identical import name_pairs, pair_table
from leukfeat.splitting.groups import name_some

__all__ = ["as_sides", "side_findings", "thin_folds"]

_FEW = 5


def as_sides(
    splits: Any, cells: pd.DataFrame, column: Any
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return named training and test rows.

    Parameters
    ----------
    splits : iterable of (train, test), str or None
        Splits, or a column each value of which is a test side; by default the column ``fold``,
        if there is one.
    cells : DataFrame
        From :func:`cells_table`.
    column : callable
        Gives the values of a column by its name.

    Returns
    -------
    list of (name, train, test)
    """
    if splits is None:
        if cells["fold"].isna().all():
            return []
        splits = "fold"
    if isinstance(splits, str):
        values = np.asarray(cells["fold"] if splits == "fold" else column(splits), object)
        known = ~pd.isna(values)
        return [
            (str(v), np.flatnonzero(known & (values != v)), np.flatnonzero(known & (values == v)))
            for v in sorted(pd.unique(values[known]), key=str)
        ]
    named = []
    for i, one in enumerate(splits):
        train, test = one
        name = getattr(one, "name", "") or f"split {i}"
        named.append((name, _rows(train), _rows(test)))
    return named


def _rows(side: Iterable[int]) -> np.ndarray:
    rows = np.asarray(side)
    return np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)


def side_findings(
    sides: list[tuple[str, np.ndarray, np.ndarray]], cells: pd.DataFrame, near: np.ndarray
) -> list[Finding]:
    """Look for what stands on both sides.

    Parameters
    ----------
    sides : list of (name, train, test)
        From :func:`as_sides`.
    cells : DataFrame
        From :func:`cells_table`.
    near : ndarray of int64 of shape (n_pairs, 2)
        Rows that show nearly the same image.

    Returns
    -------
    list of Finding
        One a split and kind of leak, or a note that there is none.
    """
    found = []
    for name, train, test in sides:
        for what, plural in (("subject", "subjects"), ("group", "groups"), ("digest", "images")):
            values = cells[what].to_numpy(object)
            both = sorted({v for v in values[train] if v is not None} & set(values[test]), key=str)
            if what == "group" and both and (cells["group"] == cells["subject"]).all():
                continue
            if both:
                theirs = pd.Series(values).isin(both).to_numpy()
                hit = np.asarray(test)[theirs[test]]
                some = name_some(cells["shown"].iloc[hit], at_most=3)
                shown = f": {some}" if what == "digest" else f" ({name_some(both)})"
                message = (
                    f"{name}: {len(both)} {plural} stand on both sides{shown}; {len(hit)} of "
                    f"{len(test)} test cells are theirs. Split by group, or drop them from "
                    "training (embargo=True)."
                )
                table = _both_sides(cells, theirs, train, test)
                found.append(Finding(f"shared {plural}", "leak", message, table))
        side = np.zeros(len(cells), np.int8)
        side[train], side[test] = 1, 2
        crossing = near[(side[near[:, 0]] * side[near[:, 1]]) == 2] if len(near) else near
        if len(crossing):
            table = pair_table(crossing, cells)
            message = (
                f"{name}: {len(crossing)} pairs of near-identical images stand on both sides. "
                f"{name_pairs(table, cells)} Keep them on one side."
            )
            found.append(Finding("shared near-identical images", "leak", message, table))
    if sides and not found:
        n = len(sides)
        message = (
            f"{n} {'split' if n == 1 else 'splits'}: no subject, group or image on both sides."
        )
        found.append(Finding("sides", "note", message))
    return found


def _both_sides(
    cells: pd.DataFrame, shared: np.ndarray, train: np.ndarray, test: np.ndarray
) -> pd.DataFrame:
    """List the cells of what stands on both sides."""
    parts = []
    for side, rows in (("train", train), ("test", test)):
        mine = np.asarray(rows)[shared[rows]]
        part = cells.iloc[mine][["image", "subject", "label"]].copy()
        part.insert(0, "cell", mine)
        part.insert(0, "side", side)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def thin_folds(
    sides: list[tuple[str, np.ndarray, np.ndarray]], cells: pd.DataFrame
) -> list[Finding]:
    """Name test sides with few subjects of a class, and sides without one.

    Parameters
    ----------
    sides : list of (name, train, test)
        From :func:`as_sides`.
    cells : DataFrame
        From :func:`cells_table`.

    Returns
    -------
    list of Finding
    """
    if cells["subject"].isna().all() or cells["label"].isna().all():
        return []
    found = []
    labels = sorted(cells["label"].dropna().unique())
    for name, train, test in sides:
        for label in labels:
            if not (cells["label"].iloc[train] == label).any():
                message = f"{name}: no training cell of class {label}."
                found.append(Finding("thin fold", "warning", message))
            mine = cells.iloc[test]
            subjects = mine.loc[mine["label"] == label, "subject"].nunique()
            if subjects < _FEW:
                message = (
                    f"{name}: the test side has {subjects} {label} subjects; a figure for this "
                    "fold alone stands on them. Pool the folds, or split again."
                )
                found.append(Finding("thin fold", "warning", message))
    return found
