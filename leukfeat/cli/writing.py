"""Where a command writes: looked at before the work, written whole after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from leukfeat.atomic_file import (
    check_file_can_be_written,
    check_folder_can_be_written,
    written_whole,
)

__all__ = ["file_to_write", "folder_to_write", "write_picture", "write_text"]


def file_to_write(path: Path | None, option: str = "--out") -> None:
    """Refuse a name under which no file can be written, before a night's work.

    Parameters
    ----------
    path : Path or None
        As given; ``None`` if it was not.
    option : str, default="--out"
        With which.

    Raises
    ------
    typer.BadParameter
    """
    if path is None:
        return
    try:
        check_file_can_be_written(path.expanduser())
    except OSError as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def folder_to_write(path: Path | None) -> None:
    """Refuse a name under which no folder can be made or written to.

    Parameters
    ----------
    path : Path or None
        As given with ``--out``; ``None`` if it was not.

    Raises
    ------
    typer.BadParameter
    """
    if path is None:
        return
    try:
        check_folder_can_be_written(path)
    except OSError as error:
        raise typer.BadParameter(f"--out: {error}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file whole; what stood there stays until it is."""
    with written_whole(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_picture(path: Path, figure: Any) -> None:
    """Write a figure of Matplotlib's whole."""
    with written_whole(path) as partial:
        figure.savefig(partial, dpi=150)


def write_image(path: Path, pixels: Any) -> None:
    """Write an image whole: RGB, or one channel of integers.

    Parameters
    ----------
    path : Path
        Ends in ``.png``, or ``.tif`` for int32.
    pixels : ndarray of uint8, uint16 or int32, shape (height, width) or (height, width, 3)

    Raises
    ------
    OSError
        If it cannot be written.
    """
    import cv2

    with written_whole(path) as partial:
        if not cv2.imwrite(str(partial), pixels[..., ::-1] if pixels.ndim == 3 else pixels):
            raise OSError(f"'{path}' could not be written.")
