"""Classes as a user names them: by their names, or by their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leukfeat.data.cell_columns import label_text

__all__ = ["class_position", "named_weights"]


def class_position(told: Any, classes: np.ndarray, names: Sequence[str]) -> int | None:
    """Return the place of a class that a user named, by its name or by its label.

    Parameters
    ----------
    told : object
        A name, or a label. A name comes first: classes named ``("1", "2")`` have the labels 0
        and 1 in a `FeatureSet`, and 1 means the first.
    classes : ndarray of shape (n_classes,)
        Labels.
    names : sequence of str of length n_classes
        Their names.

    Returns
    -------
    int or None
        ``None`` if there is no such class.

    Examples
    --------
    >>> class_position(1, np.array([0, 1]), ("1", "2")), class_position(1, np.array([0, 1]), "ab")
    (0, 1)
    """
    text = label_text(told)
    if text in names:
        return list(names).index(text)
    known = classes.tolist()
    return known.index(told) if told in known else None


def named_weights(class_weight: Any, classes: np.ndarray, names: Sequence[str]) -> Any:
    """Return a ``class_weight`` parameter with labels for names.

    Parameters
    ----------
    class_weight : {"balanced"}, dict or None
        As in scikit-learn; the keys of a dict may be names of classes.
    classes : ndarray of shape (n_classes,)
        Labels.
    names : sequence of str of length n_classes
        Their names.

    Returns
    -------
    object
        A dict has labels for its keys; anything else as it was.

    Raises
    ------
    ValueError
        If a key is no class, or a class is named twice.

    Examples
    --------
    >>> named_weights({"all": 2.0}, np.array([0, 1]), ("all", "hem"))
    {0: 2.0}
    """
    if not isinstance(class_weight, dict):
        return class_weight
    places = [class_position(key, classes, names) for key in class_weight]
    unknown = [key for key, place in zip(class_weight, places, strict=True) if place is None]
    known = classes.tolist()
    if unknown or len(set(places)) < len(places):
        wrong = (
            f"'class_weight' names {unknown}" if unknown else "'class_weight' names a class twice"
        )
        raise ValueError(f"{wrong}, but the classes are {known} (named {list(names)}).")
    weights = class_weight.values()
    return {known[place]: weight for place, weight in zip(places, weights, strict=True)}  # type: ignore[index]
