"""Every figure of merit of one set of predictions, each with its values without a subject."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from leukfeat.metrics import confusion
from leukfeat.metrics.jackknife import Scale, SubjectStatistic, average
from leukfeat.metrics.ranking import auroc_by_subject, average_precision_by_subject
from leukfeat.metrics.subjects import SubjectIndex, index_subjects
from leukfeat.metrics.validation import finite_values

__all__ = ["OVER_SUBJECTS", "figures_of_merit"]

Array = np.ndarray
Over = Literal["cells", "subjects"]

OVER_SUBJECTS = ("accuracy", "balanced_accuracy", "sensitivity", "specificity", "auroc")
"""Figures that are also given with every subject of a class counting the same."""

_BLOCKS = 400


def figures_of_merit(
    y: Any,
    predicted: Any,
    probabilities: Any = None,
    subjects: Any = None,
    *,
    class_names: Sequence[str] = ("0", "1"),
    positive: int | None = 1,
    over: Over = "cells",
) -> dict[str, SubjectStatistic]:
    """Compute the figures of merit, each ready for an interval by subject.

    Parameters
    ----------
    y, predicted : array-like of int of shape (n_cells,)
        True and predicted classes, 0 to ``n_classes - 1``.
    probabilities : array-like of float of shape (n_cells, n_classes), optional
        Scores of the classes, higher for the class; without them there are no areas.
    subjects : array-like of shape (n_cells,), optional
        Subject of each cell. Without them cells are taken as independent, which makes
        intervals too narrow; each interval then says so.
    class_names : sequence of str, default=("0", "1")
        Names of the classes.
    positive : int or None, default=1
        The positive class of two; without it, or with more classes, sensitivity, specificity
        and the areas are given for each class against the rest, and the areas' mean.
    over : {"cells", "subjects"}, default="cells"
        "cells": every cell counts the same. "subjects": every subject counts the same within
        each class, so sensitivity is the mean over subjects and AUROC the mean over pairs of
        subjects; only `OVER_SUBJECTS` are given.

    Returns
    -------
    dict of str to SubjectStatistic
        Keyed by name: ``"accuracy"``, ``"balanced_accuracy"``, ``"weighted_f1"``,
        ``"macro_f1"``, ``"mcc"``, ``"sensitivity"``, ``"specificity"``, ``"precision"``,
        ``"auroc"``, ``"auprc"``; for many classes also ``"sensitivity[name]"`` and so on.

    Raises
    ------
    ValueError
        If lengths differ, a label is outside the classes, or a probability is not finite.

    Examples
    --------
    >>> from leukfeat.metrics import figures_of_merit
    >>> figures = figures_of_merit(
    ...     [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0],
    ...     subjects=["H1", "H1", "H2", "1", "2", "2"])
    >>> print(figures["specificity"].interval().estimate)
    0.666...
    """
    y, predicted = np.asarray(y, np.int64), np.asarray(predicted, np.int64)
    n_classes = len(class_names)
    index = index_subjects(subjects, len(y))
    _check(y, predicted, probabilities, n_classes, over, index)
    weights = None if over == "cells" else _equal_subjects(y, index, n_classes)
    scores = None
    if probabilities is not None:
        remedy = "Leave these cells out, or predict them again."
        scores = finite_values("probabilities", probabilities, remedy)

    def computed(units: SubjectIndex) -> dict[str, SubjectStatistic]:
        return _figures(y, predicted, scores, units, weights, class_names, positive)

    figures = computed(index)
    if index.known and len(np.unique(index.codes * n_classes + y)) > index.count:
        # Subjects hold several classes: what each class adds to the spread.
        _, apart = np.unique(index.codes * n_classes + y, return_inverse=True)
        each = computed(SubjectIndex(apart, (), int(apart.max()) + 1, known=True))
        figures = {
            name: dataclasses.replace(one, by_class=each[name]) for name, one in figures.items()
        }
    if over == "subjects":
        return {k: v for k, v in figures.items() if k.split("[")[0] in OVER_SUBJECTS}
    return figures


def _figures(
    y: Array,
    predicted: Array,
    scores: Array | None,
    index: SubjectIndex,
    weights: Array | None,
    class_names: Sequence[str],
    positive: int | None,
) -> dict[str, SubjectStatistic]:
    n_classes, strata = len(class_names), index.strata(y)
    binary = n_classes == 2 and positive is not None
    named = _from_tables(n_classes, positive if binary else None, class_names)
    figures = _on_tables(y, predicted, index, strata, weights, n_classes, named)
    if scores is not None:
        for name in ("auroc",) if weights is not None else ("auroc", "auprc"):
            classes = [positive] if binary else range(n_classes)
            each = {
                c: _area(name, y == c, scores[:, c], index, strata, weights)
                for c in classes
                if c is not None
            }
            if binary:
                figures[name] = next(iter(each.values()))
                continue
            present = [area for c, area in each.items() if (y == c).any()]
            if present:
                figures[name] = average(present)
            figures.update({f"{name}[{class_names[c]}]": area for c, area in each.items()})
    return figures


def _check(
    y: Array, predicted: Array, scores: Any, n_classes: int, over: str, index: SubjectIndex
) -> None:
    if over not in ("cells", "subjects"):
        raise ValueError(f"'over' must be 'cells' or 'subjects'. Got {over!r} instead.")
    if over == "subjects" and not index.known:
        raise ValueError("over='subjects' needs 'subjects', the subject of each cell.")
    if predicted.shape != y.shape or y.ndim != 1 or not len(y):
        raise ValueError(
            "'y' and 'predicted' must have the same length, at least 1. "
            f"Got shapes {y.shape} and {predicted.shape}."
        )
    for name, values in (("y", y), ("predicted", predicted)):
        if values.min() < 0 or values.max() >= n_classes:
            raise ValueError(
                f"{name!r} must hold classes from 0 to {n_classes - 1}. "
                f"Got {values.min()} to {values.max()}; leave unlabelled cells out."
            )
    if scores is not None and np.shape(scores) != (len(y), n_classes):
        raise ValueError(
            f"'probabilities' must have shape {(len(y), n_classes)}. Got {np.shape(scores)}."
        )


def _equal_subjects(y: Array, index: SubjectIndex, n_classes: int) -> Array:
    share = index.codes * n_classes + y
    return 1.0 / np.bincount(share, minlength=index.count * n_classes)[share]


def _from_tables(
    n_classes: int, positive: int | None, names: Sequence[str]
) -> dict[str, tuple[Scale, int | None, bool, Callable[[Array], Array]]]:
    """Name to (scale, class that it stands on, whether on the others, function)."""
    named: dict[str, Any] = {
        "accuracy": ("logit", None, False, confusion.accuracy),
        "balanced_accuracy": ("logit", None, False, confusion.balanced_accuracy),
        "weighted_f1": ("logit", None, False, confusion.f1_score),
        "macro_f1": ("logit", None, False, lambda t: confusion.f1_score(t, "macro")),
        "mcc": ("fisher", None, False, confusion.matthews_correlation),
    }
    for c in range(n_classes) if positive is None else [positive]:
        suffix = f"[{names[c]}]" if positive is None else ""
        named[f"sensitivity{suffix}"] = ("logit", c, False, _of(confusion.sensitivity, c))
        named[f"specificity{suffix}"] = ("logit", c, True, _of(confusion.specificity, c))
        named[f"precision{suffix}"] = ("logit", None, False, _of(confusion.precision, c))
    return named


def _of(score: Callable[[Array, int], Array], c: int) -> Callable[[Array], Array]:
    return lambda table: score(table, c)


def _on_tables(
    y: Array,
    predicted: Array,
    index: SubjectIndex,
    strata: Array,
    weights: Array | None,
    n_classes: int,
    named: dict[str, tuple[Scale, int | None, bool, Callable[[Array], Array]]],
) -> dict[str, SubjectStatistic]:
    tables = confusion.confusion_by_subject(
        y, predicted, index.codes, n_classes=n_classes, n_subjects=index.count, weights=weights
    )
    total = tables.sum(0)
    support = tables.sum(-1)
    cells = np.bincount(y, minlength=n_classes)
    # Single cells have few distinct tables: evaluate each once.
    distinct: Array = tables
    where: Any = slice(None)
    if not index.known:
        kinds, where = np.unique(y * n_classes + predicted, return_inverse=True)
        distinct = np.eye(n_classes**2)[kinds].reshape(-1, n_classes, n_classes)
    left = np.maximum(total - distinct, 0.0)
    figures: dict[str, SubjectStatistic] = {}
    every = index.holders(y)
    for name, (scale, c, others, score) in named.items():
        if c is None:
            weight, n_cells = support.sum(-1), len(y)
            held = every
        elif others:
            weight, n_cells = np.delete(support, c, axis=1).sum(-1), len(y) - int(cells[c])
            held = (int((weight > 0).sum()),)
        else:
            weight, n_cells = support[:, c], int(cells[c])
            held = (int((weight > 0).sum()),)
        figures[name] = SubjectStatistic(
            estimate=float(score(total)),
            without=score(left)[where],
            weights=weight,
            strata=strata,
            scale=scale,
            n_cells=n_cells,
            unit="subject" if index.known else "cell",
            holders=held,
            alone=index.alone,
        )
    return figures


def _area(
    name: str, up: Array, score: Array, index: SubjectIndex, strata: Array, weights: Array | None
) -> SubjectStatistic:
    codes, count, unit = index.codes, index.count, "subject" if index.known else "cell"
    if name == "auprc" and not index.known and len(up) > _BLOCKS:
        # A sort for each of thousands of cells is too slow; independent cells may as well be
        # left out in blocks drawn at random.
        codes, count = np.random.default_rng(0).permutation(len(up)) % _BLOCKS, _BLOCKS
        strata = np.zeros(count, np.int64)
    compute = auroc_by_subject if name == "auroc" else average_precision_by_subject
    estimate, without = compute(
        up.astype(np.int64), score, codes, n_subjects=count, weights=weights
    )
    return SubjectStatistic(
        estimate=estimate,
        without=without,
        weights=np.bincount(codes, weights, minlength=count).astype(float),
        strata=strata,
        n_cells=len(up),
        unit=unit,  # type: ignore[arg-type]
        holders=index.holders(up.astype(np.int64)),
        alone=index.alone,
    )
