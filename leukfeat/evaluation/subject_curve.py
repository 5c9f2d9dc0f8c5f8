"""How the figure of merit grows with the number of training subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.evaluation.compared_heads import named_heads
from leukfeat.evaluation.cross_validation import out_of_fold
from leukfeat.evaluation.curve_verdict import curve_verdict, half_way
from leukfeat.evaluation.predicting import as_labelled_features
from leukfeat.evaluation.predictions import with_units
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.scoring import check_metric, figure_name
from leukfeat.evaluation.wording import interval_texts, markdown_table
from leukfeat.features import FeatureSet
from leukfeat.metrics import Interval, SubjectStatistic, difference
from leukfeat.reporting import caption
from leukfeat.splitting.splitters import Split, make_splits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LearningCurve", "learning_curve"]


class LearningCurve:
    """A figure of merit against the number of training subjects. Made by :func:`learning_curve`.

    Parameters
    ----------
    table : DataFrame
        ``subjects`` (mean number in training), ``estimate``, ``low``, ``high``.
    metric : str
        Figure of merit.
    head : str
        Name of the head.
    n_cells : int, default=0
        Cells that each point is tested on.
    n_subjects : int, optional
        Their subjects.
    unit : str, default="subject"
        What intervals count.
    level : float, default=0.95
        Level of the intervals.
    gain : Interval, optional
        The figure at the last point less that at the point with about half its subjects, on the
        same test cells.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        metric: str,
        head: str,
        n_cells: int = 0,
        n_subjects: int | None = None,
        unit: str = "subject",
        level: float = 0.95,
        gain: Interval | None = None,
    ) -> None:
        self.gain = gain
        self.table = table
        self.metric = metric
        self.head = head
        self.n_cells = n_cells
        self.n_subjects = n_subjects
        self.unit = unit
        self.level = level

    @property
    def verdict(self) -> str:
        """Whether more patients are likely to help, as far as the gain's interval says."""
        n = self.table["subjects"].tolist()
        before = half_way(n)
        if self.gain is None or before is None:
            return "Whether more patients would help is not told by these points."
        return curve_verdict(self.gain, n[before], n[-1], figure_name(self.metric))

    def more_subjects(self, factor: float = 2.0) -> float:
        """Extrapolate what `factor` times as many training subjects would give.

        Parameters
        ----------
        factor : float, default=2.0
            How many times as many.

        Returns
        -------
        float
            By a least-squares line through the error against the logarithm of the number of
            subjects, on a logarithmic scale (a power law): a guess, not a promise. ``nan`` where
            the curve does not rise from its last point but one to its last.
        """
        known = self.table[(self.table["estimate"] < 1) & (self.table["subjects"] > 0)]
        last = self.table["estimate"].to_numpy(float)[-2:]
        if len(known) < 2 or not last[-1] > last[0]:
            return float("nan")
        x = np.log(known["subjects"].to_numpy(float))
        slope, intercept = np.polyfit(x, np.log(1 - known["estimate"].to_numpy(float)), 1)
        return float(1 - np.exp(intercept + slope * (x.max() + np.log(factor))))

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as plain values that JSON can hold."""
        clean = self.table.astype(object).where(self.table.notna(), None)
        return {
            "head": self.head,
            "metric": self.metric,
            "verdict": self.verdict,
            "gain": None if self.gain is None else self.gain.to_dict(),
            "points": clean.to_dict("records"),
        }

    def to_markdown(self) -> str:
        """Return the curve as a table, and what twice as many subjects might give.

        Returns
        -------
        str
        """
        name = figure_name(self.metric)
        points = zip(self.table["subjects"], interval_texts(self.table), strict=True)
        rows = [[f"{n:.0f}", text] for n, text in points]
        twice = self.more_subjects(2.0)
        guess = (
            "What more subjects would give cannot be guessed from these points: the last two do not "
            "rise."
            if np.isnan(twice)
            else f"Twice as many subjects might give {twice:.3f}, if the error goes on falling as "
            "a power of their number: a guess, not a promise."
        )
        return (
            f"{self.verdict}\n\n{self.head} on {self._words()}; the same test cells at every point.\n\n"
            f"{markdown_table(['training subjects', name], rows)}\n\n{guess}\n"
        )

    def _words(self) -> str:
        return caption(
            self.n_cells, self.n_subjects, f"{100 * self.level:g} % intervals by {self.unit}"
        )

    def __repr__(self) -> str:
        last = self.table.iloc[-1]
        return (
            f"LearningCurve({self.head!r}: {self.metric} {last['estimate']:.3f} with "
            f"{last['subjects']:.0f} training subjects)"
        )

    def plot(self) -> Figure:
        """Draw the curve.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.reporting import draw_line

        return draw_line(
            self.table.rename(columns={"subjects": "x"}),
            x_label="training subjects",
            y_label=figure_name(self.metric),
            text=f"{self._words()} (shaded); the test cells are the same at every point",
        )


