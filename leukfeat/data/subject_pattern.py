"""Who a cell is of, where the path of its image tells it."""

from __future__ import annotations

import re

__all__ = ["SubjectPattern"]


class SubjectPattern:
    r"""A regular expression that finds the subject, and perhaps more, in a path.

    Parameters
    ----------
    pattern : str or re.Pattern
        With a group named ``subject``, or with one group; other named groups become columns.

    Attributes
    ----------
    columns : tuple of str
        What it finds.
    text : str
        The expression.

    Raises
    ------
    ValueError
        If it is no regular expression, has no such group, or names a column that loaders fill.

    Examples
    --------
    >>> pattern = SubjectPattern(r"(?P<subject>p\d+)_(?P<slide>\d)")
    >>> pattern.read("p7_2.png"), pattern.read("x.png")
    ({'subject': 'p7', 'slide': '2'}, None)
    """

    def __init__(self, pattern: str | re.Pattern[str]) -> None:
        try:
            self._compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(
                f"The 'subject_pattern' parameter is no regular expression: {pattern!r} ({error})."
            ) from error
        self.text = self._compiled.pattern
        # A lone group is the subject.
        alone = self._compiled.groups == 1 and not self._compiled.groupindex
        self._groups = {"subject": 1} if alone else dict(self._compiled.groupindex)
        if "subject" not in self._groups:
            raise ValueError(
                "The 'subject_pattern' parameter must have one group, or a group named 'subject', "
                rf"such as '(?P<subject>\d+)_'. Got {self.text!r} instead."
            )
        taken = sorted({"image", "label"} & set(self._groups))
        if taken:
            raise ValueError(
                f"The groups {taken} of 'subject_pattern' have the names of columns that the "
                "loader fills itself; rename them."
            )
        self.columns = tuple(self._groups)

    def read(self, below: str) -> dict[str, str | None] | None:
        """Find the columns in a path.

        Parameters
        ----------
        below : str
            The path below the folder of a class, or of the images, with ``/``.

        Returns
        -------
        dict of str to str, or None
            ``None`` where the pattern is not found, or finds an empty subject.
        """
        match = self._compiled.search(below)
        if match is None or not match[self._groups["subject"]]:
            return None
        return {column: match[group] for column, group in self._groups.items()}

    def unread(self, below: str) -> str:
        """Say that a path does not tell its subject.

        Parameters
        ----------
        below : str
            The path.

        Returns
        -------
        str
        """
        return (
            f"{below!r} does not tell its subject: no match for the 'subject_pattern' {self.text!r}"
        )

    def empty(self) -> dict[str, list[object]]:
        """Return a list for each column, to be filled."""
        return {column: [] for column in self.columns}
