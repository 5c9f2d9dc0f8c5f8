"""What a command prints: a table for people, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["say", "say_skipped", "show", "write_figure"]


def say(text: str) -> None:
    """Write a line for people, on standard error, where it does not mix with JSON or tables."""
    typer.echo(text, err=True)


def say_skipped(skipped: pd.DataFrame) -> None:
    """List the images that were left out, one a line."""
    for path, reason in zip(skipped["path"], skipped["reason"], strict=True):
        say(f"left out: {path}: {reason}")


def show(result: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print the result of a command on standard output.

    Parameters
    ----------
    result : mapping
        What a program wants to know; anything JSON cannot hold is written as text.
    text : str
        What a person wants to read.
    as_json : bool
        Which of the two is printed.
    """
    typer.echo(json.dumps(result, indent=2, default=str) if as_json else text)


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
    text = json.dumps(result, indent=2, default=str)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    found.plot().savefig(folder / f"{name}.png", dpi=150)
    say(f"Written to '{folder}': {name}.png, {name}.json")
