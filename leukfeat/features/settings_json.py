"""Settings as canonical JSON, so written that a setting of tomorrow renames no store of today."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["LATER_SETTINGS", "canonical_json", "checked_settings", "plain_settings"]

LATER_SETTINGS: dict[str, dict[str, Any]] = {
    "FeatureSpec": {"preprocessing": None, "calibration": None},
    "HandcraftedSpec": {"preparation": None},
    "JoinedSpec": {},
    "TextureSettings": {},
}
"""Settings that came after the first stores, and the value that those stores stand for.

A setting that has this value is left out of the JSON, and one that is left out has this value. So
stores that are older than a setting keep their name and their digest. Whoever adds a field to one
of these classes adds it here, with its default; an entry is never changed or removed.
"""


def plain_settings(settings: Any) -> dict[str, Any]:
    """Return the fields of a dataclass as plain values, but for later ones at their first value.

    Parameters
    ----------
    settings : dataclass instance
        Those within it are treated in the same way.

    Returns
    -------
    dict

    Examples
    --------
    >>> from leukfeat import FeatureSpec
    >>> "preprocessing" in plain_settings(FeatureSpec())
    False
    """
    later = LATER_SETTINGS.get(type(settings).__name__, {})
    plain = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in later and value == later[field.name]:
            continue
        plain[field.name] = plain_settings(value) if dataclasses.is_dataclass(value) else value
    return plain


def canonical_json(plain: Mapping[str, Any]) -> str:
    """Return JSON with sorted keys and no white space.

    Examples
    --------
    >>> canonical_json({"b": (1, 2), "a": None})
    '{"a":null,"b":[1,2]}'
    """
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def checked_settings(given: Mapping[str, Any], kind: type, *, newest: int | None) -> dict[str, Any]:
    """Return settings that were read, with the later ones that are left out.

    Parameters
    ----------
    given : mapping
        As :func:`plain_settings` gave them, perhaps through JSON.
    kind : type
        The dataclass.
    newest : int or None
        Highest ``version`` known; ``None`` where the settings carry none.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If a setting is not known, or the version is higher: a newer leukfeat wrote them.

    Examples
    --------
    >>> from leukfeat import FeatureSpec
    >>> checked_settings({"sharpening": 1}, FeatureSpec, newest=1)
    Traceback (most recent call last):
    ValueError: This feature spec (version None, unknown settings ['sharpening']) was written by a
    newer leukfeat; install that version to use it.
    """
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = sorted(set(given) - known)
    version = given.get("version")
    if unknown or (newest is not None and version is not None and version > newest):
        raise ValueError(
            f"This feature spec (version {version}, unknown settings {unknown}) was written by a "
            "newer leukfeat; install that version to use it."
        )
    return {**LATER_SETTINGS.get(kind.__name__, {}), **given}
