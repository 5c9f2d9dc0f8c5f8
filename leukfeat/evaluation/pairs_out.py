"""AUROC by leaving out a pair of subjects at a time, one of each class."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from leukfeat.evaluation.compared_heads import named_heads
from leukfeat.evaluation.cross_validation import fit_one
from leukfeat.evaluation.predicting import as_labelled_features, predict_cells
from leukfeat.features import FeatureSet
from leukfeat.metrics import Interval, SubjectStatistic, auroc_by_subject
from leukfeat.metrics.interval import check_level
from leukfeat.splitting.groups import name_some, row_groups
from leukfeat.splitting.views import parent_ids

__all__ = ["leave_pair_out_auroc"]


def leave_pair_out_auroc(
    features: Any,
    head: Any,
    y: Any = None,
    *,
    subjects: Any = None,
    max_pairs: int | None = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    level: float = 0.95,
    **head_settings: Any,
) -> Interval:
    """Return the mean AUROC over pairs of subjects that were left out together.

    Pooling scores of different folds compares scores of different heads, which pulls the AUROC
    down when there are few subjects. Here both cells of every comparison are scored by one head
    that saw neither subject.

    Parameters
    ----------
    features : FeatureSet or array-like of shape (n_cells, n_features)
        Labelled cells of two classes; each subject holds one class.
    head : str or Head
        The recipe; it is fit once a pair, so let it be quick (``tune=False``).
    y, subjects : array-like of shape (n_cells,), optional
        Labels and subjects, for an array of features.
    max_pairs : int, optional
        Most pairs to fit, drawn at random; default: all.
    random_state : int, default=0
        Seed of the draw.
    n_jobs : int, optional
        Pairs fitted at once (joblib).
    level : float, default=0.95
        Level of the interval.
    **head_settings
        Settings of a head given by name.

    Returns
    -------
    Interval
        Jackknife over subjects; subjects without a drawn pair are not counted.

    Raises
    ------
    ValueError
        If the subject of a cell is not known, or one holds both classes, there are not two classes, a class has
        one subject, or `max_pairs` is below 1.

    References
    ----------
    .. [1] A. Airola, T. Pahikkala, W. Waegeman, B. De Baets and T. Salakoski, "An experimental
       comparison of cross-validation techniques for estimating the area under the ROC curve",
       Computational Statistics and Data Analysis 55 (2011), 1828-1844.
    """
    check_level(level)
    if max_pairs is not None and (not isinstance(max_pairs, Integral) or max_pairs < 1):
        raise ValueError(
            f"'max_pairs' must be a whole number of 1 or more. Got {max_pairs!r} instead; leave it out "
            "to fit all pairs."
        )
    cells, _ = as_labelled_features(features, y, subjects=subjects)
    if cells.subjects is None:
        raise ValueError(
            "Leaving out pairs of subjects needs the subject of each cell. Got none: give 'subjects'."
        )
    lost = int((pd.isna(cells.subjects)).sum())
    if lost:
        raise ValueError(
            f"Leaving out pairs of subjects needs the subject of each cell. Got {lost} of {len(cells)} "
            "without: fill them in, or leave these cells out."
        )
    labels = np.unique(cells.y)  # type: ignore[arg-type]
    if len(labels) != 2:
        raise ValueError(
            f"Two classes are needed. Got {len(labels)}: select the cells of two, or use "
            "cross_validate_heads."
        )
    groups, names, _ = row_groups(cells)
    parents = parent_ids(cells)
    tested = np.ones(len(cells), bool) if parents is None else pd.isna(parents)
    count = int(groups.max()) + 1
    positive = list(cells.class_names).index(cells.positive) if cells.positive else int(labels[1])
    up = np.asarray(cells.y) == positive
    of = np.bincount(groups, up, minlength=count) / np.bincount(groups, minlength=count)
    mixed = np.flatnonzero((of > 0) & (of < 1))
    if len(mixed):
        raise ValueError(
            f"Subject {names[np.flatnonzero(groups == mixed[0])[0]]!r} holds cells of both "
            "classes; leaving out pairs is for subjects of one class. Use cross_validate_heads."
        )
    there = np.bincount(groups, tested, minlength=count) > 0  # a group may hold views only
    sick, healthy = np.flatnonzero((of == 1) & there), np.flatnonzero((of == 0) & there)
    for side in (1, 0):
        here = np.flatnonzero(of == side)
        label = positive if side else int(labels[labels != positive][0])
        name = cells.class_names[label] if cells.class_names else str(label)
        if len(here) < 2:
            raise ValueError(
                f"Class {name!r} has one subject ({name_some(names[groups == here[0]])}), which is left "
                "out in every pair: nothing of the class is left to train on. Add subjects of this "
                "class."
            )
        if not there[here].any():
            raise ValueError(
                f"All cells of class {name!r} are augmented (column 'parent_id'), and only cells can "
                "be tested. Give the cells too: augment_cells returns both."
            )
    pairs = [(int(i), int(j)) for i in sick for j in healthy]
    if max_pairs is not None and max_pairs < len(pairs):
        chosen = np.random.default_rng(random_state).permutation(len(pairs))[:max_pairs]
        pairs = [pairs[k] for k in np.sort(chosen)]
    recipe = next(iter(named_heads(head, random_state=random_state, **head_settings).values()))
    areas = Parallel(n_jobs=n_jobs)(
        delayed(_area)(cells, recipe, groups, tested, up, positive, i, j) for i, j in pairs
    )
    return _mean_over_pairs(np.array(pairs), np.array(areas), of, int(tested.sum())).interval(level)


def _area(
    cells: FeatureSet,
    recipe: Any,
    groups: np.ndarray,
    tested: np.ndarray,
    up: np.ndarray,
    positive: int,
    i: int,
    j: int,
) -> float:
    out = (groups == i) | (groups == j)
    model = fit_one(recipe, cells[~out], controls=False)
    out &= tested
    scores = predict_cells(model, cells[out]).scores
    if scores is None:
        raise ValueError("The head gives no scores (no predict_proba, no decision_function).")
    area, _ = auroc_by_subject(
        up[out].astype(int), scores[:, positive], np.zeros(int(out.sum()), int), n_subjects=1
    )
    return area


def _mean_over_pairs(
    pairs: np.ndarray, areas: np.ndarray, of: np.ndarray, n_cells: int
) -> SubjectStatistic:
    count = len(of)
    total, n = areas.sum(), len(areas)
    mine = np.zeros(count)
    times = np.zeros(count)
    for side in (0, 1):
        mine += np.bincount(pairs[:, side], areas, minlength=count)
        times += np.bincount(pairs[:, side], minlength=count)
    rest = n - times
    without = np.where(rest > 0, (total - mine) / np.where(rest > 0, rest, 1), np.nan)
    return SubjectStatistic(
        estimate=float(total / n),
        without=without,
        weights=(times > 0).astype(float),
        strata=(of == 1).astype(int),
        n_cells=n_cells,
    )
