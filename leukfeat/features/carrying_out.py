"""What every extraction does once its feature space is settled: plan, compute, hand over."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.exceptions import CacheError, ImageReadError
from leukfeat.features.extraction_run import ExtractionRun
from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.overwriting import overwrite_rows
from leukfeat.features.plan import ExtractionPlan, make_plan
from leukfeat.features.store.reader import Rows
from leukfeat.imaging.controls import CONTROL_COLUMNS

__all__ = ["carry_out", "check_choices"]

_OWN_COLUMNS = ("image", "label", "subject", "group", "mask")

_CHOICES = {
    "if_cached": ("resume", "overwrite", "error"),
    "errors": ("raise", "skip"),
    "verify": ("stat", "digest"),
}


def check_choices(**given: object) -> None:
    """Raise if `if_cached`, `errors` or `verify` is none of its choices.

    Examples
    --------
    >>> check_choices(errors="ignore")
    Traceback (most recent call last):
    ValueError: The 'errors' parameter must be one of ('raise', 'skip'). Got 'ignore' instead.
    """
    for name, value in given.items():
        allowed = _CHOICES[name]
        if value not in allowed:
            raise ValueError(
                f"The {name!r} parameter must be one of {allowed}. Got {value!r} instead."
            )


def carry_out(
    run: ExtractionRun, dataset: CellDataset, *, if_cached: str, errors: str, dry_run: bool
) -> FeatureSet | ExtractionPlan:
    """Extract, or plan to.

    Parameters
    ----------
    run : ExtractionRun
        Its feature space and file settled.
    dataset : CellDataset
        The cells.
    if_cached, errors, dry_run
        As for :func:`leukfeat.extract_features`.

    Returns
    -------
    FeatureSet or ExtractionPlan
    """
    if if_cached == "error":
        _refuse_held(run.path)
    if dry_run:
        return make_plan(run)
    if if_cached == "overwrite":
        rows = overwrite_rows(run, skip=errors == "skip")
    else:
        rows = run.rows(skip=errors == "skip")
    return _feature_set(dataset, run, rows)


def _refuse_held(path: str | None) -> None:
    from leukfeat.features.store import StoreReader

    if path is not None and os.path.exists(path):
        with StoreReader(path) as store:
            if len(store):
                raise CacheError(
                    f"The cache {path!r} holds {len(store)} rows of this feature space and "
                    "if_cached='error'. Use 'resume' to add to it, 'overwrite' to compute again."
                )


def _feature_set(dataset: CellDataset, run: ExtractionRun, rows: Rows) -> FeatureSet:
    whole = dataset.frame
    problems: dict[int, ImageReadError] = run.problems
    kept = np.array([i for i in range(len(whole)) if i not in problems], int)
    failed = sorted(problems)
    unread = whole.iloc[failed].drop(columns="image").reset_index(drop=True)
    # As objects: pandas' own type of text cannot hold a file name that is no UTF-8.
    names = [_name_of(whole["image"].iloc[i], i) for i in failed]
    unread.insert(0, "path", pd.Series(names, dtype=object))
    unread.insert(1, "reason", pd.Series([str(problems[i]) for i in failed], dtype=object))
    skipped = pd.concat([dataset.skipped, unread]) if len(dataset.skipped) else unread
    part = dataset if not problems else dataset[kept]
    frame = part.frame
    columns = frame.drop(columns=[name for name in _OWN_COLUMNS if name in frame])
    columns.insert(
        0, "path", pd.Series([i if isinstance(i, str) else None for i in part.images], dtype=object)
    )
    keys = run.keys[kept].tobytes().hex()
    return FeatureSet(
        rows.features,
        part.y,
        subjects=part.subjects,
        groups=part.groups,
        ids=[keys[i : i + 64] for i in range(0, len(keys), 64)],
        controls=pd.DataFrame(rows.controls, columns=list(CONTROL_COLUMNS)),
        spec=run.spec,
        class_names=part.class_names,
        positive=part.positive,
        columns=columns,
        skipped=skipped.reset_index(drop=True),
        name=part.name,
    )


def _name_of(image: Any, row: int) -> str:
    return image if isinstance(image, str) else f"image {row}"
