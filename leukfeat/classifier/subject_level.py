"""From the cells of a subject to one row a subject."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["subject_table"]


def subject_table(cells: pd.DataFrame, class_names: Sequence[str]) -> pd.DataFrame:
    """Sum up predicted cells by subject.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row a cell: ``subject``, ``label``, ``far`` and ``p_<class>``.
    class_names : sequence of str
        Names of the classes.

    Returns
    -------
    pandas.DataFrame
        Indexed by subject: ``cells``, ``far`` and ``unread`` (images without label, since they
        could not be read) among them, ``share_<class>`` and ``mean_p_<class>`` over
        the cells that are not far and have a label (missing where there are none).

    Raises
    ------
    ValueError
        If there is no column ``subject``.

    Examples
    --------
    >>> import pandas as pd
    >>> cells = pd.DataFrame({
    ...     "subject": ["1", "1", "2"], "label": ["all", "hem", "all"],
    ...     "far": [False, False, True], "p_hem": [0.2, 0.6, 0.1], "p_all": [0.8, 0.4, 0.9],
    ... })
    >>> subject_table(cells, ["hem", "all"])["mean_p_all"].round(2).tolist()
    [0.6, nan]
    """
    if "subject" not in cells.columns:
        raise ValueError(
            "The subjects of these cells are not known: give a CellDataset with a column 'subject'."
        )
    known = cells[cells["subject"].notna()]
    groups = known.groupby("subject", sort=True)
    table = pd.DataFrame({"cells": groups.size(), "far": groups["far"].sum().astype(int)})
    table["unread"] = known["label"].isna().groupby(known["subject"]).sum().astype(int)
    used_cells = known[~known["far"].astype(bool) & known["label"].notna()]
    used = used_cells.groupby("subject")
    for name in class_names:
        table[f"share_{name}"] = (used_cells["label"] == name).groupby(used_cells["subject"]).mean()
    for name in class_names:
        table[f"mean_p_{name}"] = used[f"p_{name}"].mean()
    return table
