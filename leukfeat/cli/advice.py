"""What a message advises a caller of Python, in the words of the command line."""

from __future__ import annotations

import re

__all__ = ["in_options"]

_OPTIONS = (
    (r"errors=['\"]skip['\"]", "--skip-bad-images"),
    (r"embargo=True", "--embargo"),
    (r"\bsplit=['\"](train|prelim|final)['\"]", r"--cnmc-split \1"),
    (r"split=['\"](\w+)['\"]", r"--split \1"),
    (r"if_cached=['\"](\w+)['\"]", r"--if-cached \1"),
    (r"engine=['\"](\w+)['\"]", r"--engine \1"),
    (r"precision=['\"](\w+)['\"]", r"--precision \1"),
    (r"weights=['\"](\w+)['\"]", r"--weights \1"),
    (r"'subject_pattern'|subject_pattern=", "--subject-pattern"),
    (r"'cnmc_split'|cnmc_split=", "--cnmc-split"),
    (r"positive=\.\.\.", "--positive"),
    (r"n_splits=(\d+)", r"--n-splits \1"),
    (r"allow_training_cells=True", "allow_training_cells=True in Python"),
)


def in_options(message: str) -> str:
    """Return a message with settings of Python calls put as options.

    Parameters
    ----------
    message : str
        Of an error.

    Returns
    -------
    str

    Examples
    --------
    >>> in_options("Give embargo=True, or split='group'.")
    'Give --embargo, or --split group.'
    """
    for pattern, option in _OPTIONS:
        message = re.sub(pattern, option, message)
    return message
