"""The bar that is shown while images are computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

__all__ = ["progress_bar"]


@contextlib.contextmanager
def progress_bar(total: int, label: str, wanted: bool) -> Iterator[Any]:
    """Show a bar over images, or nothing.

    Parameters
    ----------
    total : int
        Images.
    label : str
        What computes.
    wanted : bool
        Whether to show it.

    Yields
    ------
    object
        With ``update()``, called once an image.
    """
    if not wanted or not total:
        yield _NoBar()
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, desc=label, unit="image") as bar:
        yield bar


class _NoBar:
    def update(self) -> None:
        pass
