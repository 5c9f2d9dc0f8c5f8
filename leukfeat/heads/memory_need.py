"""How much memory a fit will take, said before it starts: a process that runs out is only killed."""

from __future__ import annotations

from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from .free_memory import free_memory
from .rbf_svc import MAX_GRAM_ROWS, RbfSVC

__all__ = ["check_memory", "memory_needed"]


def memory_needed(pipeline: Pipeline, n_rows: int, n_features: int) -> int:
    """Estimate what fitting a head takes beside the features themselves.

    Parameters
    ----------
    pipeline : Pipeline
        Unfitted.
    n_rows, n_features : int
        Shape of the training rows.

    Returns
    -------
    int
        Bytes: the rows brought to one scale, liblinear's copy of them in ``"linear_svm"``, and the
        kernel's matrices of ``"nystroem"`` and of an RBF SVM. Other heads take little more than
        their rows.

    Examples
    --------
    >>> from leukfeat.heads.registry import build_head
    >>> pipeline, _ = build_head("nystroem")
    >>> memory_needed(pipeline, 1_000_000, 16)
    8064000000
    """
    numbers = n_rows * n_features
    scaled = 4 * numbers
    # The scaler's variance: a copy in double precision, and where it is no number.
    scaling = 9 * numbers if "scaler" in pipeline.named_steps else scaled
    return max(scaling, scaled + _of_classifier(pipeline, n_rows, n_features))


def _of_classifier(pipeline: Pipeline, n_rows: int, n_features: int) -> int:
    numbers = n_rows * n_features
    kernel = pipeline.named_steps.get("kernel")
    if isinstance(kernel, Nystroem):
        # The kernel with the components, and its product with their root.
        return 2 * 4 * n_rows * min(n_rows, kernel.n_components)
    if isinstance(pipeline[-1], RbfSVC):
        if n_rows <= MAX_GRAM_ROWS:
            # Distances and kernel in double, libsvm's cache in single precision.
            return 20 * n_rows**2
        return 16 * numbers  # the rows in double precision, and most of them as support vectors
    if isinstance(pipeline[-1], LinearSVC):
        return 24 * numbers  # a list of places and values
    return 0


def check_memory(
    name: str,
    pipeline: Pipeline,
    n_rows: int,
    n_features: int,
    *,
    largest_fold: int = 0,
    at_once: int = 1,
) -> None:
    """Refuse a fit for which there is not enough memory.

    Parameters
    ----------
    name : str
        What the error calls the head.
    pipeline : Pipeline
        Unfitted.
    n_rows, n_features : int
        Shape of the training rows.
    largest_fold : int, default=0
        Most rows that an inner fold is fit on.
    at_once : int, default=1
        Folds fit at the same time on this machine.

    Raises
    ------
    MemoryError
        With what is needed, what is free, and what to do.
    """
    needed, free = memory_needed(pipeline, n_rows, n_features), free_memory()
    of_folds = at_once * memory_needed(pipeline, largest_fold, n_features)
    if free is None or max(needed, of_folds) <= free:
        return
    if needed <= free:
        raise MemoryError(
            f"{name} on {at_once} inner folds at once, of {largest_fold:,} rows of {n_features:,} "
            f"numbers, takes about {of_folds / 1e9:.1f} GB beside the features, and "
            f"{free / 1e9:.1f} GB are free. One after the other they fit: leave n_jobs out, or give "
            f"n_jobs={max(1, int(at_once * free / of_folds))}."
        )
    remedy = "Take 'linear_svm' or 'logistic_regression', fewer rows, or a larger machine."
    kernel = pipeline.named_steps.get("kernel")
    if isinstance(kernel, Nystroem):
        remedy = (
            f"Fewer than its {kernel.n_components} components need less: "
            "param_grid={'kernel__n_components': [200], 'C': [10.0]}. " + remedy
        )
    raise MemoryError(
        f"{name} on {n_rows:,} rows of {n_features:,} numbers takes about {needed / 1e9:.1f} GB "
        f"beside the features, and {free / 1e9:.1f} GB are free. {remedy}"
    )
