"""analyse_smear: every white cell of a field found, classified and counted."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from leukfeat.classifier.cell_classifier import CellClassifier
from leukfeat.classifier.error_rates import ClassifierErrors, FindingErrors, count_intervals
from leukfeat.data.dataset import CellDataset
from leukfeat.imaging import draw_cells, find_cells
from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.counting.overlay import check_windows
from leukfeat.metrics.interval import Interval

__all__ = ["BCCD_FINDING", "SmearAnalysis", "analyse_smear", "positive_class"]

BCCD_FINDING = FindingErrors(precision=0.968, n_precision=91, recall=0.989, n_recall=91)
"""Finding white cells on the last 91 fields of BCCD; each field counts as one trial."""

_SUSPICIOUS, _HEALTHY, _FAR = (213, 94, 0), (0, 114, 178), (230, 159, 0)


@dataclasses.dataclass(frozen=True, eq=False)
class SmearAnalysis:
    """What was found in a smear field.

    Parameters
    ----------
    cells : CellDataset
        The white cells, from :func:`leukfeat.imaging.find_cells`, with the predicted class as
        label.
    predictions : pandas.DataFrame
        From :meth:`CellClassifier.predict`, a row a cell.
    suspicious_class : str
        The class that is counted as suspicious.
    suspicious, healthy : Interval
        Numbers of cells; without error rates of the classifier the bounds are ``nan``.
    """

    cells: CellDataset
    predictions: pd.DataFrame
    suspicious_class: str
    suspicious: Interval
    healthy: Interval

    @property
    def n_cells(self) -> int:
        """White cells found."""
        return len(self.cells)

    @property
    def n_called(self) -> int:
        """Cells that the classifier calls suspicious."""
        return int((self.predictions["label"] == self.suspicious_class).sum())

    @property
    def flagged(self) -> pd.DataFrame:
        """The rows of :meth:`to_frame` that stand far from all training cells, farthest first."""
        table = self.to_frame()
        return table[table["far"]].sort_values("distance", ascending=False, na_position="first")

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row a cell: place, class, probabilities, distance."""
        place = self.cells.frame.drop(columns=["image", "mask", "label", "type", "votes"])
        told = self.predictions.drop(columns=["image", "subject"], errors="ignore")
        return pd.concat([place.reset_index(drop=True), told.reset_index(drop=True)], axis=1)

    def overlay(self, field: Any, *, region: tuple[int, int, int, int] | None = None) -> RGB:
        """Draw the cells on their field.

        Parameters
        ----------
        field : path-like or ndarray
            The field that was analysed.
        region : tuple of int, optional
            Part of the field, as for :func:`leukfeat.imaging.draw_cells`.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            Suspicious cells in vermilion, others in blue, cells far from all training cells in
            orange with a question mark; each with its number.
        """
        colours, texts = [], []
        far = self.predictions["far"].to_numpy(bool)
        for i, label in enumerate(self.predictions["label"]):
            usual = _SUSPICIOUS if label == self.suspicious_class else _HEALTHY
            colours.append(_FAR if far[i] else usual)
            texts.append(f"{self.cells.column('number')[i]}{'?' if far[i] else ''}")
        return draw_cells(field, self.cells, colours=colours, texts=texts, region=region)

    def __repr__(self) -> str:
        far = int(self.predictions["far"].sum())
        text = f"SmearAnalysis({self.n_cells} white cells, {self.n_called} called "
        text += f"{self.suspicious_class!r}"
        if self.suspicious.known:
            bounds = f"{self.suspicious.low:.0f} to {self.suspicious.high:.0f}"
            text += f"; {bounds} in the field at {100 * self.suspicious.level:g} %"
        return text + (f"; {far} far from all training cells)" if far else ")")


