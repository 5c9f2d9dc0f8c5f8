"""An RBF `SVC` whose kernel comes from matrix products, in fitting and in applying."""

from __future__ import annotations

import logging
from numbers import Real
from typing import Any

import numpy as np
from sklearn.svm import SVC
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from .kernel_matrix import rbf_from_distances, squared_distances
from .onedal import fit_svc, onedal_is_there

__all__ = [
    "MAX_GRAM_ROWS",
    "RbfSVC",
    "as_stock_svc",
    "one_vs_rest",
    "pair_weights",
    "solve_on_gram",
    "support_decision",
]

MAX_GRAM_ROWS = 16_000
"""More training rows than this (a 2 GB kernel matrix) are left to oneDAL or libsvm."""

TOO_MANY_ROWS = (
    "An RBF SVM on %d rows takes libsvm very long: up to 16,000 the whole kernel matrix is kept, "
    "and that is the fast way. 'nystroem', 'linear_svm' and "
    "'logistic_regression' are heads for so many, or install scikit-learn-intelex."
)

logger = logging.getLogger("leukfeat")

ROWS_AT_ONCE = 2048
"""Rows decided at once, so that memory does not grow with their number."""


class RbfSVC(SVC):
    """`sklearn.svm.SVC` with an RBF kernel, the same model at the speed of matrix products.

    libsvm computes one kernel value at a time. Here the kernel matrix is computed by BLAS and
    libsvm only solves the quadratic problem; decision values are two matrix products. The fitted
    attributes are those of `SVC`, and :func:`as_stock_svc` gives a plain `SVC`.

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the regularisation.
    gamma : {"scale", "auto"} or float, default="scale"
        Width of the kernel, as in `SVC`.
    gamma_factor : float, default=1.0
        Multiplies `gamma`, so that a search space can be written in units of ``"scale"``.
    shrinking, tol, cache_size, class_weight, max_iter, decision_function_shape, break_ties
        As in `SVC`.
    random_state : int, RandomState instance or None, default=None
        As in `SVC`.

    Notes
    -----
    Above `MAX_GRAM_ROWS` training rows fitting is oneDAL's where scikit-learn-intelex is
    installed, else libsvm's own. Sparse input is not taken.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.heads import RbfSVC
    >>> X = np.array([[0.0], [1.0], [4.0], [5.0]])
    >>> RbfSVC(C=10).fit(X, ["hem", "hem", "all", "all"]).predict([[0.4], [4.4]])
    array(['hem', 'all'], dtype='<U3')
    """

    _parameter_constraints = {
        name: constraint
        for name, constraint in SVC._parameter_constraints.items()
        if name not in ("kernel", "degree", "coef0", "probability", "verbose")
    } | {"gamma_factor": [Interval(Real, 0.0, None, closed="left")]}

    def __init__(
        self,
        *,
        C: float = 1.0,
        gamma: Any = "scale",
        gamma_factor: float = 1.0,
        shrinking: bool = True,
        tol: float = 1e-3,
        cache_size: float = 200,
        class_weight: Any = None,
        max_iter: int = -1,
        decision_function_shape: str = "ovr",
        break_ties: bool = False,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            C=C,
            gamma=gamma,
            shrinking=shrinking,
            tol=tol,
            cache_size=cache_size,
            class_weight=class_weight,
            max_iter=max_iter,
            decision_function_shape=decision_function_shape,
            break_ties=break_ties,
            random_state=random_state,
        )
        self.gamma_factor = gamma_factor

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RbfSVC:
        """Fit as `SVC` does.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Training rows.
        y : array-like of shape (n_rows,)
            Classes.
        sample_weight : array-like of shape (n_rows,), optional
            Weights, multiplied with `C`.

        Returns
        -------
        RbfSVC
            The fitted estimator.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, order="C")
        gamma = self.resolve_gamma(X)
        # Negative and zero weights are for libsvm to judge: it drops such rows and renumbers.
        positive = sample_weight is None or bool(np.all(np.asarray(sample_weight) > 0))
        if len(X) > MAX_GRAM_ROWS and sample_weight is None and onedal_is_there():
            solved = fit_svc(_plain_svc(self, kernel="rbf", gamma=gamma), X, y)
        elif len(X) > MAX_GRAM_ROWS or not positive:
            if len(X) > MAX_GRAM_ROWS:
                logger.warning(TOO_MANY_ROWS, len(X))
            solved = _plain_svc(self, kernel="rbf", gamma=gamma).fit(X, y, sample_weight)
        else:
            distances = squared_distances(X)
            gram = rbf_from_distances(distances, gamma, out=distances)
            solved = solve_on_gram(self, gram, y, sample_weight)
            solved.support_vectors_ = X[solved.support_]
        _copy_fit(solved, self)
        self.kernel, self._gamma, self.shape_fit_ = "rbf", gamma, X.shape
        self.n_features_in_ = X.shape[1]
        return self

    def resolve_gamma(self, X: np.ndarray) -> float:
        """Return the number that `gamma` and `gamma_factor` stand for on these rows.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Training rows.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If a parameter is not allowed.
        """
        # Here, since tuning computes kernel matrices without calling `fit`.
        self._validate_params()
        if not isinstance(self.gamma, str):
            return float(self.gamma) * self.gamma_factor
        variance = X.var(dtype=np.float64) if self.gamma == "scale" else 1.0
        base = 1.0 / (X.shape[1] * variance) if variance > 0 else 1.0
        return float(base * self.gamma_factor)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return `SVC`'s decision values, to within rounding.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_classes) or (n_rows, n_pairs)
            As `SVC` shapes them.
        """
        pairs = self._pair_decisions(X)
        if self.decision_function_shape == "ovo":
            return pairs
        return one_vs_rest(pairs, len(self.classes_))

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each row, as `SVC` does.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows,)
        """
        if self.break_ties and self.decision_function_shape == "ovo":
            raise ValueError(
                "'break_ties' must be False when 'decision_function_shape' is 'ovo'. "
                "Got True instead."
            )
        pairs = self._pair_decisions(X)
        if pairs.ndim == 1:
            return self.classes_[(pairs > 0).astype(np.intp)]
        decide = one_vs_rest if self.break_ties else _votes
        return self.classes_[decide(pairs, len(self.classes_)).argmax(1)]

    def _pair_decisions(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, order="C", reset=False)
        return support_decision(self, X)


def solve_on_gram(svc: SVC, gram: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> SVC:
    """Let libsvm solve the quadratic problem of `svc` on a ready kernel matrix.

    Parameters
    ----------
    svc : SVC
        Gives `C`, `tol`, `class_weight` and the like.
    gram : ndarray of float64 of shape (n_rows, n_rows), C-contiguous
        Kernel matrix.
    y : ndarray of shape (n_rows,)
        Classes.
    sample_weight : array-like of shape (n_rows,), optional
        Weights.

    Returns
    -------
    SVC
        With kernel ``"precomputed"``, fitted.
    """
    solver = _plain_svc(svc, kernel="precomputed")
    # Room for every row of the matrix in single precision: libsvm computes none twice.
    solver.cache_size = max(svc.cache_size, gram.nbytes / 2**21 + 1)
    return solver.fit(gram, y, sample_weight)


def support_decision(svc: SVC, X: np.ndarray) -> np.ndarray:
    """Compute the decision values of a fitted RBF `SVC` by matrix products.

    Parameters
    ----------
    svc : SVC
        Fitted, with an RBF kernel.
    X : ndarray of float64 of shape (n_rows, n_features)
        Rows.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_pairs)
        One value a row for two classes, else one a pair of classes.
    """
    weights = pair_weights(svc)
    decisions = np.empty((len(X), weights.shape[1]))
    for start in range(0, len(X), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        distances = squared_distances(X[rows], svc.support_vectors_)
        kernel = rbf_from_distances(distances, svc._gamma, out=distances)
        np.matmul(kernel, weights, out=decisions[rows])
    decisions += svc.intercept_
    return decisions[:, 0] if len(svc.classes_) == 2 else decisions


def pair_weights(svc: SVC) -> np.ndarray:
    """Return the weight of each support vector in the decision between each pair of classes.

    Parameters
    ----------
    svc : SVC
        Fitted.

    Returns
    -------
    ndarray of shape (n_support, n_pairs)
        Pairs in `SVC`'s order: (0, 1), (0, 2), ..., (1, 2), ...; positive for the first class of
        the pair, except with two classes, where it is positive for the second.
    """
    if len(svc.classes_) == 2:
        return np.ascontiguousarray(svc.dual_coef_.T)
    stop = np.cumsum(svc.n_support_)
    of_class = [slice(b - n, b) for b, n in zip(stop, svc.n_support_, strict=True)]
    first, second = np.triu_indices(len(svc.classes_), 1)
    weights = np.zeros((len(svc.support_), len(first)))
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        weights[of_class[i], pair] = svc.dual_coef_[j - 1, of_class[i]]
        weights[of_class[j], pair] = svc.dual_coef_[i, of_class[j]]
    return weights


def as_stock_svc(svc: SVC) -> SVC:
    """Return a plain scikit-learn `SVC` with the same parameters and the same fit.

    Parameters
    ----------
    svc : RbfSVC
        Fitted.

    Returns
    -------
    SVC
        Shares the arrays of `svc`.
    """
    stock = _plain_svc(svc, kernel="rbf", gamma=svc._gamma)
    _copy_fit(svc, stock)
    return stock


def _copy_fit(source: SVC, target: SVC) -> None:
    """Give `target` what `source` learnt, and leave both their parameters."""
    parameters = {**source.get_params(), **target.get_params()}
    for name, value in vars(source).items():
        if name not in parameters:
            setattr(target, name, value)


def _plain_svc(svc: SVC, **changed: Any) -> SVC:
    """Return an unfitted stock `SVC` with the parameters of `svc` that it knows."""
    known = SVC().get_params()
    parameters = {k: v for k, v in svc.get_params().items() if k in known and k != "probability"}
    return SVC(**{**parameters, **changed})


def _votes(pairs: np.ndarray, n_classes: int) -> np.ndarray:
    """Count for each class the pairs that it wins."""
    first, second = np.triu_indices(n_classes, 1)
    votes = np.zeros((len(pairs), n_classes))
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        won = pairs[:, pair] > 0
        votes[:, i] += won
        votes[:, j] += ~won
    return votes


def one_vs_rest(pairs: np.ndarray, n_classes: int) -> np.ndarray:
    """Turn decisions between pairs of classes into `SVC`'s one-vs-rest values.

    Parameters
    ----------
    pairs : ndarray of shape (n_rows,) or (n_rows, n_pairs)
        As `support_decision` gives them.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_rows,) for two classes, else (n_rows, n_classes)
        Votes, and within a tie the summed decision values.
    """
    if n_classes == 2:
        return pairs.reshape(len(pairs))
    first, second = np.triu_indices(n_classes, 1)
    confidence = np.zeros((len(pairs), n_classes))
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        confidence[:, i] += pairs[:, pair]
        confidence[:, j] -= pairs[:, pair]
    # scikit-learn's monotonic squeeze to (-1/3, 1/3): no confidence outweighs a vote.
    return _votes(pairs, n_classes) + confidence / (3 * (np.abs(confidence) + 1))
