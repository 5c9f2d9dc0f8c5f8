"""What every classifier on features does the same way once it knows its log-probabilities."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from leukfeat.exceptions import SpecMismatchError
from leukfeat.features import FeatureSet

from .decision_rule import threshold_of
from .training_data import TrainingData, digest_of, matrix_of

__all__ = ["FeatureClassifier"]


class FeatureClassifier(ClassifierMixin, BaseEstimator):
    """Base of `Head` and `Ensemble`: decisions from log-probabilities, and a memory of the training.

    A subclass gives ``_log_proba`` and sets ``decision_weights_``.
    """

    classes_: np.ndarray
    decision_weights_: np.ndarray

    @abstractmethod
    def _log_proba(self, X: np.ndarray) -> np.ndarray:
        """Return log-probabilities up to a constant a row, shape (n_rows, n_classes)."""

    def _has_probabilities(self) -> bool:
        return True

    def check_spec(self, X: Any) -> None:
        """Raise if features are of another space than those that this was fit on.

        Parameters
        ----------
        X : FeatureSet or array-like
            Features; of a bare array nothing is known, and nothing is said.

        Raises
        ------
        SpecMismatchError
            The message names the settings that differ.
        """
        check_is_fitted(self)
        spec = X.spec if isinstance(X, FeatureSet) else None
        if spec is None or self.spec_ is None:
            return
        if not self.spec_.is_interchangeable_with(spec):
            differences = "; ".join(self.spec_.differences(spec))
            raise SpecMismatchError(
                f"This {type(self).__name__} was fit on features of another space "
                f"({differences}). Extract the features with the settings in 'spec_', or fit on "
                "these."
            )

    def decision_function(self, X: Any) -> np.ndarray:
        """Return how far each row is on the side of a class.

        Parameters
        ----------
        X : FeatureSet or array-like of shape (n_rows, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes)
            Log-odds less those of the threshold: for two classes positive where `predict` says
            ``classes_[1]``; for many, largest for the predicted class.
        """
        weighted = self._weighted(X)
        return weighted[:, 1] - weighted[:, 0] if len(self.classes_) == 2 else weighted

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each row.

        Parameters
        ----------
        X : FeatureSet or array-like of shape (n_rows, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_rows,)
            Labels, as they were given in `y`.
        """
        weighted = self._weighted(X)
        return self.classes_[weighted.argmax(1)]

    @available_if(lambda self: self._has_probabilities())
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : FeatureSet or array-like of shape (n_rows, n_features)
            Features.

        Returns
        -------
        ndarray of shape (n_rows, n_classes)
            Columns in the order of `classes_`.
        """
        return np.exp(self._log_proba(self._checked(X)))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy.

        Parameters
        ----------
        X : FeatureSet or array-like of shape (n_rows, n_features)
            Features.
        y : array-like of shape (n_rows,), optional
            Classes; default: those of the `FeatureSet`.
        sample_weight : array-like of shape (n_rows,), optional
            Weights.

        Returns
        -------
        float
        """
        y = getattr(X, "y", None) if y is None else y
        if y is None:
            raise ValueError("'score' needs the class of each row: give 'y', or labelled features.")
        return float(super().score(X, y, sample_weight))

    def _checked(self, X: Any) -> np.ndarray:
        """Return the rows as a checked matrix of this feature space."""
        self.check_spec(X)
        try:
            return validate_data(self, matrix_of(X), dtype=[np.float32, np.float64], reset=False)
        except ValueError as error:
            if "is expecting" not in str(error) or self.spec_ is None:
                raise
            raise ValueError(
                f"{error}. It was fit on {self.spec_.title} features; extract these cells with the "
                "settings in 'spec_', or give a FeatureSet, whose space is compared."
            ) from error

    def _weighted(self, X: Any) -> np.ndarray:
        """Return log(weight * probability) up to a constant a row."""
        return self._log_proba(self._checked(X)) + np.log(self.decision_weights_)

    def _remember(self, data: TrainingData) -> None:
        """Keep what later calls need to know of the training rows: digests, never names."""
        self.classes_, self.class_names_ = data.classes, data.class_names
        self.positive_ = data.classes[data.positive]
        self.threshold_ = threshold_of(self.decision_weights_, data.positive)
        self.spec_ = data.spec
        self.train_subjects_ = {digest_of(subject) for subject in data.subjects}
        self.train_groups_ = {digest_of(group) for group in data.group_labels}
        self.train_ids_ = set(data.ids)
