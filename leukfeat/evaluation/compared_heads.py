"""The heads that are compared: their names, and what can be told of them before they are fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leukfeat.evaluation.controls import CONTROL_NAMES
from leukfeat.evaluation.provenance import name_of
from leukfeat.heads import Head
from leukfeat.heads.registry import check_head_name

__all__ = ["named_heads", "own_folds_notes"]


def named_heads(heads: Any, *, random_state: Any = 0, **settings: Any) -> dict[str, Any]:
    """Return unfitted heads under their names.

    Parameters
    ----------
    heads : str, Head, or a sequence or mapping of them
        What to compare.
    random_state : int, RandomState or None, default=0
        Seed of heads given by name.
    **settings
        Further settings of heads given by name.

    Returns
    -------
    dict of str to estimator

    Raises
    ------
    ValueError
        If two bear the same name, or there is none; if settings are given and no head by name;
        or if a `Head` stands inside another estimator, which would fit it without subjects.
    """
    if isinstance(heads, Mapping):
        listed = [(str(name), head) for name, head in heads.items()]
    else:
        sequence = heads if isinstance(heads, Sequence) and not isinstance(heads, str) else [heads]
        listed = [(h if isinstance(h, str) else name_of(h), h) for h in sequence]
    names = [name for name, _ in listed]
    twice = sorted({name for name in names if names.count(name) > 1})
    reserved = sorted(set(names) & set(CONTROL_NAMES.values()))
    if twice or reserved or not listed:
        raise ValueError(
            "The 'heads' parameter must give each head a name of its own, none of "
            f"{list(CONTROL_NAMES.values())}. Got {names}; give a mapping of names to heads."
        )
    by_name = [head for _, head in listed if isinstance(head, str)]
    if settings and not by_name:
        raise ValueError(
            f"{sorted(settings)} are settings of heads given by name, and none is: got {names} as "
            "estimators. Set them on these: Head('svm', threshold=0.9)."
        )
    for name in by_name:
        check_head_name(name)
    for name, head in listed:
        for inner in _own_parameters(head):
            if hasattr(inner[1], "check_spec"):
                raise ValueError(
                    f"{name!r} holds a {type(inner[1]).__name__} as {inner[0]!r}. Inside another "
                    "estimator it would be tuned and calibrated by cell, without subjects: put the "
                    "steps into the Head instead, Head(make_pipeline(..., SVC()))."
                )
    return {
        name: Head(head, random_state=random_state, **settings) if isinstance(head, str) else head
        for name, head in listed
    }


def own_folds_notes(heads: Mapping[str, Any]) -> tuple[str, ...]:
    """Say which classifiers divide their training cells themselves, and not by subject.

    Parameters
    ----------
    heads : mapping of str to estimator
        As :func:`named_heads` returns them.

    Returns
    -------
    tuple of str
    """
    return tuple(
        f"training: {name} divides its training cells by folds of its own, not by subject; "
        "leukfeat.Head tunes and calibrates by subject"
        for name, head in heads.items()
        if any(key.split("__")[-1] == "cv" for key, _ in _own_parameters(head))
    )


def _own_parameters(head: Any) -> Iterator[tuple[str, Any]]:
    """Yield every parameter of an estimator that is no `Head` itself, of its parts too."""
    if hasattr(head, "get_params") and not hasattr(head, "check_spec"):
        yield from head.get_params(deep=True).items()
