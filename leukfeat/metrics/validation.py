"""Numbers as the metrics take them: shares from 0 to 1, counts, and arrays that hold no gaps.

A figure of merit of a ``nan`` is a number like any other to look at, and a rate of 95 where 0.95 was
meant gives a prevalence without a complaint. Both are refused here, with what to do.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

__all__ = [
    "binary_labels",
    "check_count",
    "check_share",
    "class_labels",
    "class_probabilities",
    "finite_values",
]

Array = np.ndarray

_SUM_ERROR = 1e-3
"""How far the probabilities of a cell may be from a sum of 1: half precision reaches that."""


def _number(name: str, value: Any) -> float:
    if not isinstance(value, numbers.Real | np.number | np.bool_):
        raise TypeError(f"'{name}' must be a number. Got {value!r} instead; give one number.")
    return float(value)


def _percent(value: float) -> str:
    return f" Did you mean {value / 100:g}?" if 1 < value <= 100 else ""


def check_share(name: str, value: Any) -> None:
    """Raise if a number is no share.

    Parameters
    ----------
    name : str
        What the caller's parameter is called.
    value : float
        A rate, such as a sensitivity.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is not from 0 to 1, or not finite.
    """
    value = _number(name, value)
    if not np.isfinite(value):
        raise ValueError(
            f"'{name}' must be a share from 0 to 1. Got {value} instead: nothing can be said with a "
            "rate that is not known. Estimate it first, on cells whose class is known."
        )
    if not 0 <= value <= 1:
        remedy = _percent(value) or " Give a share, not a percentage or a count."
        raise ValueError(f"'{name}' must be a share from 0 to 1. Got {value:g} instead.{remedy}")


def check_count(name: str, value: Any, least: float = 0, *, whole: bool = True) -> None:
    """Raise if a number counts nothing.

    Parameters
    ----------
    name : str
        What the caller's parameter is called.
    value : float
        A number of cells, subjects or trials.
    least : float, default=0
        Smallest number that makes sense.
    whole : bool, default=True
        Whether it must be a whole number; a number of effective trials is none.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is too small, not finite, or no whole number.
    """
    value = _number(name, value)
    kind = "a whole number" if whole else "a number"
    wanted = f"'{name}' must be {kind} of {least:g} or more."
    if not np.isfinite(value):
        raise ValueError(
            f"{wanted} Got {value} instead. Count again without what is not known, or give a large "
            "number (1e9) for what is known exactly."
        )
    if value < least:
        raise ValueError(f"{wanted} Got {value:g} instead. Nothing can be judged by so few.")
    if whole and value != int(value):
        raise ValueError(f"{wanted} Got {value:g} instead. Give the count, not a share of it.")


def finite_values(name: str, values: Any, remedy: str, *, shape: tuple[int, ...] = ()) -> Array:
    """Return numbers as an array, all of them finite.

    Parameters
    ----------
    name : str
        What the caller's parameter is called.
    values : array-like of float
        Scores, differences or weights.
    remedy : str
        What to do about one that is not finite, as a sentence.
    shape : tuple of int, optional
        Shape that the array must have.

    Returns
    -------
    ndarray of float64

    Raises
    ------
    ValueError
        If a value is ``nan`` or infinite, or the shape is another.
    """
    found = np.asarray(values, float)
    if shape and found.shape != shape:
        raise ValueError(
            f"'{name}' must have shape {shape}, one entry a row of the others. "
            f"Got shape {found.shape} instead."
        )
    lost = int((~np.isfinite(found)).sum())
    if lost:
        which = "nan" if np.isnan(found).any() else "infinite"
        raise ValueError(
            f"'{name}' must hold finite numbers. Got {lost} of {found.size} that are {which}. {remedy}"
        )
    return found


def class_labels(name: str, labels: Any, n_classes: int) -> Array:
    """Return labels as integers, each the number of a class.

    Parameters
    ----------
    name : str
        What the caller's parameter is called.
    labels : array-like of int of shape (n_cells,)
        Classes, or 0 and 1.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of int64 of shape (n_cells,)

    Raises
    ------
    ValueError
        If there are no labels, or one is not from 0 to ``n_classes - 1``.
    """
    given = np.asarray(labels)
    if given.ndim != 1 or not len(given):
        raise ValueError(
            f"'{name}' must hold one label a cell, of one cell at least. Got shape {given.shape}."
        )
    numbers = given.astype(float) if given.dtype.kind in "biuf" else None
    if numbers is None or not np.isin(numbers, np.arange(n_classes)).all():
        others = [v for v in dict.fromkeys(given.tolist()) if v not in range(n_classes)]
        raise ValueError(
            f"'{name}' must hold classes from 0 to {n_classes - 1}. Got {others[:3]} among them. Give "
            "the numbers of the classes, and leave out cells without a label (-1)."
        )
    return numbers.astype(np.int64)


def binary_labels(name: str, labels: Any) -> Array:
    """Return labels of 0 and 1 as integers.

    Parameters
    ----------
    name : str
        What the caller's parameter is called.
    labels : array-like of int or bool of shape (n_cells,)
        1 for positive cells, 0 for the others.

    Returns
    -------
    ndarray of int64 of shape (n_cells,)

    Raises
    ------
    ValueError
        If there are no labels, or one is neither 0 nor 1.
    """
    return class_labels(name, labels, 2)


def class_probabilities(name: str, values: Any, *, sum_to_one: bool = True) -> Array:
    """Return the probabilities of each cell's classes as an array.

    Parameters
    ----------
    name : str
        What the caller's parameter is called.
    values : array-like of float of shape (n_cells, n_classes)
        Probabilities.
    sum_to_one : bool, default=True
        Whether those of a cell must sum to 1.

    Returns
    -------
    ndarray of float64 of shape (n_cells, n_classes)

    Raises
    ------
    ValueError
        If the array has another number of dimensions or no cell, holds a value that is not from 0
        to 1, or the sum of a cell is not 1.
    """
    found = finite_values(name, values, "Leave these cells out, or predict them again.")
    if found.ndim != 2 or not found.size:
        raise ValueError(
            f"'{name}' must have shape (n_cells, n_classes), with a cell at least. "
            f"Got shape {found.shape} instead."
        )
    if found.min() < 0 or found.max() > 1:
        percent = found.min() >= 0 and np.allclose(found.sum(1), 100, atol=1)
        remedy = (
            "Divide percentages by 100." if percent else "These are scores: calibrate the head."
        )
        raise ValueError(
            f"'{name}' must be from 0 to 1. Got {found.min():.3g} to {found.max():.3g}. {remedy}"
        )
    off = np.abs(found.sum(1) - 1)
    if sum_to_one and off.max() > _SUM_ERROR:
        raise ValueError(
            f"The probabilities of a cell must sum to 1. Got {found.sum(1)[off.argmax()]:.3g} in row "
            f"{off.argmax()} of '{name}'. Give every class a column, or divide rows by their sum."
        )
    return found
