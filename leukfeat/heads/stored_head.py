"""Heads as bytes: written by skops, and read back without running code of their author's."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leukfeat.safe_archive import check_archive

from .trusted_types import TRUSTED_TYPES

__all__ = ["foreign_types", "read_stored_head"]


def foreign_types(content: bytes, trusted_types: Sequence[str] = ()) -> list[str]:
    """List the types in a stored head that are not known to be safe.

    Parameters
    ----------
    content : bytes
        As ``skops.io.dumps`` gave them.
    trusted_types : sequence of str, default=()
        Full names of further types that are trusted.

    Returns
    -------
    list of str
        Full names, sorted.
    """
    import skops.io

    known = {*TRUSTED_TYPES, *trusted_types}
    return sorted(set(skops.io.get_untrusted_types(data=content)) - known)


def read_stored_head(
    content: bytes,
    *,
    path: Path,
    trusted_types: Sequence[str] = (),
    error: type[ValueError] = ValueError,
) -> Any:
    """Read heads back.

    Parameters
    ----------
    content : bytes
        As ``skops.io.dumps`` gave them.
    path : pathlib.Path
        The file that they stood in, for messages.
    trusted_types : sequence of str, default=()
        Full names of further types that are trusted.
    error : type, default=ValueError
        What is raised.

    Returns
    -------
    object
        What was stored.

    Raises
    ------
    UnsafeArchiveError
        If it is an archive that leukfeat does not write.
    error
        If it holds a type that is neither known to be safe nor in `trusted_types`.
    """
    import skops.io

    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        check_archive(inner, path=path)
    foreign = foreign_types(content, trusted_types)
    if foreign:
        raise error(
            f"The model file '{path}' holds types that leukfeat does not know to be safe: "
            f"{foreign}. Only if you trust its author, load it with trusted_types={foreign}."
        )
    return skops.io.loads(content, trusted=[*TRUSTED_TYPES, *trusted_types])
