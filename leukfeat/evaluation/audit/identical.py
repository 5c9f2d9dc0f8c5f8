"""Identical images: pairs with equal digests, and whom they tie together."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from leukfeat.evaluation.audit.finding import Finding
from leukfeat.evaluation.wording import counted
from leukfeat.splitting.groups import merge_groups, name_some

__all__ = [
    "copies",
    "identical_pairs",
    "name_pairs",
    "pair_findings",
    "pair_table",
    "tied_subjects",
]

_ALL_PAIRS_UP_TO = 50


def identical_pairs(digests: pd.Series) -> np.ndarray:
    """Return pairs of rows with equal digests.

    Parameters
    ----------
    digests : Series of object
        Digest of each image, ``None`` where not known.

    Returns
    -------
    ndarray of int64 of shape (n_pairs, 2)
        Every pair of a set of copies; for more than 50 copies of one image, each with the first.

    Examples
    --------
    >>> identical_pairs(pd.Series(["a", "b", "a", None, None], dtype=object))
    array([[0, 2]])
    """
    pairs: list[tuple[int, int]] = []
    known = digests[digests.notna()]
    for rows in known.groupby(known).indices.values():
        if len(rows) < 2:
            continue
        places = np.sort(known.index.to_numpy()[rows])
        if len(places) <= _ALL_PAIRS_UP_TO:
            pairs += itertools.combinations(places.tolist(), 2)
        else:
            pairs += [(int(places[0]), int(other)) for other in places[1:]]
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def pair_table(pairs: np.ndarray, cells: pd.DataFrame) -> pd.DataFrame:
    """Say of each pair whether it crosses subjects, folds, classes.

    Parameters
    ----------
    pairs : ndarray of int64 of shape (n_pairs, 2)
        Rows.
    cells : DataFrame
        From :func:`cells_table`.

    Returns
    -------
    DataFrame
        ``first``, ``second`` (rows), ``first_image``, ``second_image`` (path, else digest, else
        row), and for subject, fold and label: the two values, and ``crosses_subject`` and so on
        (``False`` where one is not known).
    """
    table = pd.DataFrame(pairs, columns=["first", "second"])
    images = cells["image"].to_numpy(object)
    table["first_image"], table["second_image"] = images[pairs[:, 0]], images[pairs[:, 1]]
    for name in ("subject", "fold", "label"):
        values = cells[name].to_numpy(object)
        a, b = values[pairs[:, 0]], values[pairs[:, 1]]
        table[f"first_{name}"], table[f"second_{name}"] = a, b
        known = ~(pd.isna(a) | pd.isna(b))
        table[f"crosses_{name}"] = known & (a != b)
    return table


def copies(pairs: np.ndarray, n_rows: int) -> np.ndarray:
    """Give each set of rows that show the same image a number.

    Parameters
    ----------
    pairs : ndarray of int64 of shape (n_pairs, 2)
        Rows with the same image.
    n_rows : int
        Number of rows.

    Returns
    -------
    ndarray of object of shape (n_rows,)
        Number of the set; ``None`` for a row without copies.

    Examples
    --------
    >>> copies(np.array([[0, 2], [2, 3]]), 5)
    array([0, None, 0, 0, None], dtype=object)
    """
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n_rows, n_rows))
    _, component = connected_components(graph, directed=False)
    numbered = np.full(n_rows, None, object)
    involved = np.unique(pairs)
    numbered[involved] = pd.factorize(component[involved])[0]
    return numbered


def tied_subjects(pairs: np.ndarray, cells: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the sets of subjects that share images, directly or through others.

    Parameters
    ----------
    pairs : ndarray of int64 of shape (n_pairs, 2)
        Rows with the same image.
    cells : DataFrame
        From :func:`cells_table`.

    Returns
    -------
    list of tuple of str
        Each of two subjects or more, sorted, the largest set first.
    """
    shared = copies(pairs, len(cells))
    rows = np.flatnonzero(~pd.isna(shared) & cells["subject"].notna().to_numpy())
    if not len(rows):
        return []
    subjects = cells["subject"].to_numpy(object)[rows]
    merged = merge_groups(subjects, shared[rows])
    sets = pd.Series(subjects).groupby(merged).unique()
    found = [tuple(sorted(map(str, s), key=_natural)) for s in sets if len(s) > 1]
    return sorted(found, key=lambda s: (-len(s), _natural(s[0])))


