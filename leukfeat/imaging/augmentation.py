"""Other views of a cell: turned, moved, lit and stained differently, the background untouched."""

from __future__ import annotations

import dataclasses
import numbers
from typing import Any

import cv2
import numpy as np
import pandas as pd

from leukfeat.data import CellDataset
from leukfeat.imaging.conversion import RGB, Mask, check_rgb, foreground_mask
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import read_image

__all__ = ["CellAugmentation", "augment_cells", "augment_image"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CellAugmentation:
    """What may be done to a cell, and how far.

    Each value is the largest change; what is done to one image is drawn uniformly up to it. 0
    leaves a change out.

    Parameters
    ----------
    flip : bool, default=True
        Mirror left-right and up-down, each in half of the cases.
    rotation : float, default=180
        Degrees to either side.
    scale : float, default=0.1
        Relative change of size.
    translation : float, default=0.05
        Fraction of the side.
    shear : float, default=5
        Degrees.
    crop : float, default=0
        Fraction of the side cut away at a random place; the window is padded with background
        to the old size, so that the scale is kept.
    brightness : float, default=0.1
        Relative change of all channels.
    contrast : float, default=0.1
        Relative change of the distance from the mean of the cell.
    stain : float, default=0.05
        Relative change of optical density, a channel on its own: a weaker or stronger stain.
    noise : float, default=3
        Standard deviation of Gaussian noise, in grey levels.
    blur : float, default=0.5
        Standard deviation of a Gaussian blur, in pixels.

    Raises
    ------
    ValueError
        If a value is outside its range.

    Examples
    --------
    >>> CellAugmentation(rotation=90, noise=0).rotation
    90
    """

    flip: bool = True
    rotation: float = 180.0
    scale: float = 0.1
    translation: float = 0.05
    shear: float = 5.0
    crop: float = 0.0
    brightness: float = 0.1
    contrast: float = 0.1
    stain: float = 0.05
    noise: float = 3.0
    blur: float = 0.5

    def __post_init__(self) -> None:
        limits = {"rotation": 180, "scale": 0.9, "translation": 1, "shear": 60, "crop": 0.9}
        limits |= {"brightness": 1, "contrast": 1, "stain": 1, "noise": 128, "blur": 50}
        for name, limit in limits.items():
            if not 0 <= getattr(self, name) <= limit:
                raise ValueError(
                    f"The '{name}' parameter of CellAugmentation must lie in [0, {limit}]. "
                    f"Got {getattr(self, name)!r} instead."
                )


def augment_image(
    image: RGB,
    augmentation: CellAugmentation | None = None,
    *,
    random_state: int | np.random.Generator = 0,
) -> RGB:
    """Draw one other view of an image.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    augmentation : CellAugmentation, optional
        What may be done; the default settings if not given.
    random_state : int or numpy.random.Generator, default=0
        The same seed gives the same view.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Same size. Where the image has a background of exactly (0, 0, 0), it moves with the cell
        and stays exactly 0, no pixel of the cell becomes 0, and what comes into view is 0;
        otherwise what comes into view has the median colour of the image's frame.

    Examples
    --------
    >>> cell = np.zeros((32, 32, 3), np.uint8)
    >>> cell[8:24, 8:24] = (120, 40, 140)
    >>> turned = augment_image(cell, random_state=7)
    >>> turned.shape, turned[0, 0].tolist()
    ((32, 32, 3), [0, 0, 0])
    """
    image = check_rgb(image)
    settings = augmentation or CellAugmentation()
    if isinstance(random_state, numbers.Real):
        _check_whole("random_state", random_state, least=0)
    rng = np.random.default_rng(random_state)
    # Everything is drawn before anything is done: leaving one change out keeps the others.
    draws = rng.uniform(-1, 1, 16)
    inside = foreground_mask(image)
    cut_out = not inside.all()
    image, inside = _moved(image, inside, settings, draws, cut_out)
    colour = _recoloured(image, inside, settings, draws[10:15])
    if settings.blur:
        colour = _blurred(colour, inside, settings.blur * abs(draws[15]))
    if settings.noise:
        colour = colour + rng.normal(0, settings.noise * rng.uniform(), colour.shape)
    out = np.clip(np.rint(colour), 0, 255).astype(np.uint8)
    if cut_out:
        out[inside & ~foreground_mask(out)] = 1
        out[~inside] = 0
    return out


def augment_cells(
    cells: CellDataset,
    augmentation: CellAugmentation | None = None,
    *,
    copies: int = 1,
    random_state: int = 0,
) -> CellDataset:
    """Add other views of each cell as rows of their own.

    Parameters
    ----------
    cells : CellDataset
        Training cells. Paths are read.
    augmentation : CellAugmentation, optional
        What may be done; the default settings if not given.
    copies : int, default=1
        Views a cell.
    random_state : int, default=0
        The view of a cell depends on this, on the cell's pixels and on the number of the copy,
        not on its neighbours.

    Returns
    -------
    CellDataset
        The cells, then their views. Two columns say which is which: ``parent_id`` (the id of
        the cell's pixels for a view, missing for a cell) and ``group``, equal for a cell and
        its views (the given group or subject, the id where there is none). Every split of the
        library trains on a view only where its cell is not in the test, and tests no row with a
        ``parent_id``; ``evaluate`` refuses one.

    Raises
    ------
    ValueError
        If `copies` is not an integer from 1 or `random_state` none from 0, or the cells are views
        already.

    Examples
    --------
    >>> cells = CellDataset.from_arrays([np.full((8, 8, 3), 90, np.uint8)], ["a"], ["p1"])
    >>> augment_cells(cells, copies=2).frame[["subject", "group"]].values.tolist()
    [['p1', 'p1'], ['p1', 'p1'], ['p1', 'p1']]
    """
    _check_whole("copies", copies, least=1)
    _check_whole("random_state", random_state, least=0)
    frame = cells.frame
    if "parent_id" in frame.columns and frame["parent_id"].notna().any():
        raise ValueError(
            f"{cells.name!r} already holds augmented rows (column 'parent_id'); augment the "
            "original cells."
        )
    images = [check_rgb(i) if isinstance(i, np.ndarray) else read_image(i) for i in cells.images]
    keys = [pixel_key(image) for image in images]
    groups = cells.groups if cells.groups is not None else np.full(len(cells), None)
    frame["group"] = [key.hex() if g is None else g for g, key in zip(groups, keys, strict=True)]
    frame["parent_id"] = None
    parts = [frame]
    for copy in range(copies):
        views = frame.copy()
        column = np.empty(len(images), object)
        for i, (image, key) in enumerate(zip(images, keys, strict=True)):
            seed = [random_state, copy, int.from_bytes(key[:8], "big")]
            column[i] = augment_image(image, augmentation, random_state=np.random.default_rng(seed))
        views["image"] = pd.Series(column, dtype=object)
        views["parent_id"] = [key.hex() for key in keys]
        if "mask" in views.columns:  # it belongs to the image as it was
            views["mask"] = None
        parts.append(views)
    return CellDataset(
        pd.concat(parts, ignore_index=True),
        class_names=cells.class_names,
        positive=cells.positive,
        name=f"{cells.name}, augmented",
    )


def _check_whole(name: str, value: Any, *, least: int) -> None:
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(
            f"The '{name}' parameter must be an integer from {least}. Got {value!r} instead."
        )


def _moved(
    image: RGB, inside: Mask, settings: CellAugmentation, draws: np.ndarray, cut_out: bool
) -> tuple[RGB, Mask]:
    height, width = inside.shape
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    fill = (0.0, 0.0, 0.0) if cut_out else tuple(np.median(frame, axis=0).tolist())
    angle = np.radians(settings.rotation * draws[0])
    zoom = (1 + settings.scale) ** draws[1]
    shear = np.tan(np.radians(settings.shear * draws[2]))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = zoom * turn @ np.array([[1, shear], [0, 1]])
    if settings.flip:
        matrix = matrix @ np.diag(np.where(draws[3:5] < 0, -1.0, 1.0))
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    offset = middle - matrix @ middle + settings.translation * draws[5:7] * (width, height)
    affine = np.column_stack([matrix, offset])
    mask = inside.astype(np.uint8)
    if not np.allclose(affine, [[1, 0, 0], [0, 1, 0]]):
        size = (width, height)
        whole = mask.astype(np.float32)
        image = cv2.warpAffine(image, affine, size, flags=cv2.INTER_LINEAR, borderValue=fill)
        mask = cv2.warpAffine(mask, affine, size, flags=cv2.INTER_NEAREST)
        if cut_out:
            image = _unmixed(image, cv2.warpAffine(whole, affine, size, flags=cv2.INTER_LINEAR))
    if settings.crop:
        window = np.zeros((height, width), bool)
        share = 1 - settings.crop * abs(draws[7])
        tall, wide = max(round(height * share), 1), max(round(width * share), 1)
        top = round((height - tall) * (draws[8] + 1) / 2)
        left = round((width - wide) * (draws[9] + 1) / 2)
        window[top : top + tall, left : left + wide] = True
        image = np.where(window[..., None], image, np.array(fill)).astype(np.uint8)
        mask = mask * window
    return image, (mask > 0) if cut_out else np.ones_like(inside)


def _unmixed(image: RGB, share: np.ndarray) -> RGB:
    """Take the black of the background out of the rim of a cell, where pixels were interpolated."""
    return np.rint(np.minimum(image / np.maximum(share, 0.1)[..., None], 255)).astype(np.uint8)


def _recoloured(
    image: RGB, inside: Mask, settings: CellAugmentation, draws: np.ndarray
) -> np.ndarray:
    colour: np.ndarray = image.astype(np.float32)
    if not inside.any():
        return colour
    if settings.stain:
        strength = (1 + settings.stain * draws[:3]).astype(np.float32)
        colour = 256 * ((colour + 1) / 256) ** strength - 1
    if settings.contrast:
        mean = colour[inside].mean(axis=0)
        colour = mean + (colour - mean) * np.float32(1 + settings.contrast * draws[3])
    if settings.brightness:
        colour = colour * np.float32(1 + settings.brightness * draws[4])
    return colour


def _blurred(colour: np.ndarray, inside: Mask, sigma: float) -> np.ndarray:
    if sigma < 0.05:
        return colour
    # Averaged over the cell only: black would otherwise creep in from the background.
    weight = inside.astype(np.float32)
    total = cv2.GaussianBlur(colour.astype(np.float32) * weight[..., None], (0, 0), sigma)
    share = cv2.GaussianBlur(weight, (0, 0), sigma)
    return total / np.maximum(share, 1e-3)[..., None]
