r"""Intervals from leaving out one subject at a time.

The cells of a subject are alike, so a subject, not a cell, is the unit of evidence. A figure of
merit is computed again without each subject; the spread of these values on a scale without
bounds (logit, Fisher's z) gives the variance, summed over the classes when a subject holds one
class, and Student's t with Satterthwaite's degrees of freedom gives the interval. Within a
class the degrees of freedom are Kish's effective number of subjects less one; where subjects hold
several classes they are not more than the same figure would have if each held one.

In simulations with the cell counts of C-NMC 2019 (``benchmarks/coverage.py``) this covers 0.933
to 0.962 at a nominal 0.95 from 10 subjects a class on, where the percentile bootstrap over cells
covers 0.82 to 0.93 and intervals for independent cells 0.19 to 0.25. Where little is wrong (figures
near 1) it covers 0.91 to 0.94 over cells and 0.92 to 0.96 over subjects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from scipy import special, stats

from leukfeat.metrics.interval import Interval, check_level
from leukfeat.metrics.subjects import kish

__all__ = ["FEW_SUBJECTS", "SubjectStatistic", "average", "difference"]

Scale = Literal["logit", "fisher", "log", "difference", "identity"]
Array = np.ndarray

FEW_SUBJECTS = 10
"""Below this number of subjects in a class an interval carries a note."""

_EDGE = 1e-12
_ROUNDING = 1e-13
_BOUNDS = {
    "logit": (0.0, 1.0),
    "fisher": (-1.0, 1.0),
    "log": (0.0, np.inf),
    "difference": (-1.0, 1.0),
}
_TO: dict[str, Callable[[Array], Array]] = {
    "logit": special.logit,
    "fisher": np.arctanh,
    "log": np.log,
    "difference": np.asarray,
    "identity": np.asarray,
}
_FROM: dict[str, Callable[[Array], Array]] = {
    "logit": special.expit,
    "fisher": np.tanh,
    "log": np.exp,
    "difference": np.asarray,
    "identity": np.asarray,
}
_SLOPE: dict[str, Callable[[float], float]] = {
    "logit": lambda p: 1 / (p * (1 - p)),
    "fisher": lambda r: 1 / (1 - r * r),
    "log": lambda v: 1 / v,
    "difference": lambda v: 1.0,
    "identity": lambda v: 1.0,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class SubjectStatistic:
    """A figure of merit, and what it is when each subject is left out.

    Parameters
    ----------
    estimate : float
        The value with all subjects.
    without : ndarray of float of shape (n_subjects,)
        The value without each subject.
    weights : ndarray of float of shape (n_subjects,)
        What each subject weighs in the estimate, for example its cells; a subject of weight 0
        is not counted.
    strata : ndarray of int of shape (n_subjects,)
        The class each subject was drawn for; all equal where subjects hold several classes.
    scale : {"logit", "fisher", "log", "difference", "identity"}, default="logit"
        Where the interval is symmetric: "logit" for values in 0 to 1, "fisher" for -1 to 1,
        "log" for positive values, "difference" for differences of values in 0 to 1, "identity"
        for any other.
    n_cells : int, default=0
        Cells behind the estimate.
    unit : {"subject", "cell"}, default="subject"
        What is left out; "cell" where subjects are not known.
    holders : tuple of int, default=()
        Subjects that hold each class on which the figure stands. Default: those of each stratum,
        which is not enough where subjects hold several classes.
    alone : int, default=0
        How many of the units, the last ones, are cells without subject.
    by_class : SubjectStatistic, optional
        Where subjects hold several classes: the same figure when a subject's cells of each class are
        left out apart. It tells how many subjects the classes that move the figure have.
    undefined : str, default=""
        Why there is no estimate, where it is ``nan``.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import SubjectStatistic
    >>> rates = np.array([0.90, 0.80, 0.95, 0.70, 0.85])
    >>> mean = SubjectStatistic(
    ...     estimate=rates.mean(),
    ...     without=(rates.sum() - rates) / 4,
    ...     weights=np.ones(5),
    ...     strata=np.zeros(5, int),
    ... )
    >>> print(mean.interval())
    0.840 (0.677 to 0.929)
    """

    estimate: float
    without: Array
    weights: Array
    strata: Array
    scale: Scale = "logit"
    n_cells: int = 0
    unit: Literal["subject", "cell"] = "subject"
    holders: tuple[int, ...] = ()
    alone: int = 0
    by_class: SubjectStatistic | None = None
    undefined: str = ""

    def interval(self, level: float = 0.95) -> Interval:
        """Return the estimate with its interval.

        Parameters
        ----------
        level : float, default=0.95
            Confidence level, in (0, 1).

        Returns
        -------
        Interval
            Bounds are ``nan`` when a class has one subject only. Where the estimate is at the
            end of its range (all right, all wrong) the bound is Clopper and Pearson's for that
            many subjects of the rarer class; where all subjects of one class show the same value
            between the ends, both bounds are. A figure of several classes that no subject moves
            has none: a head that says the same of every cell has a balanced accuracy of 0.5 by
            construction.
        """
        check_level(level)
        used = self.weights > 0
        n_alone = int(used[len(used) - self.alone :].sum())
        counts = [int((used & (self.strata == s)).sum()) for s in np.unique(self.strata[used])]
        unknown = Interval(
            estimate=float(self.estimate),
            low=np.nan,
            high=np.nan,
            level=level,
            n_subjects=int(used.sum()) - n_alone if self.unit == "subject" else None,
            n_without_subject=n_alone,
            n_cells=self.n_cells,
        )
        found = self._found(level, used, counts, unknown)
        if not n_alone:
            return found
        cells = (
            "1 cell without subject counts"
            if n_alone == 1
            else (f"{n_alone:,} cells without subject each count")
        )
        said = f"{cells} as a subject: the interval is too narrow if some are of one patient"
        return dataclasses.replace(found, note=f"{found.note}; {said}" if found.note else said)

    def _found(self, level: float, used: Array, counts: list[int], unknown: Interval) -> Interval:
        if not counts or np.isnan(self.estimate):
            return dataclasses.replace(unknown, note=self.undefined or "not defined on these cells")
        held = self.holders or tuple(counts)
        if self.scale in _BOUNDS and self.scale != "log":
            low, high = _BOUNDS[self.scale]
            if self.estimate <= low + _EDGE or self.estimate >= high - _EDGE:
                return self._at_the_edge(held, unknown)
        variance, dof, note = self._variance(used)
        if variance == 0 and self.scale == "difference":
            return self._alike(held, unknown, note)
        if variance == 0 and self.scale == "logit" and len(held) == 1:
            return self._without_spread(held[0], unknown)
        if not np.isfinite(variance) or variance == 0:
            return dataclasses.replace(unknown, note=note)
        centre = float(_TO[self.scale](np.asarray(self.estimate)))
        reach = float(stats.t.ppf((1 + level) / 2, dof)) * variance**0.5
        low, high = _FROM[self.scale](centre + np.array([-reach, reach]))
        return dataclasses.replace(
            unknown,
            low=float(low),
            high=float(high),
            method=f"leave-one-{self.unit}-out jackknife, {self.scale} scale, t",
            dof=dof,
            note=note or self._few(held),
        )

    def standard_error(self) -> tuple[float, float]:
        """Return the standard error on the plain scale, and its degrees of freedom.

        Returns
        -------
        error : float
            ``nan`` where a class has one subject only.
        dof : float
            Satterthwaite's degrees of freedom.
        """
        plain = dataclasses.replace(self, scale="identity")
        variance, dof, _ = plain._variance(self.weights > 0)
        return float(variance) ** 0.5, float(dof)

    def _at_the_edge(self, held: tuple[int, ...], unknown: Interval) -> Interval:
        count = min(held)
        # If every cell of each of `count` subjects is right, a mean over subjects of m has
        # probability at most m ** count, which is Clopper and Pearson's bound on subjects.
        tail = ((1 - unknown.level) / 2) ** (1 / count)
        low, high = _BOUNDS[self.scale]
        span = high - low
        at_top = self.estimate > (low + high) / 2
        return dataclasses.replace(
            unknown,
            low=low + span * tail if at_top else low,
            high=high if at_top else high - span * tail,
            method=f"Clopper-Pearson on {count} {self.unit}s",
            note=self._few(held),
        )

    def _without_spread(self, count: int, unknown: Interval) -> Interval:
        # The bound of a perfect figure between the ends: of all means with this estimate that of
        # subjects who are wholly right or wholly wrong spreads most, and it is binomial.
        tail, right = (1 - unknown.level) / 2, count * float(self.estimate)
        return dataclasses.replace(
            unknown,
            low=float(stats.beta.ppf(tail, right, count - right + 1)),
            high=float(stats.beta.ppf(1 - tail, right + 1, count - right)),
            method=f"Clopper-Pearson on {count} {self.unit}s",
            note=f"all {self.unit}s show the same value: the widest interval that {count} allow",
        )

    def _alike(self, held: tuple[int, ...], unknown: Interval, note: str) -> Interval:
        """Return the interval of a difference that is the same for every subject seen."""
        count = min(held)
        # As many subjects without an exception bound the share of those that are one, and an
        # exception moves a mean by 1 at most.
        reach = 1 - ((1 - unknown.level) / 2) ** (1 / count)
        return dataclasses.replace(
            unknown,
            low=max(-1.0, self.estimate - reach),
            high=min(1.0, self.estimate + reach),
            method=f"Clopper-Pearson on {count} {self.unit}s, of which none is an exception",
            note=note,
        )

    def _variance(self, used: Array) -> tuple[float, float, str]:
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = _TO[self.scale](np.asarray(self.without, float))
        if not np.isfinite(moved[used]).all():
            # Without one subject nothing is wrong any more: the spread is taken on the plain
            # scale and carried over by the slope at the estimate.
            moved = np.asarray(self.without, float) * _SLOPE[self.scale](float(self.estimate))
        total, denominator, still = 0.0, 0.0, 0
        for stratum in np.unique(self.strata[used]):
            here = used & (self.strata == stratum)
            n, values = int(here.sum()), moved[here]
            if n < 2:
                return np.nan, np.nan, f"a class has one {self.unit} only: no interval can be had"
            if not np.isfinite(values).all():
                return np.nan, np.nan, f"not defined without one {self.unit}: it stands on that one"
            about = values - values.mean()
            # What rounding leaves is no spread: it would give an interval of no width.
            about[np.abs(about) <= _ROUNDING * max(1.0, float(np.abs(values).max()))] = 0.0
            part = (n - 1) / n * float((about**2).sum())
            total += part
            still += part == 0
            denominator += part * part / max(kish(self.weights[here]) - 1, 1.0)
        if total == 0 and self.scale == "difference":
            return 0.0, 1.0, f"all {self.unit}s show the same difference"
        if total == 0:
            return 0.0, 1.0, f"all {self.unit}s show the same value: no spread to judge by"
        alike = f"the {self.unit}s of one class do not move it: its interval is too narrow"
        dof = total * total / denominator
        if self.by_class is not None:
            dof = min(dof, dataclasses.replace(self.by_class, scale=self.scale)._dof_of_classes())
        return total, dof, alike if still else ""

    def _dof_of_classes(self) -> float:
        """Satterthwaite's degrees of freedom where each unit holds cells of one class."""
        used = self.weights > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = _TO[self.scale](np.asarray(self.without, float))
            centre = float(_TO[self.scale](np.asarray(float(self.estimate))))
        if not np.isfinite(moved[used]).all():
            moved = np.asarray(self.without, float) * _SLOPE[self.scale](float(self.estimate))
            centre = float(self.estimate) * _SLOPE[self.scale](float(self.estimate))
        total, denominator = 0.0, 0.0
        for stratum in np.unique(self.strata[used]):
            here = used & (self.strata == stratum)
            n, values = int(here.sum()), moved[here]
            if not np.isfinite(values).all():
                return 1.0  # the figure is gone without one subject
            # One subject tells no spread of its class: how far it moves the figure stands for it.
            about = values - (values.mean() if n > 1 else centre)
            part = (n - 1) / n * float((about**2).sum()) if n > 1 else float((about**2).sum())
            total += part
            denominator += part * part / max(kish(self.weights[here]) - 1, 1.0)
        return total * total / denominator if denominator > 0 else 1.0

    def _few(self, held: tuple[int, ...]) -> str:
        if self.unit == "cell":
            return "no subjects: cells are taken as independent, the interval is too narrow"
        if min(held) < FEW_SUBJECTS:
            where = " in the rarer class" if len(held) > 1 else ""
            return f"{min(held)} subjects{where}: the interval stands on them"
        return ""


