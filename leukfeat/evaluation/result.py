"""`Evaluation`: what is known of one head on one set of cells."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.evaluation.deferring import (
    conformal_report,
    conformal_sets,
    result_risk_coverage,
)
from leukfeat.evaluation.deferring_tables import deferring_markdown
from leukfeat.evaluation.doubtful_cells import most_wrong, suspects
from leukfeat.evaluation.predictions import Predictions
from leukfeat.evaluation.scoring import (
    confusion_frame,
    per_subject_frame,
    score_figures,
    score_frame,
)
from leukfeat.evaluation.wording import evaluation_html, evaluation_markdown, left_out_markdown
from leukfeat.exceptions import UnknownFigureError
from leukfeat.metrics import Interval, SubjectStatistic
from leukfeat.metrics.interval import check_level

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from leukfeat.evaluation.audit.report import Audit
    from leukfeat.evaluation.comparison import Comparison

__all__ = ["Evaluation"]

FORMAT = 1


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as values that JSON can hold.

    Parameters
    ----------
    table : DataFrame
        Any.

    Returns
    -------
    list of dict
    """
    clean = table.astype(object)
    return clean.where(table.notna(), None).to_dict("records")  # type: ignore[return-value]


class Evaluation:
    """Figures of merit of a head, with intervals by subject, beside the control heads.

    Made by :func:`evaluate` and :func:`cross_validate_heads`.

    Parameters
    ----------
    predictions : Predictions
        What the head said of each cell.
    name : str, default="head"
        Name of the head.
    controls : mapping of str to Evaluation, optional
        The control heads ("majority", "colour only", "size only") on the same cells.
    notes : sequence of str, default=()
        What a reader must know before believing the numbers; shown with every table.
    level : float, default=0.95
        Level of the intervals.
    about : mapping, optional
        Where the head came from: settings, feature space, versions.
    left_out : pandas.DataFrame, optional
        Files and cells that the result does not stand on: ``path`` and ``reason``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from leukfeat import evaluate
    >>> rng = np.random.default_rng(0)
    >>> subjects = np.repeat([f"S{i:02d}" for i in range(24)], 10)
    >>> y = np.repeat(np.arange(24) % 2, 10)
    >>> X = rng.normal(size=(240, 3)) + y[:, None]
    >>> head = LogisticRegression().fit(X[:120], y[:120])
    >>> result = evaluate(head, X[120:], y[120:], subjects=subjects[120:])
    >>> print(result["auroc"])
    0.868 (0.784 to 0.923)
    >>> result.confusion.loc["1", "0"]  # cells of class 1 called 0
    np.int64(13)
    """

    def __init__(
        self,
        predictions: Predictions,
        *,
        name: str = "head",
        controls: Mapping[str, Evaluation] | None = None,
        notes: tuple[str, ...] = (),
        level: float = 0.95,
        about: Mapping[str, Any] | None = None,
        left_out: pd.DataFrame | None = None,
    ) -> None:
        check_level(level)
        self.predictions = predictions
        self.name = name
        self.controls: dict[str, Evaluation] = dict(controls or {})
        self.notes = tuple(dict.fromkeys(notes))
        self.level = level
        self.about: dict[str, Any] = dict(about or {})
        nothing = pd.DataFrame(columns=["path", "reason"], dtype=object)
        self.left_out = nothing if left_out is None else left_out.reset_index(drop=True)

    @functools.cached_property
    def figures(self) -> dict[tuple[str, str], SubjectStatistic]:
        """Every figure of merit, keyed by name and ``"cells"`` or ``"subjects"``."""
        return score_figures(self.predictions)

    @functools.cached_property
    def _intervals(self) -> dict[tuple[str, str], Interval]:
        return {key: figure.interval(self.level) for key, figure in self.figures.items()}

    def interval(self, metric: str, over: str = "cells") -> Interval:
        """Return a figure of merit with its interval.

        Parameters
        ----------
        metric : str
            For example ``"auroc"`` or ``"sensitivity"``.
        over : {"cells", "subjects"}, default="cells"
            Whether every cell or every subject counts the same.

        Returns
        -------
        Interval

        Raises
        ------
        UnknownFigureError
            A `KeyError`: there is no such figure; the message lists those that there are.
        """
        found = self._intervals.get((metric, over))
        if found is None:
            known = ", ".join(dict.fromkeys(name for name, o in self._intervals if o == over))
            raise UnknownFigureError(
                f"No figure {metric!r} over {over!r}; there are: {known or 'none'}."
            )
        return found

    def __getitem__(self, metric: str) -> Interval:
        return self.interval(metric)

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """The figures of merit: one row a figure, over cells and over subjects."""
        return score_frame((name, over, one) for (name, over), one in self._intervals.items())

    @functools.cached_property
    def confusion(self) -> pd.DataFrame:
        """Counts of true (rows) against predicted classes (columns)."""
        return confusion_frame(self.predictions)

    @functools.cached_property
    def per_subject(self) -> pd.DataFrame:
        """How each subject fared, worst first; empty where subjects are not known."""
        return per_subject_frame(self.predictions, self.level)

    def to_frame(self) -> pd.DataFrame:
        """Return the scores of the head and of its control heads in one table.

        Returns
        -------
        pandas.DataFrame
            As `scores`, with a first column ``head``.
        """
        parts = [(self.name, self), *self.controls.items()]
        return pd.concat(
            [one.scores.assign(head=name).set_index("head") for name, one in parts]
        ).reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold.

        Returns
        -------
        dict
        """
        p = self.predictions
        return {
            "format": FORMAT,
            "name": self.name,
            "n_cells": p.n_cells,
            "n_subjects": p.n_subjects,
            "n_without_subject": p.n_without_subject,
            "class_names": list(p.class_names),
            "positive": None if p.positive is None else p.class_names[p.positive],
            "level": self.level,
            "notes": list(self.notes),
            "scores": self._plain_scores(),
            "confusion": self.confusion.to_numpy().tolist(),
            "per_subject": plain_rows(self.per_subject),
            "controls": {name: one._plain_scores() for name, one in self.controls.items()},
            "conformal_sets": [
                {**one, "classes": plain_rows(pd.DataFrame(one["classes"]))}
                if "classes" in one
                else one
                for one in conformal_report(self)
            ],
            "risk_coverage": self._plain_risk(),
            "most_wrong": plain_rows(self.most_wrong(None)),
            "left_out": plain_rows(self.left_out),
            "about": self.about,
        }

    def _plain_scores(self) -> list[dict[str, Any]]:
        return [
            {"metric": name, "over": over, **one.to_dict()}
            for (name, over), one in self._intervals.items()
        ]

    def _plain_risk(self) -> list[dict[str, Any]]:
        try:
            return plain_rows(self.risk_coverage())
        except ValueError:  # no probabilities
            return []

    def to_markdown(self) -> str:
        """Return the figures beside the control heads, the notes and the rest as Markdown.

        Returns
        -------
        str
        """
        return evaluation_markdown(self) + deferring_markdown(self) + left_out_markdown(self)

    def most_wrong(self, n: int | None = 20) -> pd.DataFrame:
        """List the wrongly called cells, those first of which the head was surest.

        Parameters
        ----------
        n : int or None, default=20
            At most so many; ``None`` for all.

        Returns
        -------
        pandas.DataFrame
            ``cell`` (row of the features), and where known ``path`` (of the image), ``subject``
            and ``id`` (digest of the pixels); ``true``, ``predicted``, and where there are scores
            ``score_of_true``. Of several repeats the first.
        """
        return most_wrong(self.predictions, n)

    def operating_points(
        self, *, sensitivity: float | None = None, specificity: float | None = None
    ) -> pd.DataFrame:
        """Return what is reached at a fixed sensitivity or specificity.

        Parameters
        ----------
        sensitivity, specificity : float, optional
            Exactly one of them, in (0, 1].

        Returns
        -------
        pandas.DataFrame
            One row a class, see :func:`leukfeat.evaluation.operating_points`.
        """
        from leukfeat.evaluation.operating import operating_points

        return operating_points(self, sensitivity=sensitivity, specificity=specificity)

    def conformal_sets(self, *, level: float = 0.9) -> pd.DataFrame:
        """Test sets of classes that should hold the truth of a random cell of a new subject.

        Parameters
        ----------
        level : float, default=0.9
            The promised coverage, for cells of each class.

        Returns
        -------
        pandas.DataFrame
            One row a class, see :func:`leukfeat.evaluation.conformal_sets`.

        Raises
        ------
        ValueError
            If the level cannot be promised from so few subjects; the message says what can.
        """
        return conformal_sets(self, level=level)

    def risk_coverage(self, n_points: int = 20) -> pd.DataFrame:
        """Show how the error falls when the least sure cells are left to a person.

        Parameters
        ----------
        n_points : int, default=20
            Rows of the table, at most.

        Returns
        -------
        pandas.DataFrame
            As :func:`leukfeat.metrics.risk_coverage`.

        Raises
        ------
        ValueError
            If the head gives no probabilities.
        """
        return result_risk_coverage(self, n_points=n_points)

    def suspected_label_errors(self, n: int | None = 20) -> pd.DataFrame:
        """List the cells whose label is probably wrong, the most suspect first.

        Parameters
        ----------
        n : int or None, default=20
            At most so many; ``None`` for all.

        Returns
        -------
        pandas.DataFrame
            As :func:`leukfeat.metrics.suspected_label_errors`, with ``path`` and ``id`` of each
            cell where known; ``cell`` is the row of the features. Of several repeats the first.

        Raises
        ------
        ValueError
            If the head gives no probabilities.
        """
        return suspects(self.predictions, self.name, n)

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        audit: Audit | None = None,
        comparison: Comparison | None = None,
        images: bool = False,
        maps: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Path | str:
        """Write the result as one HTML file that needs no network.

        Parameters
        ----------
        path : path-like, optional
            The file; an older one is replaced. Without it the page is returned as text.
        audit : Audit, optional
            Of the same cells: its verdict comes first.
        comparison : Comparison, optional
            Of heads on the same splits.
        images : bool, default=False
            Whether to put the most wrong cells' images into the page; they are read by their
            paths. Ask whether you may pass them on.
        maps : callable, optional
            With `images`: from an RGB image to where the head finds its evidence, for example
            :func:`leukfeat.evaluation.occlusion_evidence` of a score; drawn over each image.

        Returns
        -------
        Path or str
            Where it stands; the page itself without `path`.

        Raises
        ------
        ValueError
            If images are asked for and the cells have no paths.
        """
        from leukfeat.evaluation.report import evaluation_page

        page = evaluation_page(self, audit=audit, comparison=comparison, images=images, maps=maps)
        return page.render() if path is None else page.write(path)

    def _repr_html_(self) -> str:
        return evaluation_html(self)

    def __repr__(self) -> str:
        p = self.predictions
        of = "subjects not known" if p.n_subjects is None else f"{p.n_subjects} subjects"
        key = "auroc" if ("auroc", "cells") in self._intervals else "balanced_accuracy"
        notes = f", {len(self.notes)} notes" if self.notes else ""
        return f"Evaluation({self.name!r}: {p.n_cells} cells, {of}; {key} {self[key]}{notes})"

    def plot_roc(self, *, ax: Any = None) -> Figure:
        """Draw the ROC curve with its band by subject, beside the control heads.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.evaluation.figures import plot_curves

        return plot_curves([self, *self.controls.values()], kind="roc", ax=ax)

    def plot_precision_recall(self, *, ax: Any = None) -> Figure:
        """Draw the precision-recall curve with its band by subject, beside the control heads.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.evaluation.figures import plot_curves

        return plot_curves([self, *self.controls.values()], kind="precision_recall", ax=ax)

    def plot_risk_coverage(self) -> Figure:
        """Draw the error among the surest cells against the part that is decided.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If the head gives no probabilities.
        """
        from leukfeat.evaluation.figures import plot_risk_coverage

        return plot_risk_coverage(self)

    def plot_confusion(self, *, ax: Any = None) -> Figure:
        """Draw the confusion table.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.evaluation.figures import plot_confusion

        return plot_confusion(self, ax=ax)

    def plot_per_subject(self) -> Figure:
        """Draw the part of each subject's cells that is classified right.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If subjects are not known.
        """
        from leukfeat.evaluation.figures import plot_per_subject

        return plot_per_subject(self)
