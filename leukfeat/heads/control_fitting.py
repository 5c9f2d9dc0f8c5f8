"""Fitting the control heads on the rows and folds of a head."""

from __future__ import annotations

from typing import Any

from .controls import control_columns, control_pipelines
from .head import Head
from .training_data import TrainingData

__all__ = ["fit_control_heads"]

_SHARED = ("cv", "calibrate", "threshold", "class_weight", "split", "random_state", "n_jobs")


def fit_control_heads(data: TrainingData, settings: dict[str, Any]) -> dict[str, Any]:
    """Fit the control heads, calibrated and cut as the head beside which they stand.

    Parameters
    ----------
    data : TrainingData
        Rows of that head.
    settings : dict
        Its parameters.

    Returns
    -------
    dict of str to classifier
        Empty if the rows carry no controls.
    """
    if data.controls is None:
        return {}
    measured = control_columns(data.controls)
    same = {name: settings[name] for name in _SHARED if name in settings}
    if not same.get("calibrate", True):
        # A threshold on probabilities has no meaning for a control, an SVM, that gives none.
        same["threshold"] = "auto"
    fitted: dict[str, Any] = {}
    for name, classifier in control_pipelines().items():
        if name == "majority":
            fitted[name] = classifier.fit(measured, data.labels)
            continue
        control = Head(classifier, tune=False, positive=data.classes[data.positive], **same)
        fitted[name] = control.fit(measured, data.labels, groups=data.groups)
    return fitted
