"""The control heads: what colour alone, size alone, or always the same answer would score."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np

from leukfeat.evaluation.positive import settle_positive
from leukfeat.evaluation.predicting import predict_cells
from leukfeat.evaluation.predictions import Predictions
from leukfeat.features import FeatureSet
from leukfeat.heads import control_columns

__all__ = ["CONTROL_NAMES", "control_predictions", "missing_controls"]

CONTROL_NAMES = {"majority": "majority", "colour": "colour only", "size": "size only"}
"""A head's key for each control, and what tables call it."""


def missing_controls(found: Collection[str], features: FeatureSet) -> tuple[str, ...]:
    """Return what a result must say of control heads that it should have and has not.

    Parameters
    ----------
    found : collection of str
        Names of the control heads beside the result.
    features : FeatureSet
        The cells.

    Returns
    -------
    tuple of str
    """
    if features.controls is None:
        return (
            "no colour-only and size-only heads: these features carry no colour and size "
            "measurements",
        )
    return () if found else ("no control heads: none were fit with the head",)


def control_predictions(head: Any, features: FeatureSet, **where: Any) -> dict[str, Predictions]:
    """Predict with the control heads that were fit on the head's training cells.

    Parameters
    ----------
    head : Head or fitted classifier
        With ``control_heads_``; without them nothing is predicted. Features without controls
        leave the majority only.
    features : FeatureSet
        Labelled cells with their controls.
    **where
        ``rows``, ``repeat`` and ``fold``, as :func:`predict_cells` takes them.

    Returns
    -------
    dict of str to Predictions
        Keyed by the name that tables use.
    """
    fitted = getattr(head, "control_heads_", None) or {}
    if features.controls is None:
        fitted = {key: one for key, one in fitted.items() if key == "majority"}
        measured: Any = np.zeros((len(features), 1))
    else:
        measured = control_columns(features.controls)
    names = getattr(head, "class_names_", None)
    # A control head does not know which class its head was told to find.
    features, _ = settle_positive(features, [head])
    found = {
        name: predict_cells(fitted[key], features, X=measured, class_names=names, **where)
        for key, name in CONTROL_NAMES.items()
        if key in fitted
    }
    majority = found.get("majority")
    if majority is not None and majority.scores is not None:
        # It orders no cells. Its shares differ between folds, and pooled they would seem to.
        level = np.full_like(majority.scores, 1 / majority.scores.shape[1])
        found["majority"] = dataclasses.replace(majority, scores=level)
    return found
