"""`Head`: features to labels, tuned, calibrated and cut by subject."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from scipy.special import log_softmax
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline

from .calibration import Calibration, fit_calibration
from .class_labels import named_weights
from .decision_rule import check_threshold, class_weights, decision_weights
from .feature_classifier import FeatureClassifier
from .inner_folds import inner_splits
from .long_fit import tell_long_fit
from .memory_need import check_memory
from .natural_scores import natural_scores
from .preparation import (
    few_blas_threads,
    fit_pipeline,
    free_cores,
    knows_class_weight,
    prepared_pipeline,
    tasks_here,
    threads,
)
from .selection import bound_sizes
from .training_data import TrainingData, training_data
from .tuning import SCORINGS, Tuned, grid_of, tune

__all__ = ["Head"]

logger = logging.getLogger("leukfeat")

_ROWS_AT_ONCE = 65_536


class Head(MetaEstimatorMixin, FeatureClassifier):
    """A classifier on features: tuned, calibrated and given its threshold by subject.

    One cross-validation of the training rows, with whole subjects held out, serves all three:
    the candidates are scored on its held-out cells, and the scores of the best one calibrate its
    probabilities and set the threshold. Then the best one is fit on all rows.

    Parameters
    ----------
    head : str or classifier, default="svm"
        A name (see `registered_heads`), or a scikit-learn classifier or pipeline of one's own.
    tune : bool, default=True
        Whether to try the search space of the head; else its defaults are fit.
    cv : int, splitter or list of (train, test), default=5
        Folds of the inner cross-validation (fewer where there are fewer groups). A splitter of
        scikit-learn is given the groups; ``None`` is the default.
    calibrate : bool, default=True
        Whether probabilities are Platt-scaled on out-of-fold scores. Without it they are the
        classifier's own, and an SVM has none.
    threshold : {"auto", "balanced", "youden"}, tuple, float or None, default="auto"
        Which probability decides. ``None``: the most probable class, which maximises accuracy.
        ``"balanced"``: the class that is most probable relative to its share of the training
        cells (for two classes: a cut at the share of the positive one), which maximises balanced
        accuracy. ``"auto"``: from ``None`` as far towards `class_weight` times probability as
        the out-of-fold cells prove useful: the smallest of five steps whose weighted accuracy is
        within one standard error, over subjects, of the best. For two classes also a probability
        of the positive class; ``"youden"``, the out-of-fold best sum of sensitivity and
        specificity; ``("sensitivity", 0.95)`` or ``("specificity", 0.95)``, the out-of-fold
        operating point that just reaches it.
    class_weight : {"balanced"}, dict or None, default="balanced"
        Weights of the classes, by name or label, given to the classifier if it takes them.
    split : {"group", "random"}, default="group"
        ``"random"`` lets cells of one subject stand on both sides of the inner folds.
    positive : object, default=None
        The positive class, by label or name; default: that of the features, else the last.
    scoring : {"balanced_accuracy", "accuracy", "roc_auc"}, default="balanced_accuracy"
        What candidates are chosen by.
    controls : bool, default=True
        Whether to fit control heads too: the majority, and what the features' controls allow.
    param_grid : dict, default=None
        A search space in place of the head's own. A name without ``__`` is a parameter of the
        last step.
    random_state : int, RandomState instance or None, default=0
        Seed of the inner folds and of the classifier.
    n_jobs : int, default=None
        Inner folds fit at the same time.

    Attributes
    ----------
    estimator_ : Pipeline
        The fitted pipeline, of stock scikit-learn steps (`RbfSVC` excepted: `as_stock_svc`).
    classes_ : ndarray of shape (n_classes,)
        Labels, as given in `y`.
    class_names_ : tuple of str
        Their names.
    positive_ : object
        The positive label.
    threshold_ : float or None
        Probability of `positive_` above which a cell is called positive; ``None`` for many
        classes.
    decision_weights_ : ndarray of shape (n_classes,)
        Weight times probability decides.
    calibration_slope_, calibration_intercepts_ : float, ndarray of shape (n_classes,)
        Calibrated log-odds are slope * score + intercept; ``None`` if not calibrated.
    best_params_, cv_results_ : dict
        Chosen parameters, and the table of the search (empty without an inner cross-validation).
    out_of_fold_ : dict of str to ndarray
        ``y`` (index into `classes_`), ``group``, ``fold``, ``probability``, ``scores`` of the
        training rows, for operating points and ensembles; empty likewise.
    control_heads_ : dict of str to classifier
        ``"majority"``; with ``features.controls`` also ``"colour"`` and ``"size"``, on these.
    spec_ : FeatureSpace or None
        The feature space; features of another are refused.
    train_subjects_, train_groups_, train_ids_ : set of str
        SHA-256 of the training subjects' names and of their declared groups, and digests of the
        training images.
    split_note_ : str
        What must be said beside a result of this head.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat import Head
    >>> rng = np.random.default_rng(0)
    >>> subjects = np.repeat([f"s{i}" for i in range(12)], 5)
    >>> y = np.repeat(["hem", "all"], 30)
    >>> X = rng.normal(size=(60, 4)) + 2 * (y == "all")[:, None]
    >>> head = Head("logistic_regression", positive="all").fit(X, y, groups=subjects)
    >>> round(head.threshold_, 2), head.score(X, y) > 0.9
    (0.5, True)
    """

    def __init__(
        self,
        head: Any = "svm",
        *,
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
    ) -> None:
        self.head = head
        self.tune = tune
        self.cv = cv
        self.calibrate = calibrate
        self.threshold = threshold
        self.class_weight = class_weight
        self.split = split
        self.positive = positive
        self.scoring = scoring
        self.controls = controls
        self.param_grid = param_grid
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Head:
        """Tune, calibrate and fit.

        Parameters
        ----------
        X : FeatureSet or array-like of shape (n_rows, n_features)
            Features.
        y : array-like of shape (n_rows,), optional
            Classes; default: those of the `FeatureSet`.
        groups : array-like of shape (n_rows,), optional
            Subject of each row. A `FeatureSet` brings its own; a bare array without them has
            every row for a subject of its own, and `split_note_` says so.

        Returns
        -------
        Head
            The fitted estimator.

        Raises
        ------
        ValueError
            If labels are missing or of one class, values are not finite, lengths differ, a
            parameter is wrong, or a class has one subject only (the message names it).
        MemoryError
            If the machine has not the memory that the fit would take.
        """
        if self.scoring not in SCORINGS:
            raise ValueError(
                f"The 'scoring' parameter must be one of {SCORINGS}. Got {self.scoring!r} instead."
            )
        return self.fit_data(training_data(self, X, y, groups, positive=self.positive))

    def fit_data(self, data: TrainingData) -> Head:
        """Fit on rows that are checked already: those of another head, on other columns.

        Parameters
        ----------
        data : TrainingData
            The rows.

        Returns
        -------
        Head
            The fitted estimator.

        Raises
        ------
        ValueError
            As :meth:`fit`.
        """
        check_threshold(self.threshold, len(data.classes))
        by_label = named_weights(self.class_weight, data.classes, data.class_names)
        weights = class_weights(by_label, data.classes, data.y)
        pipeline, space = prepared_pipeline(
            self.head, class_weight=by_label, random_state=self.random_state
        )
        space = space if self.param_grid is None else dict(self.param_grid)
        candidates = grid_of(pipeline, space) if self.tune else [{}]
        tell_long_fit(f"head={self.head!r}", pipeline, len(data.y), len(candidates))
        splits = self._splits(data, len(candidates))
        # One subject may have most of the cells, and be the test side of a fold.
        sizes = [len(train) for train, _ in splits]
        smallest = min(sizes, default=len(data.y))
        candidates = bound_sizes(pipeline, candidates, smallest, data.X.shape[1])
        largest = clone(pipeline).set_params(**max(candidates, key=_components))
        check_memory(
            f"head={self.head!r}",
            largest,
            *data.X.shape,
            largest_fold=max(sizes, default=0),
            at_once=min(tasks_here(self.n_jobs), len(splits)),
        )
        found = self._search(pipeline, candidates, data, weights, splits)
        best = candidates[0] if found is None else found.best_params
        self.estimator_ = clone(pipeline).set_params(**best)
        with (
            threads(self.estimator_, free_cores()),
            few_blas_threads(self.estimator_[-1], data.X.size * len(data.classes)),
        ):
            fit_pipeline(self.estimator_, data.X, data.labels)
        self.best_params_ = best
        self._decide(found, data, weights)
        self._remember(data)
        self.control_heads_: dict[str, Any] = {}
        if self.controls:
            from .control_fitting import fit_control_heads  # they are heads themselves

            self.control_heads_ = fit_control_heads(data, self.get_params(deep=False))
        return self

    def _splits(self, data: TrainingData, n_candidates: int) -> list[Any]:
        """Return the inner folds, or none if nothing would use them."""
        self.split_note_ = "; ".join(data.notes)
        searched = self.threshold == "youden" or isinstance(self.threshold, tuple)
        if n_candidates == 1 and not (self.calibrate or searched):
            return []
        splits, notes = inner_splits(
            data, self.cv, split=self.split, random_state=self.random_state
        )
        self.split_note_ = "; ".join(notes)
        return splits

    def _search(
        self,
        pipeline: Pipeline,
        candidates: list[dict[str, Any]],
        data: TrainingData,
        weights: np.ndarray,
        splits: list[Any],
    ) -> Tuned | None:
        """Cross-validate the candidates, unless nothing would use it."""
        if not splits:
            return None
        shift = np.zeros(len(weights)) if knows_class_weight(pipeline[-1]) else _log(weights)
        logger.info("%r: %d candidates, %d inner folds", self.head, len(candidates), len(splits))
        at_once = min(effective_n_jobs(self.n_jobs), len(splits))
        with threads(pipeline, max(1, free_cores() // at_once)):
            found = tune(
                pipeline,
                candidates,
                data.X,
                data.y,
                splits,
                classes=data.classes,
                shift=shift,
                scoring=self.scoring,
                n_jobs=self.n_jobs,
            )
        logger.info("%r: best %s", self.head, found.best_params)
        return found

    def _decide(self, found: Tuned | None, data: TrainingData, weights: np.ndarray) -> None:
        """Learn probabilities and the decision from out-of-fold scores."""
        self.cv_results_: dict[str, Any] = {} if found is None else found.cv_results
        self.out_of_fold_: dict[str, np.ndarray] = {}
        self.calibration_slope_: float | None = None
        self.calibration_intercepts_: np.ndarray | None = None
        y, groups, proba = data.y, data.groups, None
        if found is not None:
            rows = np.flatnonzero(found.fold >= 0)
            scores, y, groups = found.scores[rows], data.y[rows], data.groups[rows]
            log_proba = log_softmax(scores, axis=1)
            if self.calibrate:
                calibration = fit_calibration(scores, y)
                self.calibration_slope_ = calibration.slope
                self.calibration_intercepts_ = calibration.intercepts
                log_proba = calibration.log_proba(scores)
            proba = np.exp(log_proba)
            self.out_of_fold_ = {"row": rows, "y": y, "group": groups}
            self.out_of_fold_ |= {"fold": found.fold[rows], "scores": scores, "probability": proba}
        if not self._has_probabilities() and self.threshold not in ("auto", None):
            raise ValueError(
                f"threshold={self.threshold!r} needs probabilities, and "
                f"{type(self.estimator_[-1]).__name__} gives none by itself. Give calibrate=True, "
                "or threshold='auto'."
            )
        threshold = self.threshold
        if not self.calibrate and knows_class_weight(self.estimator_[-1]):
            weights = np.ones(len(weights))  # they are in its scores already
            if threshold == "balanced" and self.class_weight == "balanced":
                threshold = "auto"
        self.decision_weights_ = decision_weights(
            threshold,
            weights=weights,
            y=y,
            groups=groups,
            positive=data.positive,
            proba=proba,
        )

    def _has_probabilities(self) -> bool:
        fitted = getattr(self, "estimator_", None)
        return self.calibrate or fitted is None or hasattr(fitted, "predict_proba")

    def _log_proba(self, X: np.ndarray) -> np.ndarray:
        if len(X) > _ROWS_AT_ONCE:  # a kernel map of all rows could be many times their size
            parts = [X[i : i + _ROWS_AT_ONCE] for i in range(0, len(X), _ROWS_AT_ONCE)]
            return np.concatenate([self._log_proba(part) for part in parts])
        if self.calibration_slope_ is None and hasattr(self.estimator_, "predict_proba"):
            proba = self.estimator_.predict_proba(X)
            return np.log(np.maximum(proba, np.finfo(np.float64).tiny))
        scores = natural_scores(self.estimator_, X)
        if self.calibration_slope_ is None or self.calibration_intercepts_ is None:
            return scores
        return Calibration(self.calibration_slope_, self.calibration_intercepts_).log_proba(scores)


def _components(candidate: dict[str, Any]) -> int:
    return int(candidate.get("kernel__n_components", 0))


def _log(weights: np.ndarray) -> np.ndarray:
    """Return logarithms, with a weight of 0 kept finite."""
    return np.log(np.maximum(weights, np.finfo(np.float64).tiny))
