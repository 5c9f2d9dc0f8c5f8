"""How far several annotators agree, and one label from theirs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.kappa import (
    confusion_counts,
    jackknife_interval,
    kappa_of_confusion,
    kappa_of_votes,
)

__all__ = ["annotator_agreement", "consensus_labels"]

_PEOPLE = ("annotator", "rater", "reader", "observer", "expert")
_LABELS = ("label", "class", "rating", "predicted")
_CELLS = ("image", "cell", "id", "digest", "path", "file")


def annotator_agreement(
    ratings: pd.DataFrame,
    *,
    groups: Any = None,
    weights: str | None = None,
    class_names: Any = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Measure how far annotators agree beyond chance.

    Parameters
    ----------
    ratings : pandas.DataFrame of shape (n_cells, n_annotators)
        The label that each annotator gave to each cell, missing where there is none. A long
        table becomes one by ``table.pivot(index="image", columns="annotator", values="label")``.
    groups : array-like of shape (n_cells,), optional
        The subject of each cell: cells of one subject are not independent, and the interval
        counts subjects. Default: every cell is one of its own.
    weights : {"linear", "quadratic"}, optional
        How disagreement grows with the distance of two classes in the order of `class_names`,
        for Cohen's kappa. Default: all disagreements count alike.
    class_names : sequence of str, optional
        The classes in their order. Default: the sorted labels; required with `weights`.
    level : float, default=0.95
        Level of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a pair of annotators (Cohen's kappa) and, for more than two annotators, one for
        all (Fleiss's kappa): ``annotators``, ``measure``, ``cells`` (those rated by both, or by
        at least two), ``groups``, ``observed`` and ``expected`` (agreement by chance),
        ``kappa``, ``low``, ``high``.

    Raises
    ------
    ValueError
        If there are fewer than two annotators, the table has a row a rating, a label is not among `class_names`, or a
        parameter is out of range.

    Notes
    -----
    Intervals come from leaving out one group at a time (jackknife, Student's t). Where kappa is
    not defined, since nobody used a second class, it is ``nan``.

    References
    ----------
    .. [1] Cohen, Educ Psychol Meas 20 (1960) 37-46.
    .. [2] Fleiss, Psychol Bull 76 (1971) 378-382.

    Examples
    --------
    >>> import pandas as pd
    >>> from leukfeat.data import annotator_agreement
    >>> ratings = pd.DataFrame({
    ...     "ann": ["blast"] * 25 + ["normal"] * 25,
    ...     "ben": ["blast"] * 20 + ["normal"] * 5 + ["blast"] * 10 + ["normal"] * 15,
    ... })
    >>> annotator_agreement(ratings)[["annotators", "cells", "observed", "kappa"]].round(2).values
    array([['ann, ben', 50, 0.7, 0.4]], dtype=object)
    """
    codes, names = _codes(ratings, class_names)
    if weights is not None and class_names is None:
        raise ValueError("'weights' needs 'class_names', which tell the order of the classes.")
    if not 0 < level < 1:
        raise ValueError(f"The 'level' parameter must lie between 0 and 1. Got {level} instead.")
    units = np.arange(len(codes)) if groups is None else _units(groups, len(codes))
    annotators = [str(column) for column in ratings.columns]
    rows = []
    for i, j in combinations(range(len(annotators)), 2):
        rated = (codes[:, [i, j]] >= 0).all(1)
        counts = confusion_counts(codes[rated, i], codes[rated, j], len(names))
        rows.append(
            {
                "annotators": f"{annotators[i]}, {annotators[j]}",
                "measure": "Cohen's kappa" + (f", {weights} weights" if weights else ""),
                **_estimate(
                    counts, units[rated], lambda s: kappa_of_confusion(s, weights=weights), level
                ),
            }
        )
    if len(annotators) > 2:
        votes = np.stack([(codes == label).sum(1) for label in range(len(names))], axis=1)
        rated = votes.sum(1) >= 2
        rows.append(
            {
                "annotators": "all",
                "measure": "Fleiss's kappa",
                **_estimate(_with_pairs(votes[rated]), units[rated], kappa_of_votes, level),
            }
        )
    return pd.DataFrame(rows)