def learning_curve(
    features: Any,
    head: Any = "svm",
    y: Any = None,
    *,
    subjects: Any = None,
    fractions: Sequence[float] = (0.2, 0.4, 0.6, 0.8, 1.0),
    metric: str = "auroc",
    n_splits: int = 5,
    random_state: int = 0,
    n_jobs: int | None = None,
    level: float = 0.95,
    **head_settings: Any,
) -> LearningCurve:
    """Train on growing numbers of subjects and test on the same others, to see if more would help.

    Parameters
    ----------
    features : FeatureSet or array-like of shape (n_cells, n_features)
        Labelled cells with known subjects.
    head : str or Head, default="svm"
        The recipe.
    y, subjects : array-like of shape (n_cells,), optional
        Labels and subjects, for an array of features.
    fractions : sequence of float
        Parts of the training subjects of each class, in (0, 1]; a subject of several classes counts
        for that which fewest subjects hold. Two subjects of each class are always there, and
        fractions that come to the same subjects are one point.
    metric : str, default="auroc"
        Figure of merit.
    n_splits : int, default=5
        Folds by subject; the test cells are the same for every fraction.
    random_state : int, default=0
        Seed of folds and of the order in which subjects are added.
    n_jobs : int, optional
        Splits fitted at once (joblib).
    level : float, default=0.95
        Level of the intervals.
    **head_settings
        Settings of a head given by name.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError
        If there is no such figure, subjects are not known, or a fraction is outside (0, 1].
    """
    check_metric(metric)
    cells, _ = as_labelled_features(features, y, subjects=subjects)
    if cells.subjects is None:
        raise ValueError("A learning curve in subjects needs the subject of each cell.")
    if not fractions or not all(0 < f <= 1 for f in fractions):
        raise ValueError(
            f"'fractions' must be in (0, 1]. Got {list(fractions)} instead; give parts such as "
            "(0.25, 0.5, 1.0), not per cent or numbers of subjects."
        )
    named = named_heads(head, random_state=random_state, **head_settings)
    name, recipe = next(iter(named.items()))
    splits = make_splits(cells, n_splits=n_splits, random_state=random_state)
    rows: list[tuple[float, float, float, float]] = []
    figures: list[SubjectStatistic] = []
    sizes: set[tuple[int, ...]] = set()
    for fraction in sorted(fractions):
        smaller = [_fewer(one, cells, splits.groups, fraction, random_state) for one in splits]
        size = tuple(len(one.train) for one in smaller)
        if size in sizes:
            continue  # a larger part holds the smaller: these are the same cells
        sizes.add(size)
        predictions, _ = out_of_fold(cells, {name: recipe}, smaller, controls=False, n_jobs=n_jobs)
        predictions, _ = with_units(predictions, cells)
        tested = predictions[name]
        scored = Evaluation(tested, name=name, level=level)
        found = scored[metric]
        figures.append(scored.figures[metric, "cells"])
        n = [pd.Series(cells.subjects[one.train]).nunique() for one in smaller]
        rows.append((float(np.mean(n)), found.estimate, found.low, found.high))
    table = pd.DataFrame(rows, columns=["subjects", "estimate", "low", "high"])
    half = half_way(table["subjects"].tolist())
    return LearningCurve(
        table,
        metric=metric,
        head=name,
        n_cells=tested.n_cells,
        n_subjects=tested.n_subjects,
        unit=tested.unit,
        level=level,
        gain=None if half is None else difference(figures[-1], figures[half]).interval(level),
    )


def _fewer(
    split: Split, cells: FeatureSet, groups: np.ndarray, fraction: float, random_state: int
) -> Split:
    """Keep a part of the training groups of each class; a larger part holds the smaller."""
    rng = np.random.default_rng([random_state, split.repeat, split.fold])
    found, of = np.unique(groups[split.train], return_inverse=True)
    labels = np.asarray(cells.y)[split.train]
    kinds, label = np.unique(labels, return_inverse=True)
    held = np.zeros((len(found), len(kinds)), bool)
    held[of, label] = True
    # Each group counts once, for the class of its own that fewest groups hold.
    counts_for = np.where(held, held.sum(0), len(found) + 1).argmin(1)
    orders = [rng.permutation(np.flatnonzero(counts_for == c)) for c in range(len(kinds))]
    first: set[int] = set()
    for c in range(len(kinds)):
        own = [*orders[c], *(g for k, order in enumerate(orders) if k != c for g in order)]
        first.update([g for g in own if held[g, c]][:2])
    kept: list[int] = []
    for order in orders:
        needed = [g for g in order if g in first]
        rest = [g for g in order if g not in first]
        kept += [*needed, *rest][: max(len(needed), round(fraction * len(order)))]
    train = split.train[np.isin(groups[split.train], found[kept])]
    return Split(train, split.test, split.repeat, split.fold, split.name)
