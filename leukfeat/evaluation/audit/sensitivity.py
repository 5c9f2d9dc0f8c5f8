"""What copies under two subjects do to a result: as they are, merged, dropped."""

from __future__ import annotations

from typing import Any

import pandas as pd

from leukfeat.evaluation.audit.report import Audit
from leukfeat.evaluation.cross_validation import cross_validate_heads
from leukfeat.features import FeatureSet

__all__ = ["duplicate_sensitivity"]


def duplicate_sensitivity(
    features: FeatureSet, head: Any, audit: Audit, *, metric: str = "auroc", **settings: Any
) -> pd.DataFrame:
    """Cross-validate a head with copies as they are, merged, and dropped.

    Parameters
    ----------
    features : FeatureSet
        The audited cells.
    head : str or Head
        The recipe.
    audit : Audit
        Of these cells.
    metric : str, default="auroc"
        Figure of merit.
    **settings
        As :func:`cross_validate_heads` takes them.

    Returns
    -------
    pandas.DataFrame
        One row a way: ``cells``, ``groups``, ``estimate``, ``low``, ``high``. "subjects as they
        are" splits by subject and lets copies stand on both sides.
    """
    blind = FeatureSet(
        features.X,
        features.y,
        subjects=features.subjects,
        controls=features.controls,
        class_names=features.class_names,
        positive=features.positive,
        columns=features.columns,
        name=features.name,
    )
    ways = {
        "subjects as they are": blind,
        "subjects with copies merged": audit.merged(features),
        "copies dropped": audit.without_copies(features),
    }
    rows = []
    for name, cells in ways.items():
        comparison = cross_validate_heads(cells, head, **settings)
        found = next(iter(comparison.results.values()))[metric]
        groups = cells.groups if cells.groups is not None else cells.subjects
        rows.append(
            {
                "way": name,
                "cells": len(cells),
                "groups": len(pd.unique(groups)) if groups is not None else pd.NA,
                "estimate": found.estimate,
                "low": found.low,
                "high": found.high,
            }
        )
    return pd.DataFrame(rows).set_index("way")
