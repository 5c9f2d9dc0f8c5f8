"""What a learning curve says of more patients: what the last doubling of their number gained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leukfeat.metrics import Interval

__all__ = ["curve_verdict", "half_way"]


def half_way(subjects: Sequence[float]) -> int | None:
    """Return the point that the last one is compared with: that with about half its subjects.

    Parameters
    ----------
    subjects : sequence of float
        Training subjects of each point, ascending.

    Returns
    -------
    int or None
        ``None`` where no point has fewer subjects than the last.

    Examples
    --------
    >>> half_way([4, 8, 12, 16, 20])
    2
    """
    n = np.asarray(subjects, float)
    fewer = np.flatnonzero(n < n[-1]) if len(n) else np.array([], int)
    if not len(fewer):
        return None
    return int(fewer[np.argmin(np.abs(np.log(n[fewer]) - np.log(n[-1] / 2)))])


def curve_verdict(gain: Interval, before: float, after: float, name: str) -> str:
    """Say whether more patients are likely to help.

    Parameters
    ----------
    gain : Interval
        The figure at the last point less that half-way, paired by subject.
    before, after : float
        Their training subjects.
    name : str
        Of the figure of merit.

    Returns
    -------
    str
        Of the interval only: a rise is said where it lies above 0.

    Examples
    --------
    >>> print(curve_verdict(Interval(estimate=0.04, low=0.01, high=0.07), 10, 20, "AUROC"))
    More patients are likely to help: from 10 to 20 training subjects AUROC rose by 0.040 (0.010 to 0.070).
    """
    of = f"from {before:.0f} to {after:.0f} training subjects {name}"
    if not gain.known:
        return (
            f"Whether more patients would help is not known: {of} changed by {gain.estimate:+.3f}, "
            f"and {gain.note or 'there is no interval'}."
        )
    if gain.low > 0:
        return f"More patients are likely to help: {of} rose by {gain}."
    said = f"{of} changed by {gain.estimate:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
    if gain.high < 0:
        return f"More patients are not likely to help this head: {said}."
    return (
        f"That more patients would help is not shown: {said}. A gain of up to {gain.high:.3f} is "
        "not ruled out either."
    )