def consensus_labels(ratings: pd.DataFrame, *, min_share: float = 0.5) -> pd.DataFrame:
    """Take the label that most annotators gave.

    Parameters
    ----------
    ratings : pandas.DataFrame of shape (n_cells, n_annotators)
        As for `annotator_agreement`.
    min_share : float, default=0.5
        A label is taken if more than this share of the votes is for it; at least 0.5, so that
        there is no tie. 0.99 asks for all.

    Returns
    -------
    pandas.DataFrame
        With the index of `ratings`: ``label`` (``None`` where no label has the share), ``votes``
        (how many annotators rated the cell), ``share`` (of the most frequent label). With
        ``reset_index()`` it can go into `apply_corrections`.

    Raises
    ------
    ValueError
        If `min_share` is out of range or there are no annotators.

    Examples
    --------
    >>> import pandas as pd
    >>> from leukfeat.data import consensus_labels
    >>> consensus_labels(pd.DataFrame(
    ...     {"ann": ["blast", "normal"], "ben": ["blast", "blast"], "cem": ["normal", None]},
    ...     index=["1.png", "2.png"],
    ... ))
           label  votes     share
    1.png  blast      3  0.666667
    2.png   None      2  0.500000
    """
    if not 0.5 <= min_share < 1:
        raise ValueError(
            "The 'min_share' parameter of consensus_labels must be at least 0.5 and below 1. "
            f"Got {min_share} instead."
        )
    codes, names = _codes(ratings, None, at_least=1)
    votes = np.stack([(codes == label).sum(1) for label in range(len(names))], axis=1)
    total = votes.sum(1)
    share = np.divide(votes.max(1), total, out=np.full(len(votes), np.nan), where=total > 0)
    winner = np.array([*names, None], dtype=object)[
        np.where(share > min_share, votes.argmax(1), len(names))
    ]
    label = pd.Series(winner, index=ratings.index, dtype=object)
    return pd.DataFrame({"label": label, "votes": total, "share": share})


def _codes(
    ratings: pd.DataFrame, class_names: Any, *, at_least: int = 2
) -> tuple[np.ndarray, list[str]]:
    """Return labels as indices, -1 where missing or empty, and the classes."""
    if not isinstance(ratings, pd.DataFrame) or ratings.shape[1] < at_least:
        raise ValueError(
            "The 'ratings' parameter must be a DataFrame with one row a cell and one column for "
            f"each of at least {at_least} annotators. Got {getattr(ratings, 'shape', ratings)}."
        )
    _refuse_long(ratings)
    values = ratings.to_numpy(object)
    missing = ratings.isna().to_numpy() | (values == "")
    text = np.where(missing, "", values.astype(str)).astype(object)
    found = sorted(set(text[~missing]))
    if not found:
        raise ValueError("The 'ratings' parameter holds no label.")
    names = found if class_names is None else [str(name) for name in class_names]
    unknown = sorted(set(found) - set(names))
    if unknown:
        raise ValueError(f"'ratings' holds {unknown}, not among the 'class_names' {names}.")
    codes = np.full(text.shape, -1)
    for code, name in enumerate(names):
        codes[(text == name) & ~missing] = code
    return codes, names


def _refuse_long(ratings: pd.DataFrame) -> None:
    """Refuse a table with a row a rating: its columns are no annotators."""
    columns = {str(column).strip().lower(): column for column in ratings.columns}
    people = next((columns[name] for name in _PEOPLE if name in columns), None)
    labels = next((columns[name] for name in _LABELS if name in columns), None)
    cells = next((columns[name] for name in _CELLS if name in columns), None)
    if people is None or (labels is None and cells is None):
        return
    asked = (cells or "image", people, labels or "label")
    pivot = "index={!r}, columns={!r}, values={!r}".format(*asked)
    raise ValueError(
        f"The 'ratings' parameter must have one row a cell and one column an annotator. Its columns "
        f"{list(ratings.columns)} look like one row a rating: give ratings.pivot({pivot})."
    )


def _units(groups: Any, n_cells: int) -> np.ndarray:
    given = pd.Series(list(groups), dtype=object)
    if len(given) != n_cells:
        raise ValueError(f"'groups' has {len(given)} entries but there are {n_cells} cells.")
    if given.isna().any():
        raise ValueError(
            f"'groups' is missing for {int(given.isna().sum())} cells; leave them out of 'ratings', "
            "or give each a group of its own."
        )
    return pd.factorize(given)[0]


def _with_pairs(votes: np.ndarray) -> np.ndarray:
    """Return votes with the share of agreeing pairs and the number 1 in front: sums of rows."""
    n_votes = votes.sum(1)
    agreeing = (votes * (votes - 1)).sum(1) / (n_votes * (n_votes - 1))
    return np.column_stack([np.ones(len(votes)), agreeing, votes])


def _estimate(counts: np.ndarray, units: np.ndarray, kappa: Any, level: float) -> dict[str, Any]:
    observed, expected, estimate = (float(value) for value in kappa(counts.sum(0)))
    low, high = jackknife_interval(counts, units, lambda sums: kappa(sums)[2], level=level)
    return {
        "cells": len(counts),
        "groups": len(np.unique(units)),
        "observed": observed,
        "expected": expected,
        "kappa": estimate,
        "low": low,
        "high": high,
    }
