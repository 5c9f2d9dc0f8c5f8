"""A figure of merit with its confidence interval, and how that was had."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

__all__ = ["Interval", "check_level"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval.

    Parameters
    ----------
    estimate : float
        The figure of merit.
    low, high : float
        Bounds of the interval; ``nan`` where none can be had, and `note` says why.
    level : float, default=0.95
        Confidence level.
    method : str, default=""
        How the bounds were computed.
    n_subjects : int or None, default=None
        Subjects that the estimate stands on; ``None`` where subjects are not known.
    n_without_subject : int, default=0
        Cells without subject beside them, each of which counts as a subject does.
    n_cells : int, default=0
        Cells that the estimate stands on.
    dof : float or None, default=None
        Degrees of freedom of Student's t, where one was used.
    note : str, default=""
        What a reader must know before believing the interval.

    Examples
    --------
    >>> from leukfeat.metrics import Interval
    >>> print(Interval(estimate=0.913, low=0.88, high=0.941, n_subjects=28, n_cells=1867))
    0.913 (0.880 to 0.941)
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95
    method: str = ""
    n_subjects: int | None = None
    n_without_subject: int = 0
    n_cells: int = 0
    dof: float | None = None
    note: str = ""

    @property
    def width(self) -> float:
        """Length of the interval."""
        return self.high - self.low

    @property
    def known(self) -> bool:
        """Whether both bounds could be had."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        if math.isnan(self.estimate):
            return "not defined"
        if not self.known:
            return f"{self.estimate:.3f} (no interval)"
        return f"{self.estimate:.3f} ({self.low:.3f} to {self.high:.3f})"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values that JSON can hold (``nan`` becomes ``None``)."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in dataclasses.asdict(self).items()
        }


def check_level(level: float) -> None:
    """Raise if a level is no share.

    Parameters
    ----------
    level : float
        Of an interval, or of a prediction set.

    Raises
    ------
    ValueError
        If it is not between 0 and 1.
    """
    if not 0 < level < 1:
        hint = f" Did you mean {level / 100:g}?" if 1 < level < 100 else ""
        raise ValueError(f"'level' must be between 0 and 1. Got {level!r} instead.{hint}")
