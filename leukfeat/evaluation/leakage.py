"""The leakage meter: how much a random split adds to the same recipe."""

from __future__ import annotations

import dataclasses
import html
from typing import TYPE_CHECKING, Any

import numpy as np

from leukfeat.evaluation.comparison import Comparison
from leukfeat.evaluation.cross_validation import cross_validate_heads
from leukfeat.evaluation.predicting import as_labelled_features
from leukfeat.evaluation.predictions import Predictions
from leukfeat.evaluation.scoring import check_metric, figure_name
from leukfeat.evaluation.wording import html_table, markdown_table, notes_html
from leukfeat.metrics import Interval, SubjectStatistic, difference
from leukfeat.reporting import caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LeakageMeter", "leakage_meter"]


BY_CONSTRUCTION = "0 by construction: the same answer for every cell"
BY_THE_FOLDS = "of the folds' shares of the classes: the same answer for every cell of a fold"


def _says_one_thing(p: Predictions, *, ranks: bool) -> bool:
    """Say whether nothing that a figure looks at differs between the cells of a fold."""
    if ranks and p.scores is None:
        return False
    answers = np.asarray(p.scores) if ranks else p.predicted[:, None]
    _, first, fold = np.unique(
        np.column_stack([p.repeat, p.fold]), axis=0, return_index=True, return_inverse=True
    )
    return bool((answers == answers[first][fold.ravel()]).all())


