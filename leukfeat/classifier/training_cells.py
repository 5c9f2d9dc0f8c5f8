"""Which cells a head was fit on, by the digests that it keeps of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from leukfeat.data.cell_columns import label_text
from leukfeat.features import FeatureSet
from leukfeat.heads.training_data import digest_of
from leukfeat.splitting.groups import name_some, row_digests

__all__ = ["check_trained_on", "was_in_training"]


def was_in_training(head: Any, features: FeatureSet) -> np.ndarray:
    """Tell which cells a head was fit on, themselves or others of their subject.

    Parameters
    ----------
    head : Head
        Fitted.
    features : FeatureSet
        Any cells.

    Returns
    -------
    ndarray of bool of shape (n_cells,)
    """
    seen = np.zeros(len(features), bool)
    ids = getattr(head, "train_ids_", None) or set()
    if features.ids is not None:
        seen |= np.array([one in ids for one in features.ids], bool)
    if getattr(head, "train_subjects_", None):
        seen |= np.array([subject is True for subject in _known_subjects(head, features)], bool)
    return seen


def check_trained_on(head: Any, features: FeatureSet) -> None:
    """Refuse cells that a head was not fit on, where it was said to be fit on them.

    Parameters
    ----------
    head : Head
        Fitted.
    features : FeatureSet
        What is given as its training cells; a part of them will do.

    Raises
    ------
    ValueError
        If an image or a subject among them is not one of the training; the message tells how
        many, and which subjects.
    """
    ids = getattr(head, "train_ids_", None)
    if not ids:  # nothing is known of the training
        return
    own = row_digests(features.X) if features.ids is None else features.ids
    foreign = np.array([one not in ids for one in own], bool)
    if getattr(head, "train_subjects_", None):
        foreign |= np.array([known is False for known in _known_subjects(head, features)], bool)
    if not foreign.any():
        return
    where = ""
    if features.subjects is not None:
        subjects = pd.unique(pd.Series(features.subjects[foreign]).dropna())
        where = f" (of the subjects {name_some(subjects)})" if len(subjects) else ""
    raise ValueError(
        f"{int(foreign.sum())} of {len(features)} cells in 'features'{where} are not among those "
        "that the head was fit on. Distances are measured from the training cells, so that a new "
        "cell among them would never be flagged as far. Give the features that the head was fit "
        "on: CellClassifier(head, features[train])."
    )


def _known_subjects(head: Any, features: FeatureSet) -> list[bool | None]:
    """Tell of each cell whether its subject was in the training; ``None`` where it has none."""
    if features.subjects is None:
        return [None] * len(features)
    names = [None if pd.isna(one) or one == "" else label_text(one) for one in features.subjects]
    known = {name: digest_of(name) in head.train_subjects_ for name in set(names) if name}
    return [known.get(name) if name else None for name in names]
