"""What a message advises a caller of Python, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable

__all__ = ["in_options"]

_NAMES = (
    "backbone|batch_size|by|cache|calibration|class_names|cnmc_split|crop|device|embargo|engine|head|"
    "heads|if_cached|input_size|layers|layout|mask|metric|n_jobs|n_repeats|n_splits|pooling|positive|"
    "precision|preparation|random_state|split|subject_pattern|views|weights"
)
_OPTIONS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"errors=['\"]skip['\"]", "--skip-bad-images"),
    (r",? and have it listed in '\.skipped',", ","),
    (r" \(they are then listed in \.skipped\)", " (they are then listed)"),
    (r"embargo=True", "--embargo"),
    (r"\bsplit=['\"](train|prelim|final)['\"]", r"--cnmc-split \1"),
    (rf"\b({_NAMES})=['\"]([\w:]+)['\"]", lambda found: f"{_option(found[1])} {found[2]}"),
    (
        r"leukfeat\.calibrate_int8\(training_cells, FILE\)",
        "'leukfeat calibrate TRAINING_CELLS -o FILE'",
    ),
    (r"\bpredict\(cells, calibration=FILE\)", "'leukfeat predict MODEL CELLS --calibration FILE'"),
    (r"\bcalibration=None\b", "no --calibration"),
    (r"\bcalibration=(?=FILE|PATH)", "--calibration "),
    (
        r"fit_head\(\.\.\., threshold=\('(sensitivity|specificity)', ([\d.]+)\)\)",
        r"leukfeat fit --at-\1 \2",
    ),
    (r"threshold=\('(sensitivity|specificity)', ([\d.]+)\)", r"--at-\1 \2"),
    (r"\b(n_splits|n_repeats)=(\d+)", lambda found: f"{_option(found[1])} {found[2]}"),
    (rf"\b({_NAMES})=\.\.\.", lambda found: _option(found[1])),
    (r"(subject_pattern|cnmc_split)=", lambda found: _option(found[1])),
    # Words such as 'positive' may be classes: they are options where a message speaks of one.
    (rf"(?:[Tt]he )?'({_NAMES})' parameter(?: of \w+)?", lambda found: _option(found[1])),
    (
        rf"'({_NAMES})'(?= (?:must be|belongs to|belong together|needs|is no)\b)",
        lambda found: _option(found[1]),
    ),
    (r"\b(as|another) '(cache|calibration)'", lambda found: f"{found[1]} {_option(found[2])}"),
    (r"'(\w+_\w+)'", lambda found: _option(found[1]) if _is_option(found[1]) else found[0]),
    (r"(?:[Tt]he )?'source' parameter", "DATA"),
    (
        r"cells\.rename_classes\(.*?\) before extract_features",
        "rename the folders, or the labels in the table",
    ),
    (r"(?<!in Python: )\b(audit\.\w+\(\w*\))", r"in Python: \1"),
    (r"allow_training_cells=True", "allow_training_cells=True in Python"),
)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _is_option(name: str) -> bool:
    return name in _NAMES.split("|")


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
    >>> in_options("The 'head' parameter must be one of ['svm', 'positive'].")
    "--head must be one of ['svm', 'positive']."
    """
    for pattern, option in _OPTIONS:
        message = re.sub(pattern, option, message)
    return message
