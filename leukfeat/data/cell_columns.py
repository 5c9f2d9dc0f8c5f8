"""What may stand in the columns of a dataset."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "UNLABELLED",
    "as_text",
    "checked_images",
    "checked_labels",
    "encode_labels",
    "label_text",
    "label_texts",
    "object_column",
]

UNLABELLED = -1
"""The label of a cell whose class is not known (scikit-learn's convention)."""


def object_column(values: Iterable[Any]) -> pd.Series:
    """Make an object column, one entry a value, whatever the values are."""
    # Filled one by one: numpy would stack equal-sized images into one block.
    listed = list(values)
    column = np.empty(len(listed), object)
    for i, value in enumerate(listed):
        column[i] = value
    return pd.Series(column, dtype=object)


def checked_images(images: list[Any]) -> pd.Series:
    """Return paths as ``str`` and arrays as they are; refuse anything else."""
    checked: list[Any] = []
    for i, image in enumerate(images):
        if isinstance(image, np.ndarray):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(
                    f"Image {i} must be RGB uint8 of shape (height, width, 3). Got {image.dtype} "
                    f"of shape {image.shape} instead; convert it first (a float image in [0, 1] "
                    "times 255, a grey one repeated three times, BGR reversed)."
                )
            checked.append(image)
        elif isinstance(image, (str, os.PathLike)):
            checked.append(os.fspath(image))
        else:
            raise ValueError(
                f"Image {i} must be a path or an RGB uint8 array. Got {type(image).__name__}."
            )
    return object_column(checked)


def checked_labels(labels: pd.Series, class_names: tuple[str, ...]) -> pd.Series:
    """Return labels as integers, -1 where missing; refuse those outside the class names."""
    filled = labels.astype(object).where(labels.notna(), UNLABELLED)
    try:
        numbers = filled.astype(np.int64)
    except (TypeError, ValueError):
        raise ValueError(
            "The column 'label' must hold integers (indices into class_names). Got "
            f"{sorted({str(v) for v in labels})[:5]}; use CellDataset.from_arrays to encode names."
        ) from None
    top = len(class_names) if class_names else np.inf
    wrong = (numbers < UNLABELLED) | (numbers >= top) | (numbers != filled)
    if wrong.any():
        raise ValueError(
            f"Labels must be -1 or from 0 to {len(class_names) - 1} ({class_names}). "
            f"Row {int(np.flatnonzero(wrong)[0])} has {labels[wrong].iloc[0]!r}."
        )
    return numbers


def encode_labels(
    labels: Iterable[Any], class_names: Sequence[str] | None
) -> tuple[pd.Series, tuple[str, ...]]:
    """Turn names, numbers or booleans into indices, and return the class names too."""
    series = labels if isinstance(labels, pd.Series) else pd.Series(labels)  # type: ignore[arg-type, call-overload]
    missing = series.isna().to_numpy()
    values = series.to_numpy(object)
    known = [v for v, gone in zip(values, missing, strict=True) if not gone]
    # A missing label makes pandas turn the integers beside it into floats.
    integers = all(
        isinstance(v, (int, np.integer, float, np.floating))
        and not isinstance(v, bool)
        and float(v).is_integer()
        for v in known
    )
    if class_names is not None and integers:
        return series.where(~missing, UNLABELLED), tuple(class_names)
    if class_names is None and isinstance(series.dtype, pd.CategoricalDtype):
        class_names = [str(c) for c in series.cat.categories]
    names = tuple(
        class_names or sorted({label_text(v) for v in known}, key=(int if integers else None))
    )
    position: Mapping[str, int] = {name: i for i, name in enumerate(names)}
    unknown = sorted({label_text(v) for v in known} - set(names))
    if unknown:
        raise ValueError(f"'labels' holds {unknown}, not among the class names {names}.")
    codes = [
        UNLABELLED if m else position[label_text(v)] for v, m in zip(values, missing, strict=True)
    ]
    return pd.Series(codes, dtype=np.int64), names


def label_text(value: Any) -> str:
    """Return the one text by which a subject or group is known, whatever its type.

    Parameters
    ----------
    value : object
        A text or a number.

    Returns
    -------
    str

    Examples
    --------
    A missing value beside them makes pandas turn integers into floats:

    >>> label_text(3), label_text(3.0), label_text("3")
    ('3', '3', '3')
    """
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def label_texts(values: Any) -> np.ndarray:
    """Return labels as ``str``, missing ones as ``None``.

    Parameters
    ----------
    values : array-like of shape (n,)

    Returns
    -------
    ndarray of object of shape (n,)

    Examples
    --------
    >>> label_texts([1.0, None, "H3", ""])
    array(['1', None, 'H3', None], dtype=object)
    """
    texts = np.array(values, dtype=object, copy=True)
    missing = pd.isna(texts) | (texts == "")
    texts[missing] = None
    if pd.api.types.infer_dtype(texts, skipna=True) not in ("string", "empty"):
        texts[~missing] = [label_text(value) for value in texts[~missing]]
    return texts


def as_text(column: pd.Series) -> pd.Series:
    """Return a column as ``str`` or ``None``."""
    return pd.Series(label_texts(column), index=column.index, dtype=object)
