"""The cells-erased test: whether the label is still told where no cell is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from leukfeat.data.dataset import CellDataset
from leukfeat.imaging.conversion import RGB
from leukfeat.imaging.reading import read_image

__all__ = ["erase_cells", "erased_image", "stained_mask"]

_FLAT, _DARK, _SAME = 2.0, 12.0, 6
_TILES = (32, 24, 16, 12, 8, 6, 4)


def stained_mask(image: RGB) -> np.ndarray:
    """Return where an image shows a stained cell, generously.

    On a flat dark background (cut-out cells) whatever differs from the frame. In a smear what
    absorbs red: the dyes of nucleus and basophilic cytoplasm do, haemoglobin and plasma do not,
    so red cells stay. Widened by a thirtieth of the image.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.

    Returns
    -------
    ndarray of bool of shape (height, width)
    """
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).astype(np.float32)
    middle = np.median(frame, axis=0)
    if middle.max() < _DARK and np.median(np.abs(frame - middle)) < _FLAT:
        apart = np.abs(image.astype(np.int16) - middle.astype(np.int16)).max(2)
        mask = apart > _SAME
    else:
        red = cv2.GaussianBlur(image[..., 0], (0, 0), max(image.shape[:2]) / 200)
        level, _ = cv2.threshold(red, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        mask = red <= level
    reach = max(3, round(max(image.shape[:2]) / 30)) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def erased_image(image: RGB, rng: np.random.Generator) -> RGB:
    """Return an image of the same size made of the background of an image.

    The whole image is laid out anew with square pieces of its background drawn at random, so
    that neither cells nor their number, size or outline can be told from what was painted over.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    rng : numpy.random.Generator
        Draws the pieces.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)
        All black where there is no background at all.
    """
    height, width = image.shape[:2]
    covered = cv2.integral(stained_mask(image).astype(np.uint8))
    for side in _TILES:
        if side > min(height, width):
            continue
        inside = (
            covered[side:, side:]
            - covered[:-side, side:]
            - covered[side:, :-side]
            + covered[:-side, :-side]
        )
        top, left = np.nonzero(inside == 0)
        if len(top) >= 4 * side or (side == _TILES[-1] and len(top)):
            break
    else:
        return np.zeros_like(image)
    rows, columns = -(-height // side), -(-width // side)
    drawn = rng.integers(0, len(top), rows * columns)
    pieces = np.stack(
        [image[t : t + side, c : c + side] for t, c in zip(top[drawn], left[drawn], strict=True)]
    )
    laid = pieces.reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    return np.ascontiguousarray(laid.reshape(rows * side, columns * side, 3)[:height, :width])


def erase_cells(cells: CellDataset, *, random_state: int = 0) -> CellDataset:
    """Return the same cells with every stained cell taken out of its image.

    Features of these images can tell the label only by what is not the cell: staining, light,
    camera, compression.

    Parameters
    ----------
    cells : CellDataset
        The images; they are held in memory as arrays.
    random_state : int, default=0
        Seed of the pieces that images are laid out with.

    Returns
    -------
    CellDataset
        With the same labels, subjects and columns.

    Examples
    --------
    >>> from leukfeat.data import make_cells
    >>> cells = make_cells(4, 8, size=48)
    >>> erase_cells(cells).images[0].any()
    np.False_
    """
    frame: Any = cells.frame
    images = [
        erased_image(
            image if isinstance(image, np.ndarray) else read_image(image),
            np.random.default_rng([random_state, i]),
        )
        for i, image in enumerate(cells.images)
    ]
    erased = CellDataset.from_arrays(images)
    frame["image"] = erased.frame["image"]
    return CellDataset(
        frame,
        class_names=cells.class_names,
        positive=cells.positive,
        name=f"{cells.name}, cells erased",
    )
