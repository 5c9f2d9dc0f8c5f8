"""Heads as bytes: written by skops, and read back without running code of their author's."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from leukfeat.safe_archive import UnsafeArchiveError, check_archive

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
    written_with: object = None,
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
    written_with : str, optional
        The version of scikit-learn that the file records.

    Returns
    -------
    object
        What was stored.

    Raises
    ------
    UnsafeArchiveError
        If it is an archive that leukfeat does not write.
    error
        If it holds a type that is neither known to be safe nor in `trusted_types`; or if it
        cannot be read and another version of scikit-learn wrote it, which is then said.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        check_archive(inner, path=path)
    is_other = _is_other_version(written_with)
    foreign = foreign_types(content, trusted_types)
    if foreign and not (is_other and all(_may_be_scikit_learn_s(name) for name in foreign)):
        raise error(
            f"The model file '{path}' holds types that leukfeat does not know to be safe: "
            f"{foreign}. Only if you trust its author, load it with trusted_types={foreign}."
        )
    if foreign:
        raise error(_unreadable(path, written_with, f"it does not know {foreign}"))
    try:
        return _restored(content, trusted_types)
    except (MemoryError, PermissionError, UnsafeArchiveError):
        raise
    except Exception as failure:
        if not is_other:
            raise
        reason = f"{type(failure).__name__}: {failure}"
        raise error(_unreadable(path, written_with, reason)) from failure


def _unreadable(path: Path, written_with: object, reason: str) -> str:
    return (
        f"The model file '{path}' was written with scikit-learn {written_with}, and scikit-learn "
        f"{version('scikit-learn')}, which is installed, cannot read it ({reason}). Load it in an "
        f"environment with scikit-learn {written_with}, or fit the head again and save it: "
        "features that are in a cache are not computed again."
    )


def _restored(content: bytes, trusted_types: Sequence[str]) -> Any:
    import skops.io

    return skops.io.loads(content, trusted=[*TRUSTED_TYPES, *trusted_types])


def _is_other_version(written_with: object) -> bool:
    # The file says it, and the user may copy it from the message: nothing but a version.
    if not isinstance(written_with, str):
        return False
    if not re.fullmatch(r"\d+\.\d+[0-9a-z.]{0,20}", written_with, re.ASCII):
        return False
    return written_with.split(".")[:2] != version("scikit-learn").split(".")[:2]


def _may_be_scikit_learn_s(name: str) -> bool:
    # Compiled parts of scikit-learn before 1.8 call their module '_loss', not 'sklearn._loss'.
    root = name.partition(".")[0]
    return root == "sklearn" or (root.startswith("_") and find_spec(root) is None)
