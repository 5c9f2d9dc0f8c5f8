"""Whether a head has seen the cells, or the patients, that it is tested on."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.exceptions import LeakageError
from leukfeat.features import FeatureSet
from leukfeat.splitting.groups import name_some

__all__ = ["check_overlap", "subject_digest"]


def subject_digest(subject: str) -> str:
    """Return the digest under which a head remembers a training subject.

    Parameters
    ----------
    subject : str
        Name of the subject.

    Returns
    -------
    str
        SHA-256 (hex) of the name in UTF-8: a saved head does not carry the names of patients.
    """
    return hashlib.sha256(str(subject).encode()).hexdigest()


def check_overlap(
    head: Any, features: FeatureSet, *, allow_training_cells: bool = False
) -> tuple[str, ...]:
    """Refuse a test on cells or subjects of the head's training.

    Parameters
    ----------
    head : Head or fitted classifier
        With ``train_subjects_`` and ``train_ids_`` where it remembers them.
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
        If subjects or identical images of the test were in training and this is not allowed.
    """
    known_subjects = set(getattr(head, "train_subjects_", None) or ())
    known_ids = set(getattr(head, "train_ids_", None) or ())
    if not known_subjects and not known_ids:
        return ("the head does not tell what it was trained on: overlap could not be checked",)
    found = []
    if features.subjects is not None and known_subjects:
        subjects = pd.unique(features.subjects[~pd.isna(features.subjects)])
        both = [s for s in subjects if subject_digest(s) in known_subjects]
        if both:
            found.append(f"{len(both)} test subjects were in training ({name_some(both)})")
    if features.ids is not None and known_ids:
        same = np.array([i in known_ids for i in features.ids])
        same &= features.ids != ""
        if same.any():
            found.append(f"{int(same.sum())} test images are identical to training images")
    if found and not allow_training_cells:
        raise LeakageError(
            "; ".join(found) + ". The result would not be that of new patients. Test on other "
            "subjects, or use cross_validate_heads; if you want these numbers all the same give "
            "allow_training_cells=True."
        )
    return tuple(f"leak: {what}" for what in found)