def analyse_smear(
    field: Any,
    classifier: CellClassifier,
    *,
    cells: CellDataset | None = None,
    errors: ClassifierErrors | None = None,
    finding: FindingErrors = BCCD_FINDING,
    suspicious: str | None = None,
    side: int | None = None,
    background: str | None = None,
    tile: int | None = None,
    um_per_px: float | None = None,
    level: float = 0.95,
    **settings: Any,
) -> SmearAnalysis:
    """Find the white cells of a smear field, classify each, and count.

    Parameters
    ----------
    field : path-like or ndarray
        As for :func:`leukfeat.imaging.count_cells`.
    classifier : CellClassifier
        Trained on cells that look as those cut out here: same stain, scale and window.
    cells : CellDataset, optional
        The white cells of this field, if they are known: from
        :func:`leukfeat.imaging.find_cells`, or corrected, from
        :func:`leukfeat.imaging.read_qupath` or :func:`leukfeat.imaging.read_label_image`, with the
        window and background that the classifier needs. Cells of another type are left out. The
        field is then not read, and `side`, `background`, `tile` and `um_per_px` are settings of
        what gave the cells.
    errors : ClassifierErrors, optional
        Its sensitivity and specificity on subjects it never saw. Without them there are calls,
        but no interval.
    finding : FindingErrors, default=BCCD_FINDING
        Precision and recall of finding white cells: those on the last 91 fields of BCCD, which
        may not be those on your fields, nor of cells that were corrected by hand.
    suspicious : str, optional
        The class counted as suspicious. Default: the positive class that the head was fitted
        with; of two classes the head's own.
    side : int, optional
        Side in pixels of the window around each cell. Default: the window that the classifier
        crops, if it crops one, else a window that fits the cell.
    background : {"keep", "remove"}, optional
        ``"keep"`` by default; ``"remove"`` for a classifier trained on cut-out cells such as C-NMC's.
    tile : int, optional
        As for :func:`leukfeat.imaging.count_cells`.
    um_per_px : float, optional
        Scale of the field in micrometres a pixel, for a classifier that measures in micrometres.
    level : float, default=0.95
        Level of the intervals.
    **settings
        As for :meth:`CellClassifier.extract`.

    Returns
    -------
    SmearAnalysis

    Raises
    ------
    ValueError
        If `suspicious` is no class of the classifier; `cells` are given together with a setting of
        finding them, or are not of a field; or none is given and a head of more than two
        classes was fitted without a positive one.

    Notes
    -----
    The intervals hold the errors of both steps: see
    :func:`leukfeat.classifier.error_rates.count_intervals`. They hold for a field like those on
    which the rates were measured, and say nothing of the patient: one field is not a smear.

    Examples
    --------
    >>> import leukfeat as lf
    >>> from leukfeat.data.procedural import make_smear
    >>> cells = lf.make_cells(8, 40, size=64, random_state=0)
    >>> given = {"weights": "random", "layers": "conv2", "input_size": 64, "progress": False}
    >>> features = lf.extract_features(cells, **given)
    >>> head = lf.fit_head(features, "logistic_regression", tune=False)
    >>> smear = make_smear(2, 10, 0, size=(240, 320), um_per_px=0.2)
    >>> analysis = analyse_smear(
    ...     smear.image, lf.CellClassifier(head), side=64, background="remove", progress=False
    ... )
    >>> len(analysis.to_frame())
    2
    """
    positive = positive_class(classifier) if suspicious is None else suspicious
    if positive is None:
        raise ValueError(
            "analyse_smear needs 'suspicious', the class to count: the classifier has "
            f"{len(classifier.class_names)} classes, {', '.join(classifier.class_names)}, and was "
            "fitted without a positive one."
        )
    if positive not in classifier.class_names:
        raise ValueError(
            f"'suspicious' must be a class of the classifier {classifier.class_names}. "
            f"Got {positive!r} instead."
        )
    if cells is None:
        crops = (getattr(part, "crop", None) for part in classifier.spec.parts)
        window = side or next((crop for crop in crops if crop), None)
        kept = background or "keep"
        cells = find_cells(field, side=window, background=kept, tile=tile, um_per_px=um_per_px)
    else:
        cells = _given(cells, side=side, background=background, tile=tile, um_per_px=um_per_px)
    if len(cells):
        predictions = classifier.predict(cells, **settings)
    else:
        names = ["image", "label", *(f"p_{name}" for name in classifier.class_names)]
        predictions = pd.DataFrame(columns=[*names, "distance", "far", "reason"])
        predictions = predictions.astype({"far": bool, "distance": float})
    position = {name: i for i, name in enumerate(classifier.class_names)}
    frame = cells.frame
    frame["label"] = [position.get(name, -1) for name in predictions["label"]]
    labelled = CellDataset(
        frame, class_names=classifier.class_names, positive=positive, name=cells.name
    )
    called, found = int((predictions["label"] == positive).sum()), len(cells)
    if errors is None:
        note = "the errors of the classifier are not given"
        numbers = [
            Interval(
                estimate=float(n), low=np.nan, high=np.nan, level=level, n_cells=found, note=note
            )
            for n in (called, found - called)
        ]
        return SmearAnalysis(labelled, predictions, positive, numbers[0], numbers[1])
    counts = count_intervals(called, found, errors, finding, level=level)
    return SmearAnalysis(labelled, predictions, positive, *counts)


def _given(cells: CellDataset, **settings: Any) -> CellDataset:
    """Return the white ones of cells that were found before."""
    idle = [f"'{name}'" for name, value in settings.items() if value is not None]
    if idle:
        raise ValueError(
            f"analyse_smear finds no cells where 'cells' are given: leave {', '.join(idle)} out, and "
            "give it to find_cells, read_qupath or read_label_image."
        )
    check_windows(cells)
    return cells.select(type="white") if len(cells) else cells


def positive_class(classifier: CellClassifier) -> str | None:
    """Return the class that a classifier takes for the positive one, if somebody named it.

    Parameters
    ----------
    classifier : CellClassifier

    Returns
    -------
    str or None
        Of two classes the head's own, whether named or not. Of more, every head has one too, the
        last by default: that default, which says nothing, gives ``None``.
    """
    head, names = classifier.head, classifier.class_names
    place = int(np.searchsorted(head.classes_, head.positive_))
    named = getattr(head, "positive", None) is not None or place < len(names) - 1
    return names[place] if named or len(names) == 2 else None