def average(parts: Sequence[SubjectStatistic]) -> SubjectStatistic:
    """Average a figure of merit over repeats with the same subjects.

    Parameters
    ----------
    parts : sequence of SubjectStatistic
        The same figure on the same subjects, for example one a repeat of a cross-validation.

    Returns
    -------
    SubjectStatistic
        The mean; leaving a subject out leaves it out of every repeat.
    """
    if not parts:
        raise ValueError("'parts' is empty: a mean takes one figure at least. Give the repeats.")
    first = parts[0]
    held = zip(*(p.holders for p in parts), strict=False)
    return dataclasses.replace(
        first,
        estimate=float(np.mean([p.estimate for p in parts])),
        without=np.mean([p.without for p in parts], axis=0),
        holders=tuple(min(counts) for counts in held),
        by_class=_of_all([p.by_class for p in parts], average),
    )


def _of_all(
    parts: list[SubjectStatistic | None],
    joined: Callable[[list[SubjectStatistic]], SubjectStatistic],
) -> SubjectStatistic | None:
    known = [part for part in parts if part is not None]
    return joined(known) if len(known) == len(parts) else None


def difference(a: SubjectStatistic, b: SubjectStatistic) -> SubjectStatistic:
    """Return the paired difference of two figures on the same subjects.

    Parameters
    ----------
    a, b : SubjectStatistic
        Figures on the same subjects in the same order, for example the AUROC of two heads.

    Returns
    -------
    SubjectStatistic
        ``a - b``; its interval is that of a paired comparison. Where every subject shows the
        same difference, for instance none, it is as wide as that many subjects allow.

    Raises
    ------
    ValueError
        If the two do not stand on the same number of subjects.

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.metrics import SubjectStatistic, difference
    >>> def mean(rates):
    ...     n = len(rates)
    ...     without = (rates.sum() - rates) / (n - 1)
    ...     return SubjectStatistic(estimate=rates.mean(), without=without,
    ...                             weights=np.ones(n), strata=np.zeros(n, int))
    >>> one = np.array([0.90, 0.80, 0.95, 0.70, 0.85])
    >>> print(difference(mean(one), mean(one - [0.02, 0.03, 0.01, 0.03, 0.02])).interval())
    0.022 (0.012 to 0.032)
    """
    if a.without.shape != b.without.shape:
        raise ValueError(
            "A paired difference needs the same subjects on both sides. Got "
            f"{len(a.without)} and {len(b.without)}."
        )
    return dataclasses.replace(
        a,
        estimate=a.estimate - b.estimate,
        without=a.without - b.without,
        scale="difference" if a.scale in ("logit", "difference") else "identity",
        by_class=_of_all([a.by_class, b.by_class], lambda both: difference(both[0], both[1])),
    )
