"""Tables of a recipe file: their keys are checked, and an error names the key."""

from __future__ import annotations

import dataclasses
import numbers
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

__all__ = ["as_kind", "as_step", "check_keys", "wrong_key"]

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
        Its settings. TOML knows no null: ``false`` stands for none where none is allowed.

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
    kinds = typing.get_type_hints(step)
    settings = {key: as_kind(f"{name}.{key}", value, kinds[key]) for key, value in content.items()}
    try:
        return step(**settings)
    except TypeError as error:
        raise ValueError(f"The table [{name}] of the recipe is wrong: {error}") from None


def as_kind(key: str, value: Any, kind: Any) -> Any:
    """Return a value of a kind, or raise the error that names its key.

    Parameters
    ----------
    key : str
        For the message.
    value : object
        As it stands in the file.
    kind : type
        Annotation of the setting.
    """
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if any(_is_of(value, one) for one in kinds):
        return value
    if value is False and type(None) in kinds:
        return None
    words = [_in_words(one) for one in kinds if one is not type(None)]
    if type(None) in kinds:
        words.append("false for none")
    raise wrong_key(key, value, " or ".join(words))


def _is_of(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    if typing.get_origin(kind) is tuple:
        one = typing.get_args(kind)[0]
        return isinstance(value, list | tuple) and all(_is_of(item, one) for item in value)
    if dataclasses.is_dataclass(kind):
        return isinstance(value, Mapping | kind)  # type: ignore[arg-type]
    if kind is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return isinstance(value, kind)


def _in_words(kind: Any) -> str:
    if typing.get_origin(kind) is tuple:
        return f"a list, each {_in_words(typing.get_args(kind)[0])}"
    if dataclasses.is_dataclass(kind):
        return "a table"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[kind]


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
