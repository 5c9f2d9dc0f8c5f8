"""Finding image files in folders: quickly, in a fixed order, without operating-system litter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "IMAGE_EXTENSIONS",
    "FoundFile",
    "checked_extensions",
    "existing_folder",
    "is_folder",
    "is_litter",
    "walk_files",
]

IMAGE_EXTENSIONS = (
    ".bmp",
    ".dib",
    ".j2k",
    ".jp2",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)
"""Endings of the formats that `read_image` reads, compared without regard to case."""

_LITTER = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "__macosx", "$recycle.bin"})


class FoundFile(NamedTuple):
    """A file found below a root folder."""

    path: str
    """The root as it was given, joined with `folders` and `name`."""
    folders: tuple[str, ...]
    """Names of the folders between the root and the file."""
    name: str


def is_litter(name: str) -> bool:
    """Tell whether a file or folder was left behind by an operating system.

    Parameters
    ----------
    name : str
        A file or folder name without its path.

    Returns
    -------
    bool
        True for hidden names (``.DS_Store``, ``._cell.bmp``), ``Thumbs.db``, ``desktop.ini``,
        ``__MACOSX`` and the like.

    Examples
    --------
    >>> [is_litter(name) for name in ("._1.bmp", "Thumbs.db", "1.bmp")]
    [True, True, False]
    """
    return name.startswith(".") or name.lower() in _LITTER


def existing_folder(root: str | os.PathLike[str], *, parameter: str = "root") -> Path:
    """Return `root` as a path, or say what is wrong with it.

    Parameters
    ----------
    root : path-like
        A folder; ``~`` is expanded.
    parameter : str, default="root"
        Name of the parameter, for the message.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    NotADirectoryError
        If it is a file.
    """
    folder = Path(root).expanduser()
    if not folder.exists():
        raise FileNotFoundError(
            f"The '{parameter}' parameter names a folder that does not exist: '{folder}' "
            f"(looked for in '{Path.cwd()}' if relative). Check the spelling, or give the full path."
        )
    if not folder.is_dir():
        raise NotADirectoryError(
            f"The '{parameter}' parameter must name a folder. '{folder}' is a file"
            + ("; unpack the archive first." if folder.suffix in {".zip", ".gz", ".tar"} else ".")
        )
    return folder


def checked_extensions(extensions: Iterable[str]) -> tuple[str, ...]:
    """Return extensions in lower case, each with its dot.

    Parameters
    ----------
    extensions : iterable of str
        For example ``[".bmp", "PNG"]``.

    Returns
    -------
    tuple of str

    Raises
    ------
    ValueError
        If there is none, or a bare string was given.

    Examples
    --------
    >>> checked_extensions([".bmp", "PNG"])
    ('.bmp', '.png')
    """
    if isinstance(extensions, str):
        raise ValueError(
            "The 'extensions' parameter must be a sequence of endings such as ['.bmp', '.png']. "
            f"Got the string {extensions!r} instead; write [{extensions!r}]."
        )
    checked = tuple("." + ending.lower().lstrip(".") for ending in extensions)
    if not checked:
        raise ValueError("The 'extensions' parameter is empty: no file could be an image.")
    return checked


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder; a link that leads nowhere or in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def refuse_unreadable(folder: str, error: OSError) -> None:
    """Raise what `walk_files` says of a folder that it cannot look into.

    Parameters
    ----------
    folder : str
        Its path.
    error : OSError
        What the system said.

    Raises
    ------
    OSError
        Of the same type.
    """
    raise type(error)(
        f"Cannot look for images in the folder {folder!r}: {error.strerror or error}. Make it "
        "readable, or move it away."
    ) from error


def walk_files(
    root: Path,
    *,
    enter: Callable[[str], bool] = lambda name: True,
    unreadable: Callable[[str, OSError], None] = refuse_unreadable,
) -> Iterator[FoundFile]:
    """Walk over the files below a folder, in the order of their names.

    Parameters
    ----------
    root : pathlib.Path
        Where to begin.
    enter : callable, optional
        Given a folder's name, tells whether to look into it.
    unreadable : callable, optional
        Told the path of each folder that cannot be looked into, and the system's error. Default:
        an error is raised.

    Yields
    ------
    FoundFile
        The files of a folder come before those of its subfolders. Litter is left out, links to
        folders are followed unless they lead back to a folder above them.
    """
    waiting: list[tuple[str, tuple[str, ...]]] = [(str(root), ())]
    while waiting:
        folder, folders = waiting.pop()
        names: list[str] = []
        subfolders: list[str] = []
        # No stat a file: ten thousand files are listed in a few hundredths of a second.
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_litter(entry.name):
                        continue
                    if not is_folder(entry):
                        names.append(entry.name)
                    elif enter(entry.name) and not _leads_back(entry, folder):
                        subfolders.append(entry.name)
        except OSError as error:
            unreadable(folder, error)
        names.sort()
        for name in names:
            yield FoundFile(f"{folder}{os.sep}{name}", folders, name)
        for name in sorted(subfolders, reverse=True):
            waiting.append((os.path.join(folder, name), (*folders, name)))


def _leads_back(entry: os.DirEntry[str], folder: str) -> bool:
    if not entry.is_symlink():
        return False
    target, here = os.path.realpath(entry.path), os.path.realpath(folder)
    return os.path.commonpath([target, here]) == target
