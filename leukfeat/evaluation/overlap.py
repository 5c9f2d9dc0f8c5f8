"""Whether a head has seen the cells, or the patients, that it is tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukfeat.exceptions import LeakageError
from leukfeat.features import FeatureSet
from leukfeat.heads.training_data import digest_of
from leukfeat.splitting.groups import name_some

__all__ = ["check_overlap"]


def check_overlap(
    head: Any, features: FeatureSet, *, allow_training_cells: bool = False
) -> tuple[str, ...]:
    """Refuse a test on cells or subjects of the head's training.

    Parameters
    ----------
    head : Head or fitted classifier
        With ``train_subjects_``, ``train_groups_`` and ``train_ids_`` where it remembers them.
    features : FeatureSet
        The test cells.
    allow_training_cells : bool, default=False
        Say so in the notes in place of refusing.

    Returns
    -------
    tuple of str
        What the result must say.

    Raises
    ------
    LeakageError
        If subjects, groups or identical images of the test were in training and this is not
        allowed.
    """
    known_subjects = set(getattr(head, "train_subjects_", None) or ())
    known_groups = set(getattr(head, "train_groups_", None) or ())
    known_ids = set(getattr(head, "train_ids_", None) or ())
    if not (known_subjects or known_groups or known_ids):
        return ("the head does not tell what it was trained on: overlap could not be checked",)
    found = []
    if features.subjects is not None and known_subjects:
        both = _known(features.subjects, known_subjects)
        if both:
            found.append(f"{len(both)} test subjects were in training ({name_some(both)})")
    if features.groups is not None and known_groups and not found:
        both = _known(features.groups, known_groups)
        if both:
            found.append(
                f"{len(both)} groups of subjects that share images stand on both sides "
                f"({name_some(both)})"
            )
    if features.ids is not None and known_ids:
        same = np.array([i in known_ids for i in features.ids])
        same &= features.ids != ""
        if same.any():
            found.append(f"{int(same.sum())} test images are identical to training images")
    if found and not allow_training_cells:
        raise LeakageError(
            "; ".join(found) + ". The result would not be that of new patients. Test on other "
            "subjects, or use cross_validate_heads. Other patients who bear the same names need "
            "others: cells.prefix_subjects('hospital-b/'). If you want these numbers all the same "
            "give allow_training_cells=True."
        )
    return tuple(f"leak: {what}" for what in found)


def _known(labels: np.ndarray, digests: set[str]) -> list[str]:
    """Return the labels, each once, whose digest is among those of the training."""
    told = [str(label) for label in pd.unique(labels[~pd.isna(labels)]) if label != ""]
    return [label for label in told if digest_of(label) in digests]
