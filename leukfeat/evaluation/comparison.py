"""`Comparison`: several heads on the same splits of the same cells."""

from __future__ import annotations

import html
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from leukfeat.evaluation.beyond_controls import beyond_controls
from leukfeat.evaluation.differences import paired_difference
from leukfeat.evaluation.result import FORMAT, Evaluation
from leukfeat.evaluation.scoring import figure_name
from leukfeat.evaluation.wording import (
    html_table,
    interval_notes,
    left_out_markdown,
    markdown_table,
    notes_html,
    sentence,
)
from leukfeat.metrics import holm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from leukfeat.evaluation.audit.report import Audit

__all__ = ["Comparison"]

_BY_SUBJECT = "balanced_accuracy"
"""Where subjects are known, the figure that the table gives over subjects too: each counts once."""

_SHOWN = ("auroc", "balanced_accuracy", "accuracy", "weighted_f1", "sensitivity", "specificity")


class Comparison:
    """Results of several heads, beside the control heads, with their paired differences.

    Made by :func:`cross_validate_heads`.

    Parameters
    ----------
    results : mapping of str to Evaluation
        One result a head, on the same cells.
    controls : mapping of str to Evaluation
        The control heads on these cells.
    notes : sequence of str
        What a reader must know before believing the numbers.
    plan : mapping
        How the cells were divided.
    level : float, default=0.95
        Level of the intervals.
    """

    def __init__(
        self,
        results: Mapping[str, Evaluation],
        *,
        controls: Mapping[str, Evaluation],
        notes: tuple[str, ...],
        plan: Mapping[str, Any],
        level: float = 0.95,
    ) -> None:
        self.results = dict(results)
        self.controls = dict(controls)
        self.notes = tuple(dict.fromkeys(notes))
        self.plan = dict(plan)
        self.level = level

    def __getitem__(self, head: str) -> Evaluation:
        if head not in self.all:
            raise KeyError(f"No head {head!r} was compared; there are: {', '.join(self.all)}.")
        return self.all[head]

    def __iter__(self) -> Any:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def all(self) -> dict[str, Evaluation]:
        """The heads, then the control heads."""
        return {**self.results, **self.controls}

    @property
    def scores(self) -> pd.DataFrame:
        """Every figure of every head and control head, one a row."""
        parts = [one.scores.assign(head=name) for name, one in self.all.items()]
        frame = pd.concat(parts, ignore_index=True)
        return frame[["head", *[c for c in frame.columns if c != "head"]]]

    @property
    def table(self) -> pd.DataFrame:
        """The main figures, one row a head, as ``0.913 (0.880 to 0.941)``.

        They are over cells; where subjects are known the balanced accuracy over subjects, of
        which each counts the same, comes first.
        """
        shown = [(_BY_SUBJECT, "subjects"), *((metric, "cells") for metric in _SHOWN)]
        shown = [key for key in shown if any(key in r.figures for r in self.results.values())]
        return pd.DataFrame(
            [
                [str(one.interval(*key)) if key in one.figures else "" for key in shown]
                for one in self.all.values()
            ],
            pd.Index(list(self.all), name="head"),
            [
                figure_name(metric) + (", over subjects" if over == "subjects" else "")
                for metric, over in shown
            ],
        )

    def to_frame(self) -> pd.DataFrame:
        """Return :attr:`scores`."""
        return self.scores

    def best(self, metric: str = "auroc", over: str = "cells") -> str:
        """Return the name of the head with the highest figure.

        The highest of several is too high an estimate of itself; see :meth:`differences` for
        whether it is better at all.

        Parameters
        ----------
        metric : str, default="auroc"
            Figure of merit.
        over : {"cells", "subjects"}, default="cells"
            Whether every cell or every subject counts the same.

        Returns
        -------
        str
        """
        return max(self.results, key=lambda name: self[name].interval(metric, over).estimate)

    def differences(
        self, metric: str = "auroc", *, over: str = "cells", controls: bool = True
    ) -> pd.DataFrame:
        """Compare the heads in pairs, on the same subjects.

        Parameters
        ----------
        metric : str, default="auroc"
            Figure of merit.
        over : {"cells", "subjects"}, default="cells"
            Whether every cell or every subject counts the same.
        controls : bool, default=True
            Whether to compare each head with each control head too.

        Returns
        -------
        pandas.DataFrame
            ``first``, ``second``, ``difference``, ``low``, ``high`` (by leaving out subjects),
            ``p`` and ``test`` (signs flipped, or heads swapped, by subject), ``p_holm`` (for
            all rows), ``detectable``: the smallest difference that these subjects would have
            shown with a power of 0.8.
        """
        pairs = list(itertools.combinations(self.results, 2))
        if controls:
            pairs += list(itertools.product(self.results, self.controls))
        rows = [
            {
                "first": a,
                "second": b,
                **paired_difference(self[a], self[b], metric, over=over, level=self.level),
            }
            for a, b in pairs
        ]
        columns = ["first", "second", "difference", "low", "high", "p", "test", "detectable"]
        frame = pd.DataFrame(rows, columns=columns)
        frame.insert(6, "p_holm", holm(frame["p"].tolist()))
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values that JSON can hold.

        Returns
        -------
        dict
        """
        differences = self.differences(*self._main())
        return {
            "format": FORMAT,
            "plan": self.plan,
            "level": self.level,
            "notes": [*beyond_controls(self.results, self.controls), *self.notes],
            "heads": {name: one.to_dict() for name, one in self.results.items()},
            "controls": {name: one.to_dict() for name, one in self.controls.items()},
            "differences": differences.astype(object)
            .where(differences.notna(), None)
            .to_dict("records"),
        }

    def to_markdown(self) -> str:
        """Return the table of heads and the notes as Markdown.

        Returns
        -------
        str
        """
        header, rows = self._rows()
        notes = "".join(f"\n- {note}" for note in self._remarks())
        tail = f"\n{notes}\n" if notes else "\n"
        first = next(iter(self.results.values()))
        return (
            f"{self._sentence()}\n\n{markdown_table(header, rows)}{tail}{left_out_markdown(first)}"
        )

    def to_html(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        head: str | None = None,
        audit: Audit | None = None,
    ) -> Path | str:
        """Write the comparison, and one head in full, as one HTML file that needs no network.

        Parameters
        ----------
        path : path-like, optional
            The file; an older one is replaced. Without it the page is returned as text.
        head : str, optional
            The head that is shown in full; default: the first, since the best of several would
            be flattered by the choice.
        audit : Audit, optional
            Of the same cells: its verdict comes first.

        Returns
        -------
        Path or str
            Where it stands; the page itself without `path`.
        """
        shown = next(iter(self.results)) if head is None else head
        return self[shown].to_html(path, audit=audit, comparison=self)

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        table = self.table
        return ["head", *table.columns], [
            [str(name), *map(str, row)]
            for name, row in zip(table.index, table.to_numpy(), strict=True)
        ]

    def _remarks(self) -> tuple[str, ...]:
        beyond = beyond_controls(self.results, self.controls)
        return (*beyond, *self.notes, *interval_notes(self.results.values(), _SHOWN))

    def _sentence(self) -> str:
        plan = self.plan
        known = next(iter(self.results.values())).predictions.n_subjects is not None
        how = {
            "group": "split by subject" if known else "split by cell (SUBJECTS NOT KNOWN)",
            "random": "split at random",
            "official": "official folds",
            "leave_one_out": f"leave one {plan['by'] or 'group'} out",
        }[plan["split"]]
        first = next(iter(self.results.values()))
        return f"Cross-validation, {how}, {plan['n_splits']} folds: {sentence(first)}."

    def _main(self) -> tuple[str]:
        first = next(iter(self.results.values()))
        return ("auroc",) if ("auroc", "cells") in first.figures else ("balanced_accuracy",)

    def _repr_html_(self) -> str:
        words = f"<p>{html.escape(self._sentence())}</p>"
        return f"{words}{html_table(*self._rows())}{notes_html(self._remarks())}"

    def __repr__(self) -> str:
        p = next(iter(self.results.values())).predictions
        of = "subjects not known" if p.n_subjects is None else f"{p.n_subjects} subjects"
        return (
            f"Comparison({len(self)} heads, {p.n_cells} cells, {of}, split={self.plan['split']!r}, "
            f"{self.plan['n_splits']} folds x {self.plan['n_repeats']})"
        )

    def plot(
        self, metrics: tuple[str, ...] = ("auroc", "balanced_accuracy"), *, over: str = "cells"
    ) -> Figure:
        """Draw figures of merit of all heads with their intervals.

        Parameters
        ----------
        metrics : tuple of str
            Figures of merit, one a panel.
        over : {"cells", "subjects"}, default="cells"
            Whether every cell or every subject counts the same.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.reporting import caption, draw_forest

        scores = self.scores
        rows = scores[(scores["over"] == over) & scores["metric"].isin(metrics)]
        wanted = {m: i for i, m in enumerate(metrics)}
        rows = rows.sort_values("metric", key=lambda s: s.map(wanted), kind="stable")
        p = next(iter(self.results.values())).predictions
        text = caption(
            p.n_cells, p.n_subjects, f"bars: {100 * self.level:g} % intervals by {p.unit}"
        )
        return draw_forest(
            rows.assign(metric=rows["metric"].map(figure_name)),
            text="\n".join([text, *self.notes]),
        )

    def plot_roc(self, *, ax: Any = None) -> Figure:
        """Draw the ROC curves of all heads.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; default: a new figure.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.evaluation.figures import plot_curves

        # Several bands over each other cannot be read.
        return plot_curves(list(self.all.values()), ax=ax, band=len(self.results) == 1)
