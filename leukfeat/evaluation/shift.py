"""How a result falls when stain, light, focus, scale or compression change."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.evaluation.left_out import NO_LABEL
from leukfeat.evaluation.overlap import check_overlap
from leukfeat.evaluation.predicting import predict_cells
from leukfeat.evaluation.predictions import statistical_units
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.scoring import figure_name
from leukfeat.evaluation.shift_verdict import shift_verdicts
from leukfeat.evaluation.shifted_images import AMOUNTS, SHIFTS, UNCHANGED, UNITS, shift_image
from leukfeat.evaluation.wording import html_table, interval_texts, markdown_table, notes_html
from leukfeat.exceptions import ImageReadError
from leukfeat.features import FeatureSet
from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import read_image
from leukfeat.metrics import difference
from leukfeat.reporting import caption, draw_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ShiftSweep", "shift_sweep"]

_COLUMNS = ["kind", "amount", "estimate", "low", "high", "fall", "fall_low", "fall_high"]


class ShiftSweep:
    """A figure of merit against changes of the images. Made by :func:`shift_sweep`.

    Parameters
    ----------
    table : DataFrame
        ``kind``, ``amount`` (in the units of `UNITS`), ``estimate``, ``low``, ``high``, and
        ``fall``, ``fall_low``, ``fall_high``: the figure on the unchanged images less this one,
        on the same cells.
    metric : str
        Figure of merit.
    level : float, default=0.95
        Level of the intervals.
    n_cells : int, default=0
        Cells that each point is tested on.
    n_subjects : int, optional
        Their subjects; ``None`` where not known.
    unit : str, default="cell"
        What intervals count.
    notes : sequence of str, default=()
        What a reader must know.
    left_out : pandas.DataFrame, optional
        ``path`` and ``reason`` of the images that were not tested.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        *,
        metric: str,
        level: float = 0.95,
        n_cells: int = 0,
        n_subjects: int | None = None,
        unit: str = "cell",
        notes: Sequence[str] = (),
        left_out: pd.DataFrame | None = None,
    ) -> None:
        self.table = table
        self.metric = metric
        self.level = level
        self.n_cells = n_cells
        self.n_subjects = n_subjects
        self.unit = unit
        self.notes = tuple(notes)
        nothing = pd.DataFrame(columns=["path", "reason"], dtype=object)
        self.left_out = nothing if left_out is None else left_out

    @property
    def verdict(self) -> tuple[str, ...]:
        """For each kind of change the first amount at which a fall is shown, one sentence each."""
        return shift_verdicts(self.table, figure_name(self.metric))

    @property
    def worst(self) -> pd.DataFrame:
        """The lowest estimate of each kind of change."""
        rows = self.table.groupby("kind", sort=False)["estimate"].idxmin()
        return self.table.loc[rows].reset_index(drop=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the sweep as plain values that JSON can hold."""
        clean = self.table.astype(object).where(self.table.notna(), None)
        return {
            "metric": self.metric,
            "level": self.level,
            "n_cells": self.n_cells,
            "n_subjects": self.n_subjects,
            "verdict": list(self.verdict),
            "notes": list(self.notes),
            "units": {kind: UNITS[kind] for kind in dict.fromkeys(self.table["kind"])},
            "points": clean.to_dict("records"),
            "left_out": self.left_out.to_dict("records"),
        }

    def to_markdown(self) -> str:
        """Return what is shown, every point, and the notes, as Markdown."""
        notes = "".join(f"\n- {note}" for note in self.notes)
        gone = "".join(f"\n- left out: {r.path}: {r.reason}" for r in self.left_out.itertuples())
        said = "".join(f"\n- {one}" for one in self.verdict)
        return (
            f"{self._words()}.\n{said}\n\n{self._reading()}\n\n{markdown_table(*self._rows())}\n"
            f"{notes}{gone}\n"
        )

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        header = ["change", "amount", figure_name(self.metric), "fall"]
        falls = self.table[["fall", "fall_low", "fall_high"]].set_axis(
            ["estimate", "low", "high"], axis=1
        )
        rows = zip(
            self.table["kind"],
            self.table["amount"],
            interval_texts(self.table),
            interval_texts(falls),
            strict=True,
        )
        return header, [
            [
                str(kind),
                AMOUNTS[kind].format(amount),
                text,
                "unchanged" if amount == UNCHANGED[kind] else fall,
            ]
            for kind, amount, text, fall in rows
        ]

    def _reading(self) -> str:
        return (
            f"A fall is the {figure_name(self.metric)} on the unchanged images less that on the "
            f"changed ones, of the same cells, with its {100 * self.level:g} % interval; it is shown "
            "where the interval lies above 0. Where it does not, a fall may still be there that so "
            f"few {self.unit}s cannot show."
        )

    def _repr_html_(self) -> str:
        said = notes_html(self.verdict)
        words = f"<p>{html.escape(self._reading())}</p>"
        return f"{said}{words}{html_table(*self._rows())}{notes_html(self.notes)}"

    def _words(self) -> str:
        return caption(
            self.n_cells,
            self.n_subjects,
            f"{100 * self.level:g} % intervals by {self.unit}",
            "the head is the same at every point",
        )

    def plot(self) -> Figure:
        """Draw the fall, one panel a kind of change.

        Returns
        -------
        matplotlib.figure.Figure
        """
        panels = [f"{kind}\n{UNITS[kind]}" for kind in self.table["kind"]]
        return draw_line(
            self.table.rename(columns={"amount": "x"}).assign(panel=panels),
            x_label="",
            y_label=figure_name(self.metric),
            text="\n".join([f"{self._words()} (shaded)", *self.notes]),
        )


def shift_sweep(
    head: Any,
    cells: CellDataset,
    extract: Callable[[CellDataset], FeatureSet] | None = None,
    *,
    shifts: Mapping[str, Sequence[float]] | None = None,
    metric: str = "auroc",
    level: float = 0.95,
    allow_training_cells: bool = False,
    errors: Literal["raise", "skip"] = "raise",
) -> ShiftSweep:
    """Test a fitted head on changed images.

    Parameters
    ----------
    head : CellClassifier, Head or fitted classifier
        Fitted on other cells.
    cells : CellDataset
        Labelled test cells; changed copies are held in memory. Unlabelled ones are left out.
    extract : callable, optional
        Takes a `CellDataset` and returns its features in the head's feature space. A
        `CellClassifier` brings its own.
    shifts : mapping of str to sequence of float, optional
        Kinds of change and their amounts; default: `SHIFTS`.
    metric : str, default="auroc"
        Figure of merit.
    level : float, default=0.95
        Level of the intervals.
    allow_training_cells : bool, default=False
        Sweep although subjects or images were in the head's training; the notes then say so.
    errors : {"raise", "skip"}, default="raise"
        Whether an image that cannot be read stops the work, or is left out and listed.

    Returns
    -------
    ShiftSweep

    Raises
    ------
    LeakageError
        If subjects or images of the test were in training, and this is not allowed.
    ValueError
        If there are no labels, no way to extract features, or no such figure.
    """
    if hasattr(head, "predict_subjects"):
        extract = head.extract if extract is None else extract
        head = head.head
    if extract is None:
        raise ValueError("'extract' is needed: how are features of the changed images computed?")
    images, kept, left_out = _readable(cells, errors)
    plain = FeatureSet(
        np.zeros((len(kept), 1), np.float32),
        None if kept.y is None else kept.y,
        subjects=kept.subjects,
        groups=kept.groups,
        ids=[pixel_key(image).hex() for image in images],
        class_names=kept.class_names,
        positive=kept.positive,
        name=kept.name,
    )
    notes = check_overlap(head, plain, allow_training_cells=allow_training_cells)
    units, unit, note = statistical_units(plain)
    if plain.subjects is None and not note:
        note = "no subjects: intervals take cells as independent and are too narrow"

    def tested(changed: CellDataset) -> Evaluation:
        predictions = predict_cells(head, extract(changed), units=units, unit=unit)
        return Evaluation(predictions, level=level)

    before = tested(_changed(kept, images, "unchanged"))
    before.interval(metric)  # is there such a figure?
    key = (metric, "cells")
    rows = []
    for kind, amounts in (SHIFTS if shifts is None else shifts).items():
        for amount in amounts:
            after = before
            if amount != UNCHANGED.get(kind):
                changed = [shift_image(image, kind, amount) for image in images]
                after = tested(_changed(kept, changed, f"{kind} {amount:g}"))
            now = after[metric]
            fall = (0.0, 0.0, 0.0)
            if after is not before:
                one = difference(before.figures[key], after.figures[key]).interval(level)
                fall = (one.estimate, one.low, one.high)
            rows.append((kind, float(amount), now.estimate, now.low, now.high, *fall))
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return ShiftSweep(
        table,
        metric=metric,
        level=level,
        n_cells=len(kept),
        n_subjects=before.predictions.n_subjects,
        unit=unit,
        notes=(*notes, *([note] if note else [])),
        left_out=left_out,
    )


def _changed(kept: CellDataset, images: list[RGB], how: str) -> CellDataset:
    return CellDataset.from_arrays(
        images,
        kept.y,
        kept.subjects,
        class_names=kept.class_names,
        positive=kept.positive,
        name=f"{kept.name}, {how}",
    )


def _readable(cells: CellDataset, errors: str) -> tuple[list[RGB], CellDataset, pd.DataFrame]:
    """Read the labelled cells; those that cannot be used are listed."""
    if cells.y is None:
        raise ValueError(f"{cells.name!r} has no labels: there is no truth to test against.")
    images, keep, gone = [], [], []
    for i, given in enumerate(cells.images):
        name = f"row {i}" if isinstance(given, np.ndarray) else str(given)
        if cells.y[i] < 0:
            gone.append((name, NO_LABEL))
            continue
        try:
            images.append(given if isinstance(given, np.ndarray) else read_image(given))
        except ImageReadError as error:
            if errors == "raise":
                raise
            gone.append((name, str(error)))
            continue
        keep.append(i)
    if not keep:
        raise ValueError(f"No cell of {cells.name!r} can be tested: {gone[:3]}.")
    return images, cells[keep], pd.DataFrame(gone, columns=["path", "reason"], dtype=object)
