"""A fit that takes hours says so before it starts."""

from __future__ import annotations

import logging

from sklearn.pipeline import Pipeline

from .rbf_svc import MAX_GRAM_ROWS, RbfSVC

__all__ = ["tell_long_fit"]

logger = logging.getLogger("leukfeat")

TOLD = (
    "%s on %s rows: beyond %s an RBF SVM does without its whole kernel matrix, and each of its fits "
    "(%d candidates, each on every inner fold) takes time that grows with the square of the rows. "
    "'linear_svm' and 'logistic_regression' are heads for so many, 'nystroem' is one with this "
    "kernel; or fit on a draw of subjects."
)


def tell_long_fit(name: str, pipeline: Pipeline, n_rows: int, n_candidates: int) -> None:
    """Warn by the log where an RBF SVM has more rows than its kernel matrix is kept for.

    Parameters
    ----------
    name : str
        What the message calls the head.
    pipeline : Pipeline
        Unfitted.
    n_rows : int
        Training rows.
    n_candidates : int
        Settings that are tried.
    """
    if isinstance(pipeline[-1], RbfSVC) and n_rows > MAX_GRAM_ROWS:
        logger.warning(TOLD, name, f"{n_rows:,}", f"{MAX_GRAM_ROWS:,}", n_candidates)
