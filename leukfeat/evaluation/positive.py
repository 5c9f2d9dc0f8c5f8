"""Which of two classes is the positive one: settled once for every row of a result."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from numbers import Integral
from typing import Any

from leukfeat.features import FeatureSet

__all__ = ["settle_positive"]


def settle_positive(cells: FeatureSet, heads: Iterable[Any]) -> tuple[FeatureSet, tuple[str, ...]]:
    """Name the positive class of two, and say so where nobody did.

    Parameters
    ----------
    cells : FeatureSet
        Labelled cells; their own positive class comes first.
    heads : iterable of estimator
        Asked in turn where the cells name none: ``positive_`` of a fitted `Head`, ``positive``
        of an unfitted one.

    Returns
    -------
    cells : FeatureSet
        With two classes and their ``positive`` set; else as they were.
    notes : tuple of str
        What a result must say.

    Raises
    ------
    ValueError
        If two heads name different classes: their sensitivities could not be compared.
    """
    names = cells.class_names
    if not names and cells.y is not None and cells.y.max(initial=0) == 1:
        names = ("0", "1")
    if cells.positive is not None or len(names) != 2:
        return cells, ()
    asked = list(heads)
    told = {name: head for head in asked if (name := _told(head, names)) is not None}
    if len(told) > 1:
        raise ValueError(
            f"The heads take different classes for the positive one ({list(told)}), and their "
            "sensitivities could not be compared. Give all the same 'positive', or name it where "
            "the cells are loaded."
        )
    settled = copy.copy(cells)
    settled.class_names = names
    settled.positive = next(iter(told), names[-1])
    if any(getattr(head, "positive", None) is not None for head in asked):
        return settled, ()
    whose = "the head's own" if told else "the last by name"
    return settled, (
        f"the positive class was not given: {settled.positive!r}, {whose}, is taken, and "
        "sensitivity is that of finding it (give positive=...)",
    )


def _told(head: Any, names: tuple[str, ...]) -> str | None:
    """Return the name of the class that a head takes for the positive one, if it was told."""
    fitted = getattr(head, "positive_", None)
    if fitted is not None:
        label, own = fitted, getattr(head, "class_names_", None)
        known = [str(one) for one in head.classes_]
        if own is not None and str(label) in known:
            label = own[known.index(str(label))]
    else:
        label = getattr(head, "positive", None)
    if label is None:
        return None
    if str(label) in names:
        return str(label)
    # A label of a FeatureSet is the place of its name.
    place = int(label) if isinstance(label, Integral) else -1
    return names[place] if 0 <= place < len(names) else None
