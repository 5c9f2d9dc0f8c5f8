"""How a result falls when stain, light, focus, scale or compression change."""

from __future__ import annotations

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
from leukfeat.evaluation.shifted_images import SHIFTS, shift_image
from leukfeat.evaluation.wording import interval_texts, markdown_table, notes_html
from leukfeat.exceptions import ImageReadError
from leukfeat.features import FeatureSet
from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import read_image
from leukfeat.reporting import caption, draw_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ShiftSweep", "shift_sweep"]


class ShiftSweep:
    """A figure of merit against changes of the images. Made by :func:`shift_sweep`.

    Parameters
    ----------
    table : DataFrame
        ``kind``, ``amount``, ``estimate``, ``low``, ``high``.
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
            "notes": list(self.notes),
            "points": clean.to_dict("records"),
            "left_out": self.left_out.to_dict("records"),
        }

    def to_markdown(self) -> str:
        """Return every point, and the notes, as Markdown."""
        points = zip(
            self.table["kind"], self.table["amount"], interval_texts(self.table), strict=True
        )
        rows = [[str(kind), f"{amount:g}", text] for kind, amount, text in points]
        notes = "".join(f"\n- {note}" for note in self.notes)
        gone = "".join(f"\n- left out: {r.path}: {r.reason}" for r in self.left_out.itertuples())
        table = markdown_table(["change", "amount", figure_name(self.metric)], rows)
        return f"{self._words()}.\n\n{table}\n{notes}{gone}\n"

    def _repr_html_(self) -> str:
        return self.table.to_html(index=False) + notes_html(self.notes)

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
        return draw_line(
            self.table.rename(columns={"amount": "x", "kind": "panel"}),
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
    rows = []
    for kind, amounts in (SHIFTS if shifts is None else shifts).items():
        for amount in amounts:
            changed = CellDataset.from_arrays(
                [shift_image(image, kind, amount) for image in images],
                kept.y,
                kept.subjects,
                class_names=kept.class_names,
                positive=kept.positive,
                name=f"{kept.name}, {kind} {amount:g}",
            )
            predictions = predict_cells(head, extract(changed), units=units, unit=unit)
            found = Evaluation(predictions, level=level)[metric]
            rows.append((kind, float(amount), found.estimate, found.low, found.high))
    table = pd.DataFrame(rows, columns=["kind", "amount", "estimate", "low", "high"])
    return ShiftSweep(
        table,
        metric=metric,
        level=level,
        n_cells=len(kept),
        n_subjects=predictions.n_subjects,
        unit=unit,
        notes=(*notes, *([note] if note else [])),
        left_out=left_out,
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
