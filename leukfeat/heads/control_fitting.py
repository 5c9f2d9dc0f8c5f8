"""Fitting the control heads on the rows and folds of a head."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from leukfeat.features import FeatureSet

from .controls import control_columns, control_pipelines
from .head import Head
from .inner_folds import inner_splits
from .training_data import TrainingData, training_data

__all__ = ["ControlsAlone", "fit_control_heads", "fit_controls_alone"]

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
        ``"majority"`` always; ``"colour"`` and ``"size"`` if the rows carry controls.
    """
    pipelines = control_pipelines(len(data.labels))
    majority = pipelines.pop("majority")
    fitted = {"majority": majority.fit(np.zeros((len(data.labels), 1)), data.labels)}
    if data.controls is None:
        return fitted
    measured = control_columns(data.controls)
    same = {name: settings[name] for name in _SHARED if name in settings}
    if not same.get("calibrate", True):
        # A threshold on probabilities has no meaning for a control, an SVM, that gives none.
        same["threshold"] = "auto"
    for name, classifier in pipelines.items():
        control = Head(classifier, tune=False, **same)
        matrix = validate_data(control, measured, dtype=[np.float32, np.float64])
        # The same rows, with all that is known of them: equal measurements are no equal images.
        rows = dataclasses.replace(data, X=matrix, spec=None, controls=None)
        fitted[name] = control.fit_data(rows)
    return fitted


@dataclasses.dataclass(frozen=True)
class ControlsAlone:
    """Control heads that stand beside classifiers which are no `Head` and fit none themselves.

    Attributes
    ----------
    control_heads_ : dict of str to classifier
    class_names_ : tuple of str
    """

    control_heads_: dict[str, Any]
    class_names_: tuple[str, ...]


def fit_controls_alone(features: FeatureSet) -> ControlsAlone:
    """Fit the control heads with the settings that a `Head` has by default.

    Where a class has too few subjects to be calibrated by subject, they are not calibrated.

    Parameters
    ----------
    features : FeatureSet
        Labelled training cells.

    Returns
    -------
    ControlsAlone
    """
    head = Head()
    data = training_data(head, features, None, None, positive=None)
    settings = head.get_params(deep=False)
    try:
        inner_splits(data, head.cv, split=head.split, random_state=head.random_state)
    except ValueError:
        settings["calibrate"] = False
    return ControlsAlone(fit_control_heads(data, settings), data.class_names)
