"""`evaluate`: a fitted head on cells it has not seen."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from leukfeat.evaluation.controls import control_predictions, missing_controls
from leukfeat.evaluation.left_out import left_out_cells
from leukfeat.evaluation.overlap import check_overlap
from leukfeat.evaluation.positive import settle_positive
from leukfeat.evaluation.predicting import as_labelled_features, predict_cells
from leukfeat.evaluation.predictions import statistical_units
from leukfeat.evaluation.prepared import fitted_preparation_notes
from leukfeat.evaluation.provenance import about_head, name_of, remarks_of
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.seen import seen_by_backbone
from leukfeat.exceptions import LeakageWarning, SeenByBackboneWarning
from leukfeat.features import FeatureSet
from leukfeat.metrics.interval import check_level
from leukfeat.splitting.groups import NO_SUBJECTS
from leukfeat.splitting.views import refuse_augmented

__all__ = ["evaluate"]


def evaluate(
    head: Any,
    features: Any,
    y: Any = None,
    *,
    subjects: Any = None,
    level: float = 0.95,
    name: str | None = None,
    allow_training_cells: bool = False,
) -> Evaluation:
    """Test a fitted head on held-out cells, beside heads that know colour or size only.

    Parameters
    ----------
    head : Head or fitted classifier
        What :func:`fit_head` returned, or any fitted scikit-learn classifier.
    features : FeatureSet or array-like of shape (n_cells, n_features)
        The test cells, of the feature space that the head was fit on. Unlabelled cells are left
        out.
    y : array-like of shape (n_cells,), optional
        Labels, for an array of features.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell, for an array of features.
    level : float, default=0.95
        Level of the intervals.
    name : str, optional
        Name of the head in tables; default: its own.
    allow_training_cells : bool, default=False
        Evaluate although subjects or images were in the head's training; the result's notes
        then say so.

    Returns
    -------
    Evaluation

    Raises
    ------
    LeakageError
        If subjects or identical images of the test were in training, and this is not allowed;
        or if the test holds augmented rows, which is never.
    SpecMismatchError
        If the features are of another space than the head's.
    NotFittedError
        If the head is not fitted.
    ValueError
        If the cells have no labels.

    Warns
    -----
    LeakageWarning
        If subjects are not known, or training cells were allowed and found.
    SeenByBackboneWarning
        If the weights behind the features were trained on these cells, their subjects or their
        data set.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat import evaluate, fit_head
    >>> rng = np.random.default_rng(0)
    >>> y = np.repeat(np.arange(40) % 2, 5)
    >>> subjects = np.repeat([f"S{i}" for i in range(40)], 5)
    >>> X = rng.normal(size=(200, 4)) + y[:, None]
    >>> head = fit_head(X[:100], y[:100], "logistic_regression", groups=subjects[:100])
    >>> print(evaluate(head, X[100:], y[100:], subjects=subjects[100:])["auroc"])
    0.9...
    """
    check_level(level)
    # A classifier is a head and its extractor: on features it is its head that is tested.
    head = getattr(head, "head", head) if hasattr(head, "predict_subjects") else head
    if hasattr(head, "get_params"):
        check_is_fitted(head)
    cells, notes = as_labelled_features(
        features, y, subjects=subjects, classes=getattr(head, "classes_", None)
    )
    left_out = left_out_cells(features) if isinstance(features, FeatureSet) else None
    refuse_augmented(cells, "the test")
    cells, of_positive = settle_positive(cells, [head])
    check_spec = getattr(head, "check_spec", None)
    if check_spec is not None and cells.spec is not None:
        check_spec(cells)
    overlap = check_overlap(head, cells, allow_training_cells=allow_training_cells)
    notes = (*notes, *overlap)
    if any(note.startswith("leak:") for note in overlap):
        warnings.warn("; ".join(overlap), LeakageWarning, stacklevel=2)
    if seen := seen_by_backbone(cells):
        notes = (*notes, *seen)
        warnings.warn("; ".join(seen), SeenByBackboneWarning, stacklevel=2)
    notes = (*notes, *fitted_preparation_notes(cells))
    if cells.subjects is None:
        notes = (NO_SUBJECTS, *notes)
        warnings.warn(
            f"{NO_SUBJECTS}, and intervals take cells as independent", LeakageWarning, stacklevel=2
        )
    elif pd.isna(cells.subjects).any():
        n = int(pd.isna(cells.subjects).sum())
        notes = (f"{n} of {len(cells)} cells have no subject: each is taken as its own", *notes)
    note_of_head = getattr(head, "split_note_", "")
    if note_of_head:
        notes = (*notes, f"training: {note_of_head}")
    notes = (*notes, *remarks_of(head))
    units, unit, note = statistical_units(cells)
    counted: dict[str, Any] = {"units": units, "unit": unit}
    notes = (*notes, *([note] if note else []), *of_positive)
    controls = {
        control: Evaluation(predictions, name=control, level=level)
        for control, predictions in control_predictions(head, cells, **counted).items()
    }
    notes = (*notes, *missing_controls(controls, cells))
    return Evaluation(
        predict_cells(head, cells, **counted),
        name=name or name_of(head),
        controls=controls,
        notes=notes,
        level=level,
        about=about_head(head, cells),
        left_out=left_out,
    )
