"""How a result falls when stain, light, focus, scale or compression change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd

from leukfeat.data.dataset import CellDataset
from leukfeat.evaluation.predicting import predict_cells
from leukfeat.evaluation.result import Evaluation
from leukfeat.evaluation.scoring import figure_name
from leukfeat.features import FeatureSet
from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.reading import read_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SHIFTS", "ShiftSweep", "shift_image", "shift_sweep"]

SHIFTS: Mapping[str, tuple[float, ...]] = {
    "brightness": (0.7, 0.85, 1.0, 1.15, 1.3),
    "stain": (0.7, 0.85, 1.0, 1.15, 1.3),
    "blur": (0.0, 1.0, 2.0, 4.0),
    "scale": (0.8, 0.9, 1.0, 1.1, 1.25),
    "jpeg": (100.0, 80.0, 60.0, 40.0, 20.0),
}
"""What is changed and how far: factor of the light; factor of the optical density; blur (standard
deviation in pixels); factor of the size; JPEG quality."""


def shift_image(image: RGB, kind: str, amount: float) -> RGB:
    """Change an image as another laboratory might.

    Exactly black pixels stay black: they are the background of cut-out cells.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    kind : {"brightness", "stain", "blur", "scale", "jpeg"}
        What is changed.
    amount : float
        How far, see `SHIFTS`.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)

    Raises
    ------
    ValueError
        If the kind is not known.
    """
    if kind not in SHIFTS:
        raise ValueError(f"'kind' must be one of {tuple(SHIFTS)}. Got {kind!r} instead.")
    black = ~image.any(axis=2)
    if kind == "brightness":
        changed = np.clip(image * amount, 0, 255).round().astype(np.uint8)
    elif kind == "stain":
        # Beer and Lambert: density grows with the dye.
        through = np.maximum(image, 1) / 255.0
        changed = np.clip(255 * through**amount, 0, 255).round().astype(np.uint8)
    elif kind == "blur":
        changed = cv2.GaussianBlur(image, (0, 0), amount) if amount > 0 else image.copy()
    elif kind == "scale":
        return _scaled(image, amount)
    else:
        coded = cv2.imencode(
            ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(amount)]
        )[1]
        changed = cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    changed[black] = 0
    return changed


def _scaled(image: RGB, factor: float) -> RGB:
    """Magnify about the middle, and keep the size of the picture."""
    height, width = image.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, 0, factor)
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    border = tuple(float(v) for v in np.median(frame, axis=0))
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=border,
        )
    )


class ShiftSweep:
    """A figure of merit against changes of the images. Made by :func:`shift_sweep`.

    Parameters
    ----------
    table : DataFrame
        ``kind``, ``amount``, ``estimate``, ``low``, ``high``.
    metric : str
        Figure of merit.
    """

    def __init__(self, table: pd.DataFrame, *, metric: str) -> None:
        self.table = table
        self.metric = metric

    @property
    def worst(self) -> pd.DataFrame:
        """The lowest estimate of each kind of change."""
        rows = self.table.groupby("kind", sort=False)["estimate"].idxmin()
        return self.table.loc[rows].reset_index(drop=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the sweep as plain values that JSON can hold."""
        clean = self.table.astype(object).where(self.table.notna(), None)
        return {"metric": self.metric, "points": clean.to_dict("records")}

    def plot(self) -> Figure:
        """Draw the fall, one panel a kind of change.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from leukfeat.reporting import draw_line

        return draw_line(
            self.table.rename(columns={"amount": "x", "kind": "panel"}),
            x_label="",
            y_label=figure_name(self.metric),
            text="shaded: 95 % intervals by subject; the head is the same at every point",
        )


def shift_sweep(
    head: Any,
    cells: CellDataset,
    extract: Callable[[CellDataset], FeatureSet],
    *,
    shifts: Mapping[str, Sequence[float]] | None = None,
    metric: str = "auroc",
    level: float = 0.95,
) -> ShiftSweep:
    """Test a fitted head on changed images.

    Parameters
    ----------
    head : Head or fitted classifier
        Fitted on other cells.
    cells : CellDataset
        Labelled test cells; changed copies are held in memory.
    extract : callable
        Takes a `CellDataset` and returns its features in the head's feature space.
    shifts : mapping of str to sequence of float, optional
        Kinds of change and their amounts; default: `SHIFTS`.
    metric : str, default="auroc"
        Figure of merit.
    level : float, default=0.95
        Level of the intervals.

    Returns
    -------
    ShiftSweep
    """
    images = [i if isinstance(i, np.ndarray) else read_image(i) for i in cells.images]
    rows = []
    for kind, amounts in (SHIFTS if shifts is None else shifts).items():
        for amount in amounts:
            changed = CellDataset.from_arrays(
                [shift_image(image, kind, amount) for image in images],
                cells.y,
                cells.subjects,
                class_names=cells.class_names,
                positive=cells.positive,
                name=f"{cells.name}, {kind} {amount:g}",
            )
            predictions = predict_cells(head, extract(changed))
            found = Evaluation(predictions, level=level)[metric]
            rows.append((kind, float(amount), found.estimate, found.low, found.high))
    table = pd.DataFrame(rows, columns=["kind", "amount", "estimate", "low", "high"])
    return ShiftSweep(table, metric=metric)
