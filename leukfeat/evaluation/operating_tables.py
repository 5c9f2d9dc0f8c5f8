"""What is reached at a wanted sensitivity or specificity, laid out for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leukfeat.evaluation.wording import interval_texts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OPERATING_HEADER", "WHAT_OPERATING_POINTS_ARE", "operating_rows"]

WHAT_OPERATING_POINTS_ARE = (
    "A wanted sensitivity or specificity; the threshold of each fold is chosen on the subjects of "
    "the other folds, so what is reached differs from what was asked for (a threshold is the mean "
    "over the folds, with the lowest and the highest)."
)

OPERATING_HEADER = ["wanted", "class", "threshold", "sensitivity", "specificity"]


def operating_rows(points: pd.DataFrame, wanted: str) -> list[list[str]]:
    """Lay out what is reached, under `OPERATING_HEADER`.

    Parameters
    ----------
    points : DataFrame
        From :func:`leukfeat.evaluation.operating_points`.
    wanted : str
        What was asked for, such as ``"sensitivity 0.95"``.

    Returns
    -------
    list of list of str
        One a class.
    """
    reached = [
        interval_texts(
            points.rename(columns={name: "estimate", f"{name}_low": "low", f"{name}_high": "high"})
        )
        for name in ("sensitivity", "specificity")
    ]
    thresholds = [
        f"{row.threshold:.3f} ({row.threshold_min:.3f} to {row.threshold_max:.3f})"
        for row in points.itertuples()
    ]
    classes = [str(name) for name in points["class"]]
    return [[wanted, *row] for row in map(list, zip(classes, thresholds, *reached, strict=True))]
