"""Class names that somebody probably meant to be one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

__all__ = ["like_names", "warn_of_like_names"]


def like_names(class_names: Sequence[str]) -> list[tuple[str, ...]]:
    """List the class names that differ only in case, or in spaces and hyphens inside.

    A sign at the end has a meaning: "CD10+" and "CD10-" are two.

    Parameters
    ----------
    class_names : sequence of str
        The names.

    Returns
    -------
    list of tuple of str

    Examples
    --------
    >>> like_names(["Blast", "blast", "Pre-B", "pre b", "pro-B"])
    [('Blast', 'blast'), ('Pre-B', 'pre b')]
    """
    alike: dict[str, list[str]] = {}
    for name in class_names:
        alike.setdefault(re.sub(r"[\s_-]+(?=.)", "", name.casefold()), []).append(name)
    return [tuple(names) for names in alike.values() if len(names) > 1]


def warn_of_like_names(class_names: Sequence[str], source: object) -> None:
    """Warn that one class may stand there as two.

    Parameters
    ----------
    class_names : sequence of str
        The names that were found, not those that somebody gave.
    source : object
        Where they stand, for the message.
    """
    for names in like_names(class_names):
        warnings.warn(
            f"'{source}' has the classes {' and '.join(map(repr, names))}, which differ only in how "
            "they are written: each is a class of its own. If they are one, write them alike, or "
            "load with 'class_names'.",
            UserWarning,
            stacklevel=3,
        )
