"""The bar that is shown while something is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(total: int, label: str, wanted: bool, unit: str = "image") -> Iterator[Any]:
    """Show a bar, or nothing.

    Parameters
    ----------
    total : int
        How many there are.
    label : str
        What computes.
    wanted : bool
        Whether to show it.
    unit : str, default="image"
        What is counted.

    Yields
    ------
    object
        With ``update()``, called once for each.
    """
    if not wanted or not total:
        yield _NoBar()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=label, unit=unit) as bar:
        yield bar


class _NoBar:
    def update(self) -> None:
        pass
