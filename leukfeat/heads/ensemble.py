"""`Ensemble`: several heads that decide together, combined by what held-out subjects say of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from .calibration import Calibration, fit_calibration
from .class_labels import named_weights
from .combining import STRATEGIES, combine, fit_weights
from .decision_rule import check_threshold, class_weights, decision_weights
from .ensemble_words import ensemble_html, ensemble_remarks, tie_words
from .feature_classifier import FeatureClassifier
from .head import Head
from .inner_folds import inner_splits
from .training_data import TrainingData, training_data
from .tuning import SCORINGS, score_rows

__all__ = ["ENOUGH", "Ensemble", "head_name"]

logger = logging.getLogger("leukfeat")

ENOUGH = 0.1
"""Share from which a head counts as a member that is needed."""


class Ensemble(MetaEstimatorMixin, FeatureClassifier):
    """Heads that decide together.

    Every head is tuned and calibrated on the same inner folds of whole subjects. From its
    out-of-fold probabilities the best heads are chosen, their weights learnt, the combination
    calibrated and its threshold set; no cell is judged by a model that has seen its subject.

    Parameters
    ----------
    heads : sequence of str or classifier, default=("svm", "random_forest", "logistic_regression")
        Names, as `fit_head` takes them, classifiers, or `Head` objects, whose own settings are
        kept but for the folds.
    strategy : {"weighted", "soft_vote", "stack"}, default="weighted"
        ``"soft_vote"`` averages probabilities; ``"weighted"`` with the weights of least
        out-of-fold log loss; ``"stack"`` adds log-probabilities with such weights.
    n_best : int, default=None
        How many heads to keep, by their out-of-fold score; ``None`` keeps all.
    cv : int or iterable of (train, test), default=5
        Inner folds.
    nested : int, default=0
        Outer folds in which all of this is done again, to learn by how much the ensemble beats
        its best member on subjects that neither has seen; 0 leaves that out.
    tune, threshold, class_weight, split, positive, scoring, controls, random_state, n_jobs
        As in `Head`.

    Attributes
    ----------
    members_ : list of Head
        The fitted heads that were kept.
    member_names_ : tuple of str
        Their names.
    weights_ : ndarray of shape (n_members,)
        What each counts; they sum to 1.
    member_scores_ : dict of str to float
        Out-of-fold score of every head that was tried.
    out_of_fold_ : dict of str to ndarray
        As in `Head`, of the combination.
    difference_ : dict
        With `nested`: the best member, and for balanced accuracy (and AUROC, for two classes) the
        paired difference ``ensemble - best member`` with its interval over subjects.
    notes_ : tuple of str
        What must be said of it, for example that one head was enough, or how a tie was broken.
    classes_, class_names_, positive_, threshold_, decision_weights_, control_heads_, spec_
        As in `Head`.
    train_subjects_, train_groups_, train_ids_, split_note_, n_features_in_
        As in `Head`.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.heads import Ensemble
    >>> rng = np.random.default_rng(0)
    >>> subjects = np.repeat([f"s{i}" for i in range(12)], 5)
    >>> y = np.repeat([0, 1], 30)
    >>> X = rng.normal(size=(60, 4)) + 2 * y[:, None]
    >>> ensemble = Ensemble(["logistic_regression", "naive_bayes"]).fit(X, y, groups=subjects)
    >>> list(ensemble.summary().columns)
    ['weight', 'out_of_fold_score']
    """

    def __init__(
        self,
        heads: Sequence[Any] = ("svm", "random_forest", "logistic_regression"),
        *,
        strategy: str = "weighted",
        n_best: int | None = None,
        tune: bool = True,
        cv: Any = 5,
        nested: int = 0,
        threshold: Any = "auto",
        class_weight: Any = "balanced",
        split: str = "group",
        positive: Any = None,
        scoring: str = "balanced_accuracy",
        controls: bool = True,
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.heads = heads
        self.strategy = strategy
        self.n_best = n_best
        self.tune = tune
        self.cv = cv
        self.nested = nested
        self.threshold = threshold
        self.class_weight = class_weight
        self.split = split
        self.positive = positive
        self.scoring = scoring
        self.controls = controls
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None, groups: Any = None) -> Ensemble:
        """Fit every head, choose, weigh and combine.

        Parameters
        ----------
        X : FeatureSet or array-like of shape (n_rows, n_features)
            Features.
        y : array-like of shape (n_rows,), optional
            Classes; default: those of the `FeatureSet`.
        groups : array-like of shape (n_rows,), optional
            Subject of each row; a `FeatureSet` brings its own.

        Returns
        -------
        Ensemble
            The fitted estimator.

        Raises
        ------
        ValueError
            As `Head.fit`; or if there are fewer than two heads.
        """
        self._check_parameters()
        data = training_data(self, X, y, groups, positive=self.positive)
        check_threshold(self.threshold, len(data.classes))
        by_label = named_weights(self.class_weight, data.classes, data.class_names)
        weights = class_weights(by_label, data.classes, data.y)
        splits, notes = inner_splits(
            data, self.cv, split=self.split, random_state=self.random_state
        )
        fitted = {
            name: self._member(head, data, splits, by_label).fit(
                data.X, data.labels, groups=data.groups
            )
            for name, head in zip(_names(self.heads), self.heads, strict=True)
        }
        self.split_note_ = "; ".join(notes)
        self._choose(fitted, weights)
        self._combine(data, weights)
        self._remember(data)
        self.notes_ = (*self._notes(), *tie_words(self.member_scores_, self.n_best))
        self.control_heads_: dict[str, Any] = {}
        if self.controls:
            from .control_fitting import fit_control_heads

            settings = {**self.get_params(deep=False), "cv": splits, "calibrate": True}
            self.control_heads_ = fit_control_heads(data, settings)
        self.difference_: dict[str, Any] = {}
        if self.nested:
            from .nested import nested_difference

            try:
                self.difference_ = nested_difference(self, data)
            except ValueError as error:
                # Outer folds leave fewer subjects to fit on: no reason to lose what is fitted.
                self.notes_ += (f"not compared with its best member: {error}",)
        return self

    def summary(self) -> pd.DataFrame:
        """Return weight and out-of-fold score of every head that was tried, largest weight first.

        Returns
        -------
        DataFrame
            Indexed by the head's name; a head that was not kept has weight 0.
        """
        weight = dict(zip(self.member_names_, self.weights_, strict=True))
        frame = pd.DataFrame(
            {
                "weight": {name: weight.get(name, 0.0) for name in self.member_scores_},
                "out_of_fold_score": self.member_scores_,
            }
        )
        frame.index.name = "head"
        return frame.sort_values(["weight", "out_of_fold_score"], ascending=False)

    def remarks(self) -> tuple[str, ...]:
        """Return what a result of this ensemble must say of it.

        Returns
        -------
        tuple of str
            The members' weights; with `nested` the paired difference from the best member, a
            sentence a metric; and `notes_`.
        """
        check_is_fitted(self)
        return ensemble_remarks(self)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        settings: str = super().__repr__(N_CHAR_MAX)
        if not hasattr(self, "notes_"):
            return settings
        return "\n- ".join([settings, *self.remarks()])

    def _html_repr(self) -> str:
        diagram: str = super()._html_repr()
        return f"{ensemble_html(self)}{diagram}" if hasattr(self, "notes_") else diagram

    @property
    def best_member_(self) -> str:
        """Name of the head with the best out-of-fold score."""
        return max(self.member_scores_, key=lambda name: self.member_scores_[name])

    def _check_parameters(self) -> None:
        if isinstance(self.heads, str) or len(self.heads) < 2:
            raise ValueError(
                f"The 'heads' of an ensemble must be two or more. Got {self.heads!r} instead; "
                "for one use fit_head()."
            )
        for what, known in (("strategy", STRATEGIES), ("scoring", SCORINGS)):
            if getattr(self, what) not in known:
                raise ValueError(
                    f"The {what!r} parameter must be one of {known}. "
                    f"Got {getattr(self, what)!r} instead."
                )
        if self.n_best is not None and (
            not _is_whole(self.n_best) or not 1 <= self.n_best <= len(self.heads)
        ):
            raise ValueError(
                "The 'n_best' parameter must be a whole number between 1 and the number of heads "
                f"({len(self.heads)}), or None. Got {self.n_best!r} instead."
            )
        if not _is_whole(self.nested) or self.nested < 0 or self.nested == 1:
            raise ValueError(
                "The 'nested' parameter is the number of outer folds, 2 or more, in which the "
                "ensemble is compared with its best member, or 0 to leave that out. "
                f"Got {self.nested!r} instead."
            )

    def _member(self, head: Any, data: TrainingData, splits: Any, class_weight: Any) -> Head:
        """Return an unfitted head on the common folds."""
        if isinstance(head, Head):
            # Labels stand in place of names here, as in the rows that it is given.
            settled = {"cv": splits, "calibrate": True, "controls": False}
            return clone(head).set_params(**settled, positive=data.classes[data.positive])
        return Head(
            head,
            tune=self.tune,
            cv=splits,
            class_weight=class_weight,
            split=self.split,
            positive=data.classes[data.positive],
            scoring=self.scoring,
            controls=False,
            random_state=self.random_state,
            n_jobs=self.n_jobs,
        )

    def _choose(self, fitted: dict[str, Head], weights: np.ndarray) -> None:
        """Score every head on its out-of-fold rows and keep the best."""
        self.member_scores_ = {
            name: score_rows(
                np.log(np.maximum(head.out_of_fold_["probability"] * weights, 1e-300)),
                head.out_of_fold_["y"],
                self.scoring,
            )
            for name, head in fitted.items()
        }
        ranked = sorted(fitted, key=lambda name: -self.member_scores_[name])
        kept = set(ranked[: self.n_best])
        self.member_names_ = tuple(name for name in fitted if name in kept)
        self.members_ = [fitted[name] for name in self.member_names_]

    def _combine(self, data: TrainingData, weights: np.ndarray) -> None:
        """Learn weights, calibration and decision from the members' out-of-fold rows."""
        first = self.members_[0].out_of_fold_
        y, groups = first["y"], first["group"]
        each = np.array([member.out_of_fold_["probability"] for member in self.members_])
        log_proba = np.log(np.maximum(each, 1e-300))
        found = fit_weights(log_proba, y, weights[y], self.strategy)
        self.weights_ = found / found.sum()
        scores = combine(log_proba, self.weights_, self.strategy)
        calibration = fit_calibration(scores, y)
        self.calibration_slope_ = calibration.slope
        self.calibration_intercepts_ = calibration.intercepts
        proba = np.exp(calibration.log_proba(scores))
        self.out_of_fold_ = {**first, "scores": scores, "probability": proba}
        self.decision_weights_ = decision_weights(
            self.threshold,
            weights=weights,
            y=y,
            groups=groups,
            positive=data.positive,
            proba=proba,
        )
        logger.info("ensemble: %s", dict(zip(self.member_names_, self.weights_, strict=True)))

    def _notes(self) -> tuple[str, ...]:
        needed = [
            name
            for name, weight in zip(self.member_names_, self.weights_, strict=True)
            if weight >= ENOUGH
        ]
        if len(needed) >= 2:
            return ()
        if not needed:  # many heads share: none is needed, and none is enough
            largest = int(self.weights_.argmax())
            return (
                f"no head has a weight of {ENOUGH} or more; the largest of {len(self.weights_)} is "
                f"{self.weights_[largest]:.2f} ({self.member_names_[largest]})",
            )
        return (f"one head was enough: {needed[0]} (no other has a weight of {ENOUGH} or more)",)

    def _log_proba(self, X: np.ndarray) -> np.ndarray:
        used = [i for i, weight in enumerate(self.weights_) if weight > 0]
        each = np.array([self.members_[i]._log_proba(X) for i in used])
        scores = combine(each, self.weights_[used], self.strategy)
        return Calibration(self.calibration_slope_, self.calibration_intercepts_).log_proba(scores)


def head_name(head: Any) -> str:
    """Return what a table calls a head.

    Parameters
    ----------
    head : str or classifier
        As `Ensemble` takes it.

    Returns
    -------
    str

    Examples
    --------
    >>> from leukfeat import Head
    >>> head_name(Head("knn")), head_name("svm")
    ('knn', 'svm')
    """
    if isinstance(head, Head):
        return head_name(head.head)
    return head if isinstance(head, str) else type(head).__name__


def _names(heads: Sequence[Any]) -> list[str]:
    """Return a name for each head, numbered where it repeats."""
    plain = [head_name(head) for head in heads]
    return [
        name if plain.count(name) == 1 else f"{name} {1 + plain[:i].count(name)}"
        for i, name in enumerate(plain)
    ]


def _is_whole(number: Any) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)
