"""Tables of a recipe file: their keys are checked, and an error names the key."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

__all__ = ["as_step", "check_keys", "wrong_key"]

Step = TypeVar("Step")


def as_step(name: str, step: type[Step], content: Any) -> Step:
    """Make a step of a table.

    Parameters
    ----------
    name : str
        Name of the table, for messages.
    step : type
        A dataclass.
    content : mapping
        Its settings.

    Raises
    ------
    ValueError
        If it is no table, or a key or value is wrong.
    """
    if not isinstance(content, Mapping):
        raise wrong_key(name, content, "a table")
    fields = [field for field in dataclasses.fields(step) if field.init]  # type: ignore[arg-type]
    required = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    check_keys(name, content, [field.name for field in fields], needed=required)
    try:
        return step(**content)
    except TypeError as error:
        raise ValueError(f"The table [{name}] of the recipe is wrong: {error}") from None


def check_keys(
    table: str, content: Mapping[str, Any], known: Iterable[str], *, needed: Iterable[str] = ()
) -> None:
    """Refuse keys that are unknown, and tables that lack one.

    Parameters
    ----------
    table : str
        Name of the table; empty for the top of the file.
    content : mapping
    known, needed : iterable of str
    """
    where = f"The table [{table}] of the recipe" if table else "The recipe"
    known = list(known)
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise ValueError(f"{where} has unknown keys {unknown}; it may have {known}.")
    missing = sorted(set(needed) - set(content))
    if missing:
        raise ValueError(f"{where} lacks {missing}.")


def wrong_key(key: str, value: Any, allowed: str) -> ValueError:
    """Return the error that names a key, its value, and what it may be."""
    return ValueError(f"{key!r} of the recipe must be {allowed}. Got {value!r} instead.")
