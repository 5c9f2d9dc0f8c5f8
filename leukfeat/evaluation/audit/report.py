"""`Audit`: the findings, a verdict in words, and what to do with them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.evaluation.audit.finding import Finding
from leukfeat.evaluation.audit.identical import copies
from leukfeat.evaluation.cell_names import cell_paths
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.wording import counted, html_table, markdown_table
from leukfeat.exceptions import LeakageError
from leukfeat.features import FeatureSet
from leukfeat.metrics import Interval
from leukfeat.splitting.groups import merge_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Audit"]

_ORDER = ("leak", "shortcut", "warning", "note")
_MARKS = {"leak": "LEAK", "shortcut": "SHORTCUT", "warning": "warning", "note": "ok / note"}


class Audit:
    """What an audit found. Made by :func:`audit`.

    Parameters
    ----------
    findings : sequence of Finding
        In any order.
    name : str
        Name of the dataset.
    n_cells : int
        Number of cells.
    identical, near : DataFrame
        Pairs of identical and of near-identical images.
    tied : list of tuple of str
        Sets of subjects that share images.
    balance : DataFrame
        Cells and subjects a class, and what they support.
    clues : mapping of str to Evaluation
        Heads that know only what is not the cell.
    not_done : sequence of str
        What could not be looked at, and why.
    cells : DataFrame, optional
        ``image`` and ``digest`` of each cell, by which the audited cells are known again when
        some were left out since.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        *,
        name: str,
        n_cells: int,
        identical: pd.DataFrame,
        near: pd.DataFrame,
        tied: list[tuple[str, ...]],
        balance: pd.DataFrame,
        clues: Mapping[str, Evaluation],
        not_done: Sequence[str] = (),
        cells: pd.DataFrame | None = None,
    ) -> None:
        self.findings = sorted(findings, key=lambda f: _ORDER.index(f.severity))
        self.name = name
        self.n_cells = n_cells
        self.identical = identical
        self.near = near
        self.tied_subjects = tied
        self.balance = balance
        self.clues = dict(clues)
        self.not_done = tuple(not_done)
        self._cells = cells

    def of(self, *severities: str) -> list[Finding]:
        """Return the findings of some severities.

        Parameters
        ----------
        *severities : {"leak", "shortcut", "warning", "note"}
            Which.

        Returns
        -------
        list of Finding
        """
        return [f for f in self.findings if f.severity in severities]

    @property
    def clue_areas(self) -> dict[str, Interval]:
        """AUROC of each clue, over pairs of subjects where these are known."""
        return {
            name: one.interval("auroc", "cells" if one.predictions.subjects is None else "subjects")
            for name, one in self.clues.items()
        }

    @property
    def is_leaky(self) -> bool:
        """Whether a result would be too high because sides share subjects or images."""
        return bool(self.of("leak"))

    @property
    def has_shortcut(self) -> bool:
        """Whether the label is told without the cell."""
        return bool(self.of("shortcut"))

    @property
    def verdict(self) -> str:
        """The audit in one or two sentences."""
        leaks, shortcuts = len(self.of("leak")), len(self.of("shortcut"))
        said = []
        if leaks:
            said.append(f"Leaky ({counted(leaks, 'finding')}): results would be too high.")
        if shortcuts:
            names = ", ".join(f.kind for f in self.of("shortcut"))
            said.append(f"The label is told without the cell ({names}).")
        warnings = len(self.of("warning"))
        if not said:
            more = f"; {counted(warnings, 'warning')} to read" if warnings else ""
            found = "No leak and no shortcut found" if self.clues else "No leak found"
            said.append(f"{found}{more}.")
        if self.not_done:
            said.append(f"Not looked at: {'; '.join(self.not_done)}.")
        return f"{self.name}: {' '.join(said)}"

    def raise_if_leaky(self, *, shortcuts: bool = False) -> Audit:
        """Stop here if results would be too high.

        Parameters
        ----------
        shortcuts : bool, default=False
            Stop for shortcuts too.

        Returns
        -------
        Audit
            Itself, if all is well.

        Raises
        ------
        LeakageError
            With every leak in words.
        """
        bad = self.of("leak", "shortcut") if shortcuts else self.of("leak")
        if bad:
            raise LeakageError(f"{self.name}: " + " | ".join(f.message for f in bad))
        return self

    def _copies(self) -> pd.DataFrame:
        columns = ["first", "second", "crosses_subject", "crosses_label"]
        both = [t[columns] for t in (self.identical, self.near) if len(t)]
        return pd.concat(both, ignore_index=True) if both else pd.DataFrame(columns=columns)

    def merged(self, data: Any) -> Any:
        """Return the cells with subjects that share images in one group.

        Parameters
        ----------
        data : CellDataset or FeatureSet
            The audited cells or features of them, also if some were left out since: they are
            known again by path, or by the digest of their pixels.

        Returns
        -------
        CellDataset or FeatureSet
            With ``group`` named after the first subject of each group, or after its first row
            where no subject is known; a cell without subject that has no copy has no group.
        """
        rows = self._rows_of(data)
        pairs = self._copies()[["first", "second"]].to_numpy(np.int64)
        # Numbered among all audited cells: a copy that was left out since still ties two others.
        shared = copies(pairs, self.n_cells)[rows]
        merged = merge_groups(data.subjects, data.groups, shared)
        group = _group_names(merged, data.subjects)
        if isinstance(data, FeatureSet):
            new = data[np.arange(len(data))]
            new.groups = group
            return new
        frame = data.frame
        frame["group"] = group
        return CellDataset(
            frame,
            class_names=data.class_names,
            positive=data.positive,
            name=data.name,
            skipped=data.skipped,
        )

    def without_copies(self, data: Any) -> Any:
        """Return the cells without copies.

        Of copies that bear two subjects or two labels none is kept, since which is right is
        not known; of other copies the first is kept.

        Parameters
        ----------
        data : CellDataset or FeatureSet
            The audited cells or features of them, also if some were left out since: they are
            known again by path, or by the digest of their pixels.

        Returns
        -------
        CellDataset or FeatureSet
        """
        place = np.full(self.n_cells, -1)
        place[self._rows_of(data)] = np.arange(len(data))
        found = self._copies()
        first, second = (place[found[name].to_numpy(np.int64)] for name in ("first", "second"))
        unclear = (found["crosses_subject"] | found["crosses_label"]).to_numpy(bool)
        keep = np.ones(len(data) + 1, bool)  # the last place is that of cells that are not there
        keep[second[unclear | (first >= 0)]] = False
        keep[first[unclear]] = False
        return data[keep[:-1]]

    def _rows_of(self, data: Any) -> np.ndarray:
        """Return which of the audited cells each of these is."""
        known = self._cells
        if known is not None:
            for mine, theirs in (
                (known["image"], cell_paths(data)),
                (known["digest"], getattr(data, "ids", None)),
            ):
                rows = None if theirs is None else _places(mine, theirs)
                if rows is not None:
                    return rows
        if len(data) != self.n_cells:
            raise ValueError(
                f"The audit is of {self.n_cells} cells, and 'data' has {len(data)}, which cannot "
                "be told apart by path or by digest: give the same cells in the same order."
            )
        return np.arange(len(data))

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain values that JSON can hold.

        Returns
        -------
        dict
        """
        balance = self.balance.reset_index().astype(object)
        return {
            "name": self.name,
            "n_cells": self.n_cells,
            "verdict": self.verdict,
            "findings": [f.to_dict() for f in self.findings],
            "tied_subjects": [list(s) for s in self.tied_subjects],
            "balance": balance.where(balance.notna(), None).to_dict("records"),
            "clues": {name: area.to_dict() for name, area in self.clue_areas.items()},
            "not_done": list(self.not_done),
        }

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        rows = [[_MARKS[f.severity], f.kind, f.message] for f in self.findings]
        return ["", "looked for", "found"], rows

    def to_markdown(self) -> str:
        """Return the verdict and the findings as Markdown.

        Returns
        -------
        str
        """
        return f"**{self.verdict}**\n\n{markdown_table(*self._rows())}\n"

    def _repr_html_(self) -> str:
        return f"<p><b>{html.escape(self.verdict)}</b></p>{html_table(*self._rows())}"

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.of(s))} {s}" for s in _ORDER if self.of(s))
        return f"Audit({self.name!r}: {self.n_cells} cells; {counts})"

    def plot(self) -> Figure:
        """Draw how well each clue tells the label.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ValueError
            If no clue was tested.
        """
        from leukfeat.reporting import caption, draw_forest

        if not self.clues:
            raise ValueError("No clue was tested: labels or measurements are missing.")
        table = pd.DataFrame(
            [
                {
                    "head": name,
                    "metric": "AUROC of what is not the cell",
                    "estimate": area.estimate,
                    "low": area.low,
                    "high": area.high,
                }
                for name, area in self.clue_areas.items()
            ]
        )
        p = next(iter(self.clues.values())).predictions
        level = next(iter(self.clue_areas.values())).level
        words = f"bars: {100 * level:g} % intervals by {p.unit}"
        figure = draw_forest(table, text=caption(p.n_cells, p.n_subjects, words))
        figure.axes[0].axvline(0.5, color="#888888", linewidth=0.8, zorder=0)
        return figure


def _places(known: pd.Series, names: np.ndarray) -> np.ndarray | None:
    """Return where each of `names` stands among `known`; ``None`` if that cannot be told."""
    wanted = pd.Series(names, dtype=object)
    if wanted.isna().any() or (wanted == "").any():
        return None
    # Equal images are told apart by their order, which is the same in both.
    mine = pd.DataFrame({"key": known, "nth": known.groupby(known).cumcount()})
    mine["place"] = np.arange(len(mine))
    theirs = pd.DataFrame({"key": wanted, "nth": wanted.groupby(wanted).cumcount()})
    counts = known.value_counts()
    here = wanted.value_counts()
    if not here.index.isin(counts.index).all() or (counts[here.index] > here).any():
        return None
    place = theirs.merge(mine.dropna(subset=["key"]), on=["key", "nth"], how="left")["place"]
    return None if place.isna().any() else place.to_numpy(np.int64)


def _group_names(merged: np.ndarray, subjects: np.ndarray | None) -> np.ndarray:
    """Name each group after the least of its known subjects, else after its first row."""
    names = np.full(len(merged), None, object)
    for rows in pd.Series(merged).groupby(merged).indices.values():
        told = [] if subjects is None else [s for s in subjects[rows] if not pd.isna(s) and s != ""]
        if told:
            names[rows] = min(map(str, told))
        elif subjects is None or len(rows) > 1:
            names[rows] = str(rows[0]) if subjects is None else f"row {rows[0]}"
    return names
