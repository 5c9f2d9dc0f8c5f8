"""`fit_head` and `fit_ensemble`: one call from features to something fitted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from leukfeat.exceptions import LeakageWarning
from leukfeat.splitting.groups import NO_SUBJECTS

from .ensemble import Ensemble
from .head import Head

__all__ = ["fit_ensemble", "fit_head"]


def fit_head(
    X: Any,
    y: Any = None,
    head: Any = "svm",
    *,
    groups: Any = None,
    tune: bool = True,
    cv: Any = 5,
    calibrate: bool = True,
    threshold: Any = "auto",
    class_weight: Any = "balanced",
    split: str = "group",
    positive: Any = None,
    scoring: str = "balanced_accuracy",
    controls: bool = True,
    param_grid: dict[str, Any] | None = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> Head:
    """Fit a head: tuned, calibrated and given its threshold by subject.

    Parameters
    ----------
    X : FeatureSet or array-like of shape (n_rows, n_features)
        Features.
    y : array-like of shape (n_rows,), optional
        Classes; default: those of the `FeatureSet`. A name or a classifier in this place is
        taken for `head`: ``fit_head(features, "svm")``.
    head : str or classifier, default="svm"
        ``"svm"``, ``"linear_svm"``, ``"logistic_regression"``, ``"random_forest"``, ... (all
        names: `registered_heads`), such a name with a selector before it (``"pca+svm"``,
        ``"anova100+naive_bayes"``, ``"forest+svm"``), or a classifier of one's own.
    groups : array-like of shape (n_rows,), optional
        Subject of each row; a `FeatureSet` brings its own.
    tune, cv, calibrate, threshold, class_weight, split, positive, scoring
        See `Head`.
    controls, param_grid, random_state, n_jobs
        See `Head`.

    Returns
    -------
    Head
        Fitted.

    Raises
    ------
    ValueError
        As `Head.fit`.
    TypeError
        If two heads are given.

    Warns
    -----
    LeakageWarning
        If no subjects are known.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat import FeatureSet, fit_head
    >>> y = np.repeat([0, 1], 30)
    >>> features = FeatureSet(
    ...     np.random.default_rng(0).normal(size=(60, 4)) + 2 * y[:, None],
    ...     y,
    ...     subjects=np.repeat([f"s{i}" for i in range(12)], 5),
    ...     class_names=("hem", "all"),
    ...     positive="all",
    ... )
    >>> head = fit_head(features, "svm")
    >>> head.class_names_, head.positive_, head.split_note_
    (('hem', 'all'), np.int64(1), '')
    >>> head.predict(features[:2])
    array([0, 0])
    """
    if isinstance(y, str) or hasattr(y, "fit"):
        if head != "svm":
            raise TypeError(
                f"fit_head got two heads: {y!r} in the place of 'y', and head={head!r}. Give one."
            )
        y, head = None, y
    fitted = Head(
        head,
        tune=tune,
        cv=cv,
        calibrate=calibrate,
        threshold=threshold,
        class_weight=class_weight,
        split=split,
        positive=positive,
        scoring=scoring,
        controls=controls,
        param_grid=param_grid,
        random_state=random_state,
        n_jobs=n_jobs,
    ).fit(X, y, groups=groups)
    _warn_without_subjects(fitted)
    return fitted


def fit_ensemble(
    X: Any,
    y: Any = None,
    heads: Sequence[Any] = ("svm", "random_forest", "logistic_regression"),
    *,
    groups: Any = None,
    strategy: str = "weighted",
    n_best: int | None = None,
    tune: bool = True,
    cv: Any = 5,
    nested: int = 5,
    threshold: Any = "auto",
    class_weight: Any = "balanced",
    split: str = "group",
    positive: Any = None,
    scoring: str = "balanced_accuracy",
    controls: bool = True,
    random_state: Any = 0,
    n_jobs: int | None = None,
) -> Ensemble:
    """Fit several heads that decide together, and learn whether that is better than one.

    Parameters
    ----------
    X : FeatureSet or array-like of shape (n_rows, n_features)
        Features.
    y : array-like of shape (n_rows,), optional
        Classes; default: those of the `FeatureSet`. A list of heads in this place is taken for
        `heads`.
    heads : sequence of str or classifier, default=("svm", "random_forest", "logistic_regression")
        As `fit_head` takes them.
    groups : array-like of shape (n_rows,), optional
        Subject of each row; a `FeatureSet` brings its own.
    strategy : {"weighted", "soft_vote", "stack"}, default="weighted"
        How they are combined, see `Ensemble`.
    n_best : int, optional
        How many to keep, by their out-of-fold score.
    nested : int, default=5
        Outer folds in which the ensemble is compared with its best member
        (``ensemble.difference_``): the time of that many more fits; 0 leaves it out.
    tune, cv, threshold, class_weight, split, positive, scoring, controls, random_state, n_jobs
        See `Head`.

    Returns
    -------
    Ensemble
        Fitted; ``ensemble.summary()`` shows the weights, ``ensemble.notes_`` what must be said.

    Raises
    ------
    ValueError
        As `Ensemble.fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat import FeatureSet
    >>> from leukfeat.heads import fit_ensemble
    >>> y = np.repeat([0, 1], 30)
    >>> features = FeatureSet(
    ...     np.random.default_rng(0).normal(size=(60, 4)) + y[:, None],
    ...     y,
    ...     subjects=np.repeat([f"s{i}" for i in range(12)], 5),
    ... )
    >>> ensemble = fit_ensemble(features, heads=["svm", "logistic_regression"], nested=3)
    >>> ensemble.weights_.sum().round(6), sorted(ensemble.difference_["balanced_accuracy"])[:3]
    (np.float64(1.0), ['dof', 'ensemble', 'estimate'])
    """
    if (
        isinstance(y, (list, tuple))
        and y
        and all(isinstance(h, str) or hasattr(h, "fit") for h in y)
    ):
        rows = len(X)
        if len(y) != rows:
            y, heads = None, y
    fitted = Ensemble(
        heads,
        strategy=strategy,
        n_best=n_best,
        tune=tune,
        cv=cv,
        nested=nested,
        threshold=threshold,
        class_weight=class_weight,
        split=split,
        positive=positive,
        scoring=scoring,
        controls=controls,
        random_state=random_state,
        n_jobs=n_jobs,
    ).fit(X, y, groups=groups)
    _warn_without_subjects(fitted)
    return fitted


def _warn_without_subjects(fitted: Head | Ensemble) -> None:
    if NO_SUBJECTS in fitted.split_note_:
        warnings.warn(
            f"Fitted by cell: {NO_SUBJECTS}. Settings, calibration and threshold may be learnt "
            "from a patient's cells on both sides. Give groups=, the subject of each row.",
            LeakageWarning,
            stacklevel=3,
        )