def _natural(name: str) -> tuple[str, int, str]:
    head = name.rstrip("0123456789")
    number = name[len(head) :]
    return head, int(number) if number else -1, name


def pair_findings(
    table: pd.DataFrame, tied: list[tuple[str, ...]], cells: pd.DataFrame, *, kind: str
) -> list[Finding]:
    """Put pairs into words.

    Parameters
    ----------
    table : DataFrame
        From :func:`pair_table`.
    tied : list of tuple of str
        From :func:`tied_subjects`.
    cells : DataFrame
        From :func:`cells_table`.
    kind : str
        ``"identical images"`` or ``"near-identical images"``.

    Returns
    -------
    list of Finding
    """
    if not len(table):
        return [Finding(kind, "note", f"No {kind} were found.")]
    found = []
    images = len(pd.unique(table[["first", "second"]].to_numpy().ravel()))
    counts = (
        f"{counted(len(table), 'pair')} of {kind} ({images:,} of {len(cells):,} cells): "
        f"{int(table['crosses_subject'].sum()):,} across subjects, "
        f"{int(table['crosses_fold'].sum()):,} across folds, "
        f"{int(table['crosses_label'].sum()):,} across classes."
    )
    across = table[table["crosses_subject"]]
    loose = [s for s in tied if not _grouped(s, cells)]
    if cells["subject"].isna().all():
        message = (
            f"{counts} {name_pairs(table, cells)} Subjects are not known: keep copies on one side (groups of copies; "
            "leukfeat's splits do so), or drop all but one."
        )
        found.append(Finding(kind, "warning", message, table))
    elif loose:
        sets = "; ".join("{" + name_some(s, at_most=8) + "}" for s in loose)
        message = (
            f"{counts} {name_pairs(across, cells)} A split by subject leaks unless these subjects are one group: {sets}. "
            "Merge them (a column 'group'; audit.merged(cells)), or drop the copies "
            "(audit.without_copies(cells))."
        )
        found.append(Finding(kind, "leak", message, across))
    else:
        merged = " The subjects concerned are one group already." if len(across) else ""
        message = f"{counts} {name_pairs(table, cells)}{merged}"
        found.append(Finding(kind, "warning" if len(across) else "note", message, table))
    labels = table[table["crosses_label"]]
    if len(labels):
        message = (
            f"{len(labels):,} pairs of {kind} bear two labels: one of each pair is wrong. "
            f"{name_pairs(labels, cells)} Look at them and correct or drop them."
        )
        found.append(Finding(f"{kind}, two labels", "warning", message, labels))
    return found


def name_pairs(pairs: pd.DataFrame, cells: pd.DataFrame) -> str:
    """Name a few pairs by their images.

    Parameters
    ----------
    pairs : DataFrame
        From :func:`pair_table`.
    cells : DataFrame
        From :func:`cells_table`.

    Returns
    -------
    str
        A sentence.
    """
    shown = cells["shown"].to_numpy(object)
    named = [
        f"{shown[a]} = {shown[b]}" for a, b in zip(pairs["first"], pairs["second"], strict=True)
    ]
    return f"Pairs: {name_some(named, at_most=3)}."


def _grouped(subjects: tuple[str, ...], cells: pd.DataFrame) -> bool:
    """Whether subjects are one group in the column ``group``."""
    mine = cells[cells["subject"].isin(subjects)]
    return len(mine["group"].dropna().unique()) == 1 and bool(mine["group"].notna().all())
