"""What a command prints: a table for people, or JSON for programs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from leukfeat.cli.writing import write_picture, write_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_json_text", "printable", "say", "say_skipped", "say_written", "show", "write_figure"]

# What a terminal takes for an order (colours, titles, moving the cursor), and lone surrogates,
# which it cannot be sent.
_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    r"""Return text that a terminal only shows: names of files and patients may hold anything.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Line ends and tabs stay.

    Examples
    --------
    >>> print(printable("\x1b[31mred"))
    \x1b[31mred
    """
    return _ORDERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str) -> None:
    """Write a line for people, on standard error, where it does not mix with JSON or tables."""
    typer.echo(printable(text), err=True)


def say_skipped(skipped: pd.DataFrame) -> None:
    """List the images that were left out, one a line."""
    for path, reason in zip(skipped["path"], skipped["reason"], strict=True):
        say(f"left out: {path}: {reason}".replace("\n", r"\n"))


def say_written(paths: Sequence[Path]) -> None:
    """List the files that a command wrote, one a line; nothing where there are none."""
    if paths:
        say("\n".join(["Written:", *(f"  {path}" for path in paths)]))


def show(result: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print the result of a command on standard output.

    Parameters
    ----------
    result : mapping
        What a program wants to know. Missing and infinite numbers become ``null``, which is all
        that JSON has for them; what else it cannot hold is written as text.
    text : str
        What a person wants to read.
    as_json : bool
        Which of the two is printed.
    """
    typer.echo(as_json_text(result) if as_json else printable(text))


def write_figure(found: Any, folder: Path | None, name: str, result: Mapping[str, Any]) -> None:
    """Write the figure of a result and the result itself into a folder, if one is asked for.

    Parameters
    ----------
    found : object with a method ``plot``
        The result.
    folder : Path or None
        Made if it is not there.
    name : str
        Of the files, without extension.
    result : mapping
        What goes into the JSON file.
    """
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    picture, numbers = folder / f"{name}.png", folder / f"{name}.json"
    write_text(numbers, as_json_text(result))
    write_picture(picture, found.plot())
    say_written([picture, numbers])


def as_json_text(result: Any) -> str:
    """Return JSON that every reader takes: Python's own writes ``NaN``, which is none.

    Parameters
    ----------
    result : object
        Mappings, sequences, NumPy's and pandas' scalars.

    Returns
    -------
    str

    Examples
    --------
    >>> print(as_json_text({"p": float("nan"), "n": 2}))
    {
      "p": null,
      "n": 2
    }
    """
    return json.dumps(_plain(result), indent=2, default=str, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(one) for one in value]
    if hasattr(value, "tolist"):  # NumPy's arrays and scalars, without importing it
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if type(value).__name__ in ("NAType", "NaTType") else value
