"""How many subjects there are, and what that many can support."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from leukfeat.data.class_names import like_names
from leukfeat.evaluation.audit.finding import Finding
from leukfeat.metrics import kish
from leukfeat.splitting.groups import name_some

__all__ = ["balance_findings", "balance_table", "mixed_subjects"]

BETWEEN_SUBJECTS = 0.15
"""Standard deviation of the part right between subjects that the forecast assumes (C-NMC's HEM
subjects: 0.18 with a published entry)."""

_FEW, _LARGEST_SHARE, _MOST = 10, 0.5, 0.5


def balance_table(cells: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Count cells and subjects of each class, and forecast what they support.

    Parameters
    ----------
    cells : DataFrame
        From :func:`cells_table`.
    level : float, default=0.95
        Level of the interval that is forecast.

    Returns
    -------
    DataFrame
        One row a class: ``cells``, ``subjects``, ``effective_subjects`` (Kish, of their cells),
        ``largest_share`` (of the class's cells, of its largest subject), ``interval_subjects``
        and ``interval_cells`` (half width of an interval for the mean over subjects, or pooled
        over cells, where subjects differ with a standard deviation of 0.15), and
        ``conformal_level`` (the highest coverage by subject that can be had).
    """
    rows = []
    for label, mine in cells.groupby("label", sort=True):
        sizes = mine["subject"].dropna().value_counts().to_numpy()
        k, effective = len(sizes), kish(sizes) if len(sizes) else 0.0
        rows.append(
            {
                "class": label,
                "cells": len(mine),
                "subjects": k if k else pd.NA,
                "effective_subjects": round(effective, 1) if k else np.nan,
                "largest_share": sizes.max() / sizes.sum() if k else np.nan,
                "interval_subjects": _reach(k, k, level),
                "interval_cells": _reach(effective, effective, level),
                "conformal_level": k / (k + 1) if k else np.nan,
            }
        )
    return pd.DataFrame(rows).set_index("class") if rows else pd.DataFrame()


def _reach(n: float, effective: float, level: float) -> float:
    if n <= 1 or effective <= 1:
        return np.nan
    t = stats.t.ppf((1 + level) / 2, max(effective - 1, 1.0))
    return float(t * BETWEEN_SUBJECTS / n**0.5)


def balance_findings(table: pd.DataFrame) -> list[Finding]:
    """Put the balance into words.

    Parameters
    ----------
    table : DataFrame
        From :func:`balance_table`.

    Returns
    -------
    list of Finding
    """
    if not len(table):
        return [Finding("balance", "warning", "No labels: balance is not known.")]
    found = [
        Finding(
            "classes written alike",
            "warning",
            f"The classes {' and '.join(map(repr, names))} differ only in how they are written, and "
            "each is a class of its own. If they are one, write them alike.",
        )
        for names in like_names([str(name) for name in table.index])
    ]
    if table["subjects"].isna().all():
        message = (
            "no subjects: cells of one patient may stand on both sides. No interval by patient "
            "can be had; every interval is for these cells only."
        )
        return [*found, Finding("subjects", "warning", message, table)]
    named = table[table["subjects"].notna()]
    for name, row in table[table["subjects"].isna()].iterrows():
        message = (
            f"{name}: none of {int(row['cells']):,} cells has a subject, though other classes have: "
            "no split by subject can be made of it, and each cell is taken as its own."
        )
        found.append(Finding("subjects", "warning", message))
    said = "; ".join(
        f"{name}: {int(row['cells']):,} cells of {int(row['subjects'])} subjects (effectively "
        f"{row['effective_subjects']:g} when pooled over cells), a mean over subjects is known to "
        f"about ± {row['interval_subjects']:.2f}, conformal coverage by subject up to "
        f"{row['conformal_level']:.3f}"
        for name, row in named.iterrows()
    )
    found.append(Finding("balance", "note", said + ".", table))
    for name, row in named.iterrows():
        if row["subjects"] < _FEW:
            message = (
                f"{name}: {int(row['subjects'])} subjects. Intervals will be wide, and no split can "
                "have many of them on both sides."
            )
            found.append(Finding("few subjects", "warning", message))
        if row["largest_share"] > _LARGEST_SHARE:
            message = (
                f"{name}: one subject has {100 * row['largest_share']:.0f} % of the cells; figures "
                "over cells are mostly about it. Look at figures over subjects."
            )
            found.append(Finding("uneven subjects", "warning", message))
    return found


def mixed_subjects(cells: pd.DataFrame) -> list[Finding]:
    """Name subjects that hold cells of several classes.

    Where a label is a diagnosis, all cells of a patient bear the same one: a subject with two is
    a slip, or two patients of one name. Where labels are kinds of cells most subjects hold
    several, and nothing is wrong.

    Parameters
    ----------
    cells : DataFrame
        From :func:`cells_table`.

    Returns
    -------
    list of Finding
        Empty where each subject holds one class. A warning if fewer than half of the subjects
        hold several, else a note. Its table has one row a subject and class: ``subject``,
        ``class``, ``cells``, ``images``.
    """
    known = cells.dropna(subset=["subject", "label"])
    if not len(known):
        return []
    held = known.groupby("subject")["label"].nunique()
    mixed = held.index[held > 1]
    if not len(mixed):
        return []
    mine = known[known["subject"].isin(mixed)]
    table = (
        mine.groupby(["subject", "label"])["image"]
        .agg(cells="size", images=list)
        .reset_index()
        .rename(columns={"label": "class"})
    )
    counts = {
        subject: ", ".join(f"{row['class']} {row['cells']}" for _, row in part.iterrows())
        for subject, part in table.groupby("subject")
    }
    said = name_some([f"{subject} ({counts[subject]})" for subject in mixed])
    message = f"{len(mixed)} of {len(held)} subjects hold cells of several classes: {said}. "
    if len(mixed) >= _MOST * len(held):
        message += (
            "Labels seem to be kinds of cells, not diagnoses: intervals take subjects whole, "
            "whatever they hold."
        )
        return [Finding("subjects of several classes", "note", message, table)]
    message += (
        "If the label is the patient's diagnosis, these are wrong labels or two patients under "
        "one name; correct them, or drop these subjects."
    )
    return [Finding("subjects of several classes", "warning", message, table)]
