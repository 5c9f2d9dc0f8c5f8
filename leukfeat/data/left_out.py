"""What a loader could not use: an error, or a list that stays with the dataset."""

from __future__ import annotations

import os

import pandas as pd

from leukfeat.data.dataset import CellDataset

__all__ = ["LeftOut"]


class LeftOut:
    """Files and rows that a loader does not put into the dataset, each with the reason.

    Parameters
    ----------
    errors : {"raise", "skip"}
        What `reject` does: raise, or note and go on.
    function : str
        Name of the loader, for messages.

    Raises
    ------
    ValueError
        If `errors` is neither.
    """

    def __init__(self, errors: str, *, function: str) -> None:
        if errors not in ("raise", "skip"):
            raise ValueError(
                f"The 'errors' parameter of {function} must be 'raise' or 'skip'. "
                f"Got {errors!r} instead."
            )
        self._raises = errors == "raise"
        self._rows: list[tuple[str, str]] = []

    def note(self, path: str | os.PathLike[str], reason: str) -> None:
        """Note something that is rightly left out (a text file beside the images).

        Parameters
        ----------
        path : path-like
            What is left out.
        reason : str
            Why.
        """
        self._rows.append((os.fspath(path), reason))

    def reject(
        self,
        path: str | os.PathLike[str],
        reason: str,
        *,
        remedy: str = "",
        error: type[Exception] = ValueError,
    ) -> None:
        """Raise `error`, or note the reason where the caller asked to skip.

        Parameters
        ----------
        path : path-like
            What cannot be used.
        reason : str
            What was found, and what was expected.
        remedy : str, optional
            What to do about it.
        error : type of Exception, default=ValueError
            What to raise.
        """
        if self._raises:
            advice = f"{remedy[:1].upper()}{remedy[1:]}; or" if remedy else "Correct it, or"
            raise error(
                f"'{os.fspath(path)}': {reason}. {advice} "
                "pass errors='skip' to leave such entries out (they are then listed in .skipped)."
            )
        self.note(path, reason)

    def unreadable(self, folder: str, error: OSError) -> None:
        """Reject a folder that cannot be looked into; see `walk_files`.

        Parameters
        ----------
        folder : str
            Its path.
        error : OSError
            What the system said.
        """
        self.reject(
            folder,
            f"this folder cannot be looked into: {error.strerror or error}",
            remedy="make it readable, or move it away",
            error=type(error),
        )

    def require_any(self, kept: int, where: str | os.PathLike[str]) -> None:
        """Raise where nothing is left to load.

        Parameters
        ----------
        kept : int
            Number of cells that can be used.
        where : path-like
            What was loaded, for the message.

        Raises
        ------
        ValueError
            If `kept` is 0; the message gives the first reason.
        """
        if kept == 0:
            first = ""
            if self._rows:
                path, reason = self._rows[0]
                first = f" {len(self._rows)} entries were left out; the first, '{path}': {reason}."
            raise ValueError(f"'{os.fspath(where)}': no cell can be used.{first}")

    def attach_to(self, cells: CellDataset) -> CellDataset:
        """Keep the list with the dataset, as ``cells.skipped``.

        Parameters
        ----------
        cells : CellDataset
            What was loaded.

        Returns
        -------
        CellDataset
            The same object; ``skipped`` is a frame with the columns ``path`` and ``reason``.
        """
        cells.skipped = pd.DataFrame(self._rows, columns=["path", "reason"], dtype=object)
        return cells
