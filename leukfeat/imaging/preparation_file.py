"""A preparation in a file: written by hand as TOML, or by leukfeat as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from leukfeat.atomic_file import written_whole
from leukfeat.file_kind import not_a_file
from leukfeat.imaging.preparation import PREPARATION_VERSION, Preparation

__all__ = ["preparation_from", "read_preparation", "read_steps", "write_preparation"]

_MAX_BYTES = 1 << 20


def read_preparation(path: str | os.PathLike[str]) -> Preparation:
    """Read a preparation from a JSON or TOML file.

    Parameters
    ----------
    path : path-like
        A file ending in ``.json`` or ``.toml``, with a list ``steps``. A step is a name, a list
        of a name and its arguments, or a table with ``name`` and the arguments::

            [[steps]]
            name = "shades_of_gray"
            power = 6

        Fitted stain normalisers come from :func:`fit_preparation` and :func:`write_preparation`,
        or from ``leukfeat prepare``.

    Returns
    -------
    Preparation

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it has another ending, is not read as such, was written by a newer leukfeat, or a step
        is unknown; the message names the file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "preparation.toml")
    >>> _ = path.write_text('steps = ["gray_world", {name = "median_blur", size = 5}]')
    >>> read_preparation(path)
    Preparation(gray_world -> median_blur(size=5))
    """
    path = _checked(path)
    with _named(path):
        return preparation_from(_content(path))


def read_steps(path: str | os.PathLike[str]) -> list[tuple[str, dict[str, Any]]]:
    """Read the steps of a file as they are: those that are learnt from images may not be yet.

    Parameters
    ----------
    path : path-like
        As for :func:`read_preparation`.

    Returns
    -------
    list of (str, dict)
        Name and arguments, for :func:`leukfeat.imaging.fit_preparation`.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`read_preparation`; whether a step is known is not looked at.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "steps.toml")
    >>> _ = path.write_text('steps = ["gray_world", {name = "macenko", percentile = 2}]')
    >>> read_steps(path)
    [('gray_world', {}), ('macenko', {'percentile': 2})]
    """
    path = _checked(path)
    with _named(path):
        steps = json.loads(_canonical(_content(path)))["steps"]
    return [(name, arguments) for name, arguments in steps]


def preparation_from(content: Any) -> Preparation:
    """Make a preparation of what a JSON or TOML file holds.

    Parameters
    ----------
    content : dict
        With a list ``steps``, and perhaps a ``version``; see :func:`read_preparation`.

    Returns
    -------
    Preparation

    Raises
    ------
    ValueError
        If it is something else, was written by a newer leukfeat, or a step is unknown.

    Examples
    --------
    >>> preparation_from({"steps": [{"name": "median_blur", "size": 5}]})
    Preparation(median_blur(size=5))
    """
    return Preparation.from_json(_canonical(content))


def write_preparation(preparation: Preparation, path: str | os.PathLike[str]) -> Path:
    """Write a preparation, with all that its stain normalisers learnt, as JSON.

    Parameters
    ----------
    preparation : Preparation
    path : path-like
        A file ending in ``.json``; one that is there is replaced whole.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If the ending is another one.

    Examples
    --------
    >>> import tempfile
    >>> path = write_preparation(Preparation("invert"), Path(tempfile.mkdtemp(), "invert.json"))
    >>> read_preparation(path)
    Preparation(invert)
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        raise ValueError(f"A preparation is written as .json. Got '{path}' instead.")
    with written_whole(path) as partial:
        partial.write_text(preparation.to_json() + "\n", encoding="utf-8")
    return path


def _checked(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix.lower() not in (".json", ".toml"):
        raise ValueError(
            f"The preparation file '{path}' must end in .json or .toml. Got {path.suffix!r} instead."
        )
    kind = not_a_file(path)
    if kind is not None:
        raise ValueError(f"The preparation file '{path}' is {kind}, not a file.")
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no preparation file '{path}'. leukfeat.imaging.write_preparation writes one."
        )
    return path


def _content(path: Path) -> Any:
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"it has more than {_MAX_BYTES} bytes.")
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"The preparation file '{path}' cannot be used: {error}") from error


def _canonical(content: Any) -> str:
    if not isinstance(content, dict) or not isinstance(content.get("steps"), list):
        raise ValueError("it needs a list 'steps'.")
    unknown = sorted(set(content) - {"version", "steps"})
    if unknown:
        raise ValueError(f"it holds {unknown}, and only 'version' and 'steps' are known.")
    version = content.get("version", PREPARATION_VERSION)
    return json.dumps({"version": version, "steps": [_pair(step) for step in content["steps"]]})


def _pair(step: Any) -> list[Any]:
    if isinstance(step, str):
        return [step, {}]
    if isinstance(step, dict) and isinstance(step.get("name"), str):
        return [step["name"], {key: value for key, value in step.items() if key != "name"}]
    if isinstance(step, list) and [type(part) for part in step] == [str, dict]:
        return step
    raise ValueError(
        "a step must be a name, a list of a name and its arguments, or a table with 'name'. "
        f"Got {step!r} instead."
    )
