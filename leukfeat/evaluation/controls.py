"""The control heads: what colour alone, size alone, or always the same answer would score."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from leukfeat.evaluation.predicting import predict_cells
from leukfeat.evaluation.predictions import Predictions
from leukfeat.features import FeatureSet
from leukfeat.heads import control_columns

__all__ = ["CONTROL_NAMES", "NO_CONTROLS", "control_predictions"]

CONTROL_NAMES = {"majority": "majority", "colour": "colour only", "size": "size only"}
"""A head's key for each control, and what tables call it."""

NO_CONTROLS = "no control heads: none were fit with the head, or colour and size are not known"
"""What a result says that has none beside it."""


def control_predictions(head: Any, features: FeatureSet, **where: Any) -> dict[str, Predictions]:
    """Predict with the control heads that were fit on the head's training cells.

    Parameters
    ----------
    head : Head or fitted classifier
        With ``control_heads_``; without them nothing is predicted.
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
        return {}
    measured = control_columns(features.controls)
    names = getattr(head, "class_names_", None)
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
