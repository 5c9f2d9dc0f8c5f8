"""The bar that is shown while something is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["NoBar", "pausing", "progress_bar"]


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
        With ``update()``, called once for each; for :func:`pausing`.
    """
    if not wanted or not total:
        yield NoBar()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=label, unit=unit) as bar:
        yield bar


@contextlib.contextmanager
def pausing(bar: Any, reason: str) -> Iterator[None]:
    """Say on a bar why it stands still, and leave that time out of its estimate.

    Parameters
    ----------
    bar : object
        Of :func:`progress_bar`.
    reason : str
        What is waited for.
    """
    bar.set_postfix_str(reason)
    try:
        yield
    finally:
        bar.unpause()
        bar.set_postfix_str("")


class NoBar:
    """Takes what a bar takes, and shows nothing."""

    def update(self) -> None:
        """Count one."""

    def set_postfix_str(self, s: str) -> None:
        """Say something behind the bar."""

    def unpause(self) -> None:
        """Forget the time since the last one."""
