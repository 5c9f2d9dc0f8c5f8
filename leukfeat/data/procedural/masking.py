"""Cutting a cell out of its field: the edge of the mask, and what goes wrong with it."""

from __future__ import annotations

import cv2
import numpy as np

from .appearance import Look
from .patch import Patch
from .texture import smooth_noise

__all__ = ["cut_out", "paste"]

_CLIPPED = 0.05
_BITTEN = 0.06


def cut_out(
    rng: np.random.Generator, picture: np.ndarray, depth: np.ndarray, look: Look, patch: Patch
) -> tuple[np.ndarray, bool]:
    """Set everything outside the mask of the cell to 0.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the mask's flaws.
    picture : ndarray of uint8, shape (side, side, 3)
        The cell in its field, RGB.
    depth : ndarray of float32, shape (side, side)
        Distance from the cell's edge (µm), positive inside.
    look : Look
        Of this, the edge of the mask.
    patch : Patch
        The raster of the picture.

    Returns
    -------
    picture : ndarray of uint8, shape (side, side, 3)
        RGB; exactly 0 outside the mask, above 0 in some channel inside.
    clipped : bool
        Whether a part of the cell was cut off.
    """
    rough = np.float32(look.edge_rough) * smooth_noise(rng, patch, 0.7)
    edge = depth + rough + np.float32(look.edge_um)
    kind = rng.random()
    clipped = kind < _CLIPPED + _BITTEN
    if clipped:
        edge = np.minimum(edge, _loss(rng, depth, patch, straight=kind < _CLIPPED))
    edge *= np.float32(patch.px_per_um)
    mask = edge > 0
    if look.edge_soft > 0.05:
        # Segmented at another size and scaled: the outermost pixels are half black.
        cover = np.clip(edge / np.float32(look.edge_soft), 0, 1)
        picture = cv2.convertScaleAbs(picture * cover[:, :, None])
    cut = np.where(mask[:, :, None], np.maximum(picture, 1), 0)
    return cut.astype(np.uint8), clipped


def paste(picture: np.ndarray, size: int) -> np.ndarray:
    """Put a picture into the middle of an empty one; what does not fit is cut off.

    Parameters
    ----------
    picture : ndarray of uint8, shape (h, w, 3)
        What to paste.
    size : int
        Height and width of the new picture.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    canvas = np.zeros((size, size, 3), np.uint8)
    taken, put = [], []
    for have in picture.shape[:2]:
        # Middle on middle: a smaller canvas shows the middle of what a larger one shows.
        start = size // 2 - have // 2
        first, last = max(start, 0), min(start + have, size)
        put.append(slice(first, last))
        taken.append(slice(first - start, last - start))
    canvas[put[0], put[1]] = picture[taken[0], taken[1]]
    return canvas


def _loss(
    rng: np.random.Generator, depth: np.ndarray, patch: Patch, *, straight: bool
) -> np.ndarray:
    # Distance (µm) from a straight cut, as at the border of a tile, or from a round bite, as
    # where a neighbour was taken away with a part of the cell.
    axis = (
        np.arange(patch.side, dtype=np.float32) - np.float32((patch.side - 1) / 2)
    ) / np.float32(patch.px_per_um)
    x, y = axis[None, :], axis[:, None]
    reach = float(depth.max())
    if straight:
        angle = float(np.pi / 2 * rng.integers(4))
        away = reach * (0.65 + 0.33 * rng.random())
        return np.float32(away) - np.float32(np.cos(angle)) * x - np.float32(np.sin(angle)) * y
    angle, radius = rng.random() * 2 * np.pi, 1.2 + 2.5 * rng.random()
    away = reach + radius * (0.2 + 0.6 * rng.random())
    return np.hypot(
        x - np.float32(away * np.cos(angle)), y - np.float32(away * np.sin(angle))
    ) - np.float32(radius)
