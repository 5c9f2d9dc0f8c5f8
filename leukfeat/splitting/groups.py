"""Which cells must stay together: connected components of subjects, groups and duplicates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from leukfeat.features.single_precision import single_precision

from .views import origin_ids

__all__ = ["NO_SUBJECTS", "merge_groups", "name_some", "row_digests", "row_groups"]

NO_SUBJECTS = "no subjects: cells of one patient may stand on both sides"
"""What every result says when the data do not tell the patients."""


def merge_groups(*labellings: Any, n_rows: int | None = None) -> np.ndarray:
    """Merge labellings into groups: rows that share a label in any of them are together.

    Two rows are in one group if a chain of shared labels joins them: cells of one subject, cells
    of two subjects that have an identical image in common, and so on.

    Parameters
    ----------
    *labellings : array-like of shape (n_rows,) or None
        Subjects, groups, image digests, ... A missing label (``None``, ``NaN`` or ``""``) joins
        a row to nothing; a labelling that is ``None`` is passed over.
    n_rows : int, optional
        Number of rows; needed only if every labelling is ``None``.

    Returns
    -------
    ndarray of int64 of shape (n_rows,)
        Group of each row, numbered in order of first appearance.

    Raises
    ------
    ValueError
        If the labellings have different lengths, or there is none and `n_rows` is not given.

    Examples
    --------
    Subject 20 and subject 21 share the image ``"b"``:

    >>> merge_groups(["20", "20", "21", "75"], ["a", "b", "b", "c"])
    array([0, 0, 0, 1])
    """
    given = [np.asarray(labels, object) for labels in labellings if labels is not None]
    lengths = {len(labels) for labels in given} | ({n_rows} if n_rows is not None else set())
    if len(lengths) != 1:
        found = sorted(lengths) if lengths else "no labelling and no 'n_rows'"
        raise ValueError(f"Labellings must have one entry a row. Got lengths {found} instead.")
    n = lengths.pop()

    rows, nodes, n_nodes = [], [], n
    for labels in given:
        codes, uniques = pd.factorize(_missing_to_none(labels))
        known = np.flatnonzero(codes >= 0)
        rows.append(known)
        nodes.append(codes[known] + n_nodes)
        n_nodes += len(uniques)
    i = np.concatenate(rows) if rows else np.empty(0, np.int64)
    j = np.concatenate(nodes) if nodes else np.empty(0, np.int64)
    graph = coo_matrix((np.ones(len(i), np.int8), (i, j)), shape=(n_nodes, n_nodes))
    _, component = connected_components(graph, directed=False)
    return pd.factorize(component[:n])[0].astype(np.int64)


def row_digests(X: Any) -> np.ndarray:
    """Return a digest of each row of a matrix: equal rows are one image, seen twice.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        Features; compared as ``float32``.

    Returns
    -------
    ndarray of object of shape (n_rows,)
        Hexadecimal text.

    Examples
    --------
    >>> first, second, third = row_digests([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    >>> first == third, first == second
    (True, False)
    """
    rows = single_precision(X)
    return np.array([hashlib.blake2b(row, digest_size=16).hexdigest() for row in rows], object)


def row_groups(
    data: Any, *, by: str | None = None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return the group of each row of a dataset, with a name for each row's group.

    Parameters
    ----------
    data : FeatureSet or CellDataset
        Anything with ``subjects``, ``groups``, ``ids`` (each an array or ``None``), ``column()``
        and a length.
    by : str, optional
        A column whose values are kept together as well (``"site"``, ``"slide"``, ...).

    Returns
    -------
    groups : ndarray of int64 of shape (n_rows,)
        Connected components of subjects, groups, `by` and identical images; an augmented row
        (``parent_id``) is in the group of its parent.
    names : ndarray of object of shape (n_rows,)
        What a message calls the row's origin: its subject, else its group, else its number.
    notes : tuple of str
        What a result must say: empty if every row has a subject or a group. What a column
        keeps together is no patient.
    """
    n = len(data)
    subjects, groups, ids = (getattr(data, what, None) for what in ("subjects", "groups", "ids"))
    column = None if by is None else data.column(by)
    names = np.array([f"row {row}" for row in range(n)], object)
    known = np.zeros(n, bool)
    for labels, is_column in ((column, True), (groups, False), (subjects, False)):
        if labels is not None:
            labels = _missing_to_none(np.asarray(labels, object))
            told = np.array([label is not None for label in labels], bool)
            names[told] = labels[told]
            if not is_column:
                known |= told
    merged = merge_groups(subjects, groups, column, ids, origin_ids(data), n_rows=n)
    if known.all():
        return merged, names, ()
    some = f"{n - known.sum()} of {n} cells have no subject"
    note = NO_SUBJECTS.replace("no subjects", some) if known.any() else NO_SUBJECTS
    kept = "" if by is None else f" (cells of one {by!r} are kept together)"
    return merged, names, (note + kept,)


def name_some(names: Iterable[Any], *, at_most: int = 6) -> str:
    """List distinct names for a message, and how many more there are.

    Parameters
    ----------
    names : iterable
        Names, repeats allowed.
    at_most : int, default=6
        How many to spell out.

    Returns
    -------
    str

    Examples
    --------
    >>> name_some(["H3", "H10", "H3"])
    'H3, H10'
    """
    distinct = list(dict.fromkeys(str(name) for name in names))
    more = f" and {len(distinct) - at_most} more" if len(distinct) > at_most else ""
    return ", ".join(distinct[:at_most]) + more


def _missing_to_none(labels: np.ndarray) -> np.ndarray:
    """Return labels as objects with every kind of missing label as ``None``."""
    labels = labels.copy()
    labels[pd.isna(labels) | (labels == "")] = None
    return labels
