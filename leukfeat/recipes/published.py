"""A figure as it was published, with what must be known to stand beside it."""

from __future__ import annotations

import dataclasses

__all__ = ["NOT_STATED", "TASKS", "Published"]

NOT_STATED = "not stated"
"""What `dataset` and `split` are where the publication does not say."""


TASKS = (
    "all-vs-normal",
    "aml-m1-m2",
    "aml-expression",
    "all-vs-aml",
    "cell-types",
    "all-stages",
    "other",
)
"""What is told apart; a figure of another task than these is of ``"other"``, beside nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    """One reported figure.

    Parameters
    ----------
    metric : str
        Which figure of merit.
    value : float
        As reported, between 0 and 1.
    source : str
        Where it stands.
    dataset : str
        On which data; the name of a known data set, or words.
    split : str
        How these were split: ``"random"``, ``"subject"``, ``"not stated"``, or words.
    task : str, default="all-vs-normal"
        What was told apart, of `TASKS`. A figure of another task than that of the data never
        stands in the table.
    cells : int or None, default=None
        Number of test cells, if reported.
    variant : str, default=""
        Which variant of the recipe it belongs to; all if empty.
    system : str, default=""
        Of which other system it is, in words; empty if of the recipe's own. The table marks it.
    note : str, default=""
        What else a reader must know.

    Raises
    ------
    ValueError
        If the value is no fraction, the source is missing, or the task is not known.
    """

    metric: str
    value: float
    source: str
    dataset: str
    split: str
    task: str = "all-vs-normal"
    cells: int | None = None
    variant: str = ""
    system: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 1:
            raise ValueError(
                f"A published 'value' must be a fraction from 0 to 1. Got {self.value!r} for "
                f"{self.metric!r} instead; divide percentages by 100."
            )
        if self.task not in TASKS:
            raise ValueError(
                f"The 'task' of the published {self.metric!r} must be one of {TASKS}. Got "
                f"{self.task!r} instead; 'other' is for any that is not among them."
            )
        if not self.source:
            raise ValueError(f"The published {self.metric!r} must name its 'source'.")
