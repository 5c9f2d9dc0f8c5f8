"""What the literature is seen to do to the data, done on purpose and in the open.

Each function makes the mistake that its name says. They are called only with `as_published`, to
measure what the mistake is worth.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from leukfeat.data import CellDataset
from leukfeat.features import FeatureSet
from leukfeat.imaging.augmentation import CellAugmentation, augment_cells
from leukfeat.imaging.reading import read_image

__all__ = ["augmented_before_split", "selected_before_split", "with_channels_reversed"]

_BLOCK = 64


def with_channels_reversed(cells: CellDataset, folder: Path) -> CellDataset:
    """Return cells whose red and blue are exchanged, as in a network that is given BGR.

    Parameters
    ----------
    cells : CellDataset
    folder : pathlib.Path
        Where the exchanged images go, as PNG.

    Returns
    -------
    CellDataset
    """
    folder.mkdir(parents=True, exist_ok=True)

    def exchange(row: int) -> str:
        image = images[row] if isinstance(images[row], np.ndarray) else read_image(images[row])
        path = folder / f"{row:07d}.png"
        # OpenCV takes the given RGB for BGR: what is read back is exchanged.
        cv2.imwrite(str(path), np.ascontiguousarray(image))
        return str(path)

    images = cells.images
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(exchange, range(len(cells))))
    return _with_images(cells, paths)


def augmented_before_split(
    cells: CellDataset, folder: Path, *, copies: int = 2, random_state: int = 0
) -> CellDataset:
    """Return cells and augmented copies as if the copies were cells of their own.

    Parameters
    ----------
    cells : CellDataset
    folder : pathlib.Path
        Where the copies go, as PNG.
    copies : int, default=2
        Copies a cell.
    random_state : int, default=0

    Returns
    -------
    CellDataset
        Without the columns that tell whose copy a row is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    augmentation = CellAugmentation(noise=0.0, blur=0.0)
    parts = []
    for start in range(0, len(cells), _BLOCK):
        block = cells[start : start + _BLOCK]
        views = augment_cells(block, augmentation, copies=copies, random_state=random_state)
        frame = views.frame.drop(columns=["parent_id", "group"])
        images = frame["image"].tolist()
        for row in range(len(block), len(images)):
            path = folder / f"{start:07d}-{row:07d}.png"
            cv2.imwrite(str(path), np.ascontiguousarray(images[row][..., ::-1]))
            images[row] = str(path)
        frame["image"] = pd.Series(images, dtype=object)
        parts.append(frame)
    return CellDataset(
        pd.concat(parts, ignore_index=True),
        class_names=cells.class_names,
        positive=cells.positive,
        name=f"{cells.name}, augmented before the split",
    )


def selected_before_split(features: FeatureSet, steps: list[tuple[str, Any]]) -> FeatureSet:
    """Return features selected on all rows, test rows included.

    Parameters
    ----------
    features : FeatureSet
        Labelled.
    steps : list of (str, transformer)
        The selection.

    Returns
    -------
    FeatureSet
    """
    selected = clone(Pipeline(steps)).fit_transform(features.X, features.y)
    return FeatureSet(
        selected,
        features.y,
        subjects=features.subjects,
        groups=features.groups,
        ids=features.ids,
        controls=features.controls,
        spec=None,
        class_names=features.class_names,
        positive=features.positive,
        columns=features.columns,
        name=features.name,
    )


def _with_images(cells: CellDataset, images: list[str]) -> CellDataset:
    return CellDataset(
        cells.frame.assign(image=images),
        class_names=cells.class_names,
        positive=cells.positive,
        name=cells.name,
    )