class LeakageMeter:
    """One recipe under a random split of cells and under a split by subject.

    Made by :func:`leakage_meter`.

    Parameters
    ----------
    random, by_subject : Comparison
        The same head, cross-validated both ways.
    metric : str
        Figure of merit.
    level : float
        Level of the intervals.
    """

    def __init__(
        self, random: Comparison, by_subject: Comparison, *, metric: str, level: float
    ) -> None:
        self.random = random
        self.by_subject = by_subject
        self.metric = metric
        self.level = level
        self.head = next(iter(random.results))

    def figure_of(self, name: str) -> SubjectStatistic:
        """Return the paired gap of the head or of a control head.

        Parameters
        ----------
        name : str
            Name of the head, or ``"colour only"`` and so on.

        Returns
        -------
        SubjectStatistic
        """
        key = (self.metric, "cells")
        return difference(self.random[name].figures[key], self.by_subject[name].figures[key])

    @property
    def gap(self) -> Interval:
        """The figure under the random split less that by subject, paired by subject."""
        return self.gap_of(self.head)

    def gap_of(self, name: str) -> Interval:
        """Return the gap of the head or of a control head, with its interval.

        Parameters
        ----------
        name : str
            Name of the head, or ``"colour only"`` and so on.

        Returns
        -------
        Interval
            Without bounds where the head says the same of every cell under both splits: the gap
            is then 0 by construction, or, where the answer is another in each fold, of the folds.
        """
        found = self.figure_of(name).interval(self.level)
        sides = (self.random[name].predictions, self.by_subject[name].predictions)
        ranks = self.metric.partition("[")[0] in ("auroc", "auprc")
        if all(_says_one_thing(p, ranks=ranks) for p in sides):
            return dataclasses.replace(
                found,
                low=float("nan"),
                high=float("nan"),
                method="",
                dof=None,
                note=BY_THE_FOLDS if found.estimate else BY_CONSTRUCTION,
            )
        return found

    @property
    def verdict(self) -> str:
        """What the gap says, and which figure to report."""
        gap, name = self.gap, figure_name(self.metric)
        said = f"{gap.estimate:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
        report = (
            f"The figure to report is that by subject, {self.by_subject[self.head][self.metric]}: "
            "it is of patients whom the head has not seen."
        )
        if gap.note in (BY_CONSTRUCTION, BY_THE_FOLDS):
            return f"{self.head} shows nothing of the splits: its gap in {name} is {gap.note}."
        if not gap.known:
            return (
                f"A random split changes {name} by {gap.estimate:+.3f}, and whether by chance is not "
                f"known: {gap.note}. {report}"
            )
        if gap.low > 0:
            return f"A random split of cells flatters {self.head}: {name} {said}. {report}"
        if gap.high < 0:
            return (
                f"A random split of cells scores lower than a split by subject: {name} {said}. "
                f"That is no leak. {report}"
            )
        most = f" by up to {gap.high:.3f}" if gap.high > 0 else ""
        return (
            f"No difference between the splits is shown: {name} {said}; that a random split "
            f"flatters{most} is not ruled out. {report}"
        )

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        header = ["head", "random split", "split by subject", "random less by subject"]
        rows = []
        for name in self.random.all:
            if (self.metric, "cells") not in self.by_subject[name].figures:
                continue
            gap = self.gap_of(name)
            words = f"{gap.estimate:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})"
            if not gap.known:
                words = f"{gap.estimate:+.3f} ({gap.note or 'no interval'})"
            if gap.note == BY_CONSTRUCTION:
                words = BY_CONSTRUCTION
            rows.append(
                [
                    name,
                    str(self.random[name][self.metric]),
                    str(self.by_subject[name][self.metric]),
                    words,
                ]
            )
        return header, rows

    def to_dict(self) -> dict[str, Any]:
        """Return the meter as plain values that JSON can hold.

        Returns
        -------
        dict
        """
        return {
            "metric": self.metric,
            "head": self.head,
            "gap": self.gap.to_dict(),
            "verdict": self.verdict,
            "random": self.random[self.head][self.metric].to_dict(),
            "by_subject": self.by_subject[self.head][self.metric].to_dict(),
        }

    def to_markdown(self) -> str:
        """Return the verdict and the table as Markdown.

        Returns
        -------
        str
        """
        notes = "".join(f"\n- {note}" for note in self.by_subject.notes)
        return (
            f"{self.verdict}\n\n{figure_name(self.metric)} of {self._words()}:\n\n"
            f"{markdown_table(*self._rows())}\n{notes}\n"
        )

    def _words(self) -> str:
        p = self.by_subject[self.head].predictions
        words = f"{100 * self.level:g} % intervals by {p.unit}, the gap paired"
        return caption(p.n_cells, p.n_subjects, words)

    def _repr_html_(self) -> str:
        table = html_table(*self._rows())
        of = f"{figure_name(self.metric)} of {self._words()}:"
        said = f"<p>{html.escape(self.verdict)}</p><p>{html.escape(of)}</p>"
        return f"{said}{table}{notes_html(self.by_subject.notes)}"

    def __repr__(self) -> str:
        gap = self.gap
        bounds = f"{gap.low:+.3f} to {gap.high:+.3f}" if gap.known else "no interval"
        return f"LeakageMeter({self.head!r}: {self.metric} gap {gap.estimate:+.3f} ({bounds}))"

    def plot(self) -> Figure:
        """Draw the figure of merit under both splits and the gap.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.reporting import draw_gap

        key = (self.metric, "cells")
        rows = [
            (name, self.random[name][self.metric], self.by_subject[name][self.metric])
            for name in self.random.all
            if name != "majority" and key in self.by_subject[name].figures
        ]
        return draw_gap(
            rows,
            self.gap,
            metric=figure_name(self.metric),
            text=f"{self._words()} (bars and brackets)",
        )


def leakage_meter(
    features: Any,
    head: Any = "svm",
    y: Any = None,
    *,
    subjects: Any = None,
    metric: str = "auroc",
    n_splits: int = 5,
    n_repeats: int = 1,
    random_state: int = 0,
    n_jobs: int | None = None,
    level: float = 0.95,
    **head_settings: Any,
) -> LeakageMeter:
    """Measure how much a random split of cells adds to a recipe's figure of merit.

    The same head is cross-validated twice with the same number of folds: cells at random, so
    that cells of one patient stand on both sides, and by subject.

    Parameters
    ----------
    features : FeatureSet or array-like of shape (n_cells, n_features)
        Labelled cells with known subjects.
    head : str or Head, default="svm"
        The recipe.
    y, subjects : array-like of shape (n_cells,), optional
        Labels and subjects, for an array of features.
    metric : str, default="auroc"
        Figure of merit.
    n_splits, n_repeats : int, default=5 and 1
        Folds, and repeats with other folds.
    random_state : int, default=0
        Seed.
    n_jobs : int, optional
        Splits fitted at once (joblib).
    level : float, default=0.95
        Level of the intervals.
    **head_settings
        Settings of a head given by name, for example ``tune=False``.

    Returns
    -------
    LeakageMeter

    Raises
    ------
    ValueError
        If there is no such figure, or subjects are not known: then there is nothing to measure against.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from leukfeat.evaluation import leakage_meter
    >>> rng = np.random.default_rng(0)
    >>> of = np.repeat(np.arange(40), 10)
    >>> X = rng.normal(size=(40, 8))[of] + 0.3 * rng.normal(size=(400, 8))
    >>> meter = leakage_meter(X, KNeighborsClassifier(), of % 2, subjects=of)
    >>> meter.gap.low > 0.2
    True
    """
    check_metric(metric)
    cells, _ = as_labelled_features(features, y, subjects=subjects)
    if cells.subjects is None:
        raise ValueError(
            f"leakage_meter needs the subject of each cell, and {cells.name!r} has none: without "
            "patients a random split cannot be compared with one by patient."
        )
    shared: dict[str, Any] = {
        "n_splits": n_splits,
        "n_repeats": n_repeats,
        "random_state": random_state,
        "n_jobs": n_jobs,
        "level": level,
    }
    random, by_subject = (
        cross_validate_heads(cells, head, split=split, **shared, **head_settings)  # type: ignore[arg-type]
        for split in ("random", "group")
    )
    meter = LeakageMeter(random, by_subject, metric=metric, level=level)
    by_subject[meter.head].interval(metric)  # is there such a figure?
    return meter
