"""One cell as two maps of dye: how much azure and how much eosin lies where."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .appearance import Look
from .kinds import Traits
from .outline import Outlines, depth_inside, draw_outlines
from .patch import Patch
from .texture import chromatin, smooth_noise

__all__ = ["DrawnCell", "draw_cell"]

_MARGIN_UM = 1.2


class DrawnCell(NamedTuple):
    """A cell before any optics, in the middle of its patch."""

    outlines: Outlines
    """Of cell and nucleus (µm)."""
    patch: Patch
    """The raster."""
    dyes: np.ndarray
    """Azure and eosin of the cell, float32 of shape ``(2, side, side)``; 1 is a usual nucleus."""
    cover: np.ndarray
    """How far the cell hides what lies around it, 0 to 1: it thins out at its edge."""
    depth: np.ndarray
    """Distance from the cell's edge (µm), positive inside, float32 of shape ``(side, side)``."""
    nucleus: np.ndarray
    """Where the nucleus is, bool of shape ``(side, side)``."""


def draw_cell(rng: np.random.Generator, traits: Traits, look: Look, px_per_um: float) -> DrawnCell:
    """Draw one cell.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of everything that the traits leave open.
    traits : Traits
        What cell it is.
    look : Look
        How it was prepared: of this, what changes the dyes (grain, contrast, membrane,
        precipitate, unevenness) is used here; colour and camera come later.
    px_per_um : float
        Pixels a µm.

    Returns
    -------
    DrawnCell
    """
    outlines = draw_outlines(
        rng,
        nucleus_um=traits.nucleus_um,
        nc_ratio=traits.nc_ratio,
        irregularity=traits.irregularity,
        cleft=traits.cleft,
    )
    reach = np.abs(outlines.cell).max() + _MARGIN_UM
    patch = Patch.around(float(reach), px_per_um)
    depth = depth_inside(outlines.cell, patch, outside=True)
    inner = depth_inside(outlines.nucleus, patch, outside=False)
    patches = smooth_noise(rng, patch, 3.2)
    cover = _clip01(1 - np.exp(-np.maximum(depth + np.float32(0.08), 0) / (0.20 * look.halo)))
    azure = np.float32(traits.basophilia) * (1 + np.float32(0.10) * patches)
    eosin = np.full_like(azure, 0.34)
    nucleus_azure, nucleus_eosin = _nucleus(rng, traits, look, outlines, inner, patches, patch)
    share = _clip01(inner / np.float32(0.8 if traits.kind == "smudge" else 0.35))
    azure += share * (nucleus_azure - azure)
    eosin += share * (nucleus_eosin - eosin)
    grit = np.float32(look.grit) * smooth_noise(rng, patch, look.grit_um)
    azure += grit
    eosin += np.float32(0.2) * grit
    if traits.vacuoles:
        kept = 1 - np.float32(0.55) * _vacuoles(rng, traits.vacuoles, outlines, patch)
        azure *= kept
        eosin *= kept
    return DrawnCell(outlines, patch, np.stack([azure, eosin]), cover, depth, inner > 0)


def _nucleus(
    rng: np.random.Generator,
    traits: Traits,
    look: Look,
    outlines: Outlines,
    inner: np.ndarray,
    patches: np.ndarray,
    patch: Patch,
) -> tuple[np.ndarray, np.ndarray]:
    pattern = chromatin(
        rng,
        patch,
        grain_um=traits.grain_um * look.grain,
        clumping=traits.clumping,
    )
    rim = np.exp(inner / np.float32(-1.1))
    azure = np.float32(0.10 * traits.contrast * look.contrast) * pattern
    azure += np.float32(look.rim) * (rim - np.float32(0.25))
    azure += np.float32(look.patches) * patches
    azure += np.float32(0.97)
    eosin = np.float32(0.86) + np.float32(0.02) * patches
    for _ in range(traits.nucleoli):
        _nucleolus(rng, azure, eosin, traits.nucleus_um / 2, patch)
    if outlines.cleft is not None:
        azure += np.float32(0.16) * _fold(outlines.cleft, patch)
    azure *= np.float32(traits.density)
    eosin *= np.float32(traits.density)
    return azure, eosin


def _nucleolus(
    rng: np.random.Generator,
    azure: np.ndarray,
    eosin: np.ndarray,
    nucleus_radius: float,
    patch: Patch,
) -> None:
    # A pale round body with a brim of dense chromatin, added in place to its own small window.
    radius = 0.50 + 0.45 * rng.random()
    away, angle = 0.62 * nucleus_radius * np.sqrt(rng.random()), rng.random() * 2 * np.pi
    middle, px_per_um = (patch.side - 1) / 2, patch.px_per_um
    x = middle + away * np.cos(angle) * px_per_um
    y = middle + away * np.sin(angle) * px_per_um
    reach = (radius + 0.6) * px_per_um
    rows = slice(max(int(y - reach), 0), int(y + reach) + 1)
    columns = slice(max(int(x - reach), 0), int(x + reach) + 1)
    window = azure[rows, columns]
    yy, xx = np.ogrid[rows.start : rows.start + window.shape[0],
                      columns.start : columns.start + window.shape[1]]  # fmt: skip
    stretch = 0.8 + 0.4 * rng.random()
    distance = np.hypot((xx - x) * stretch, (yy - y) / stretch).astype(np.float32) / px_per_um
    inside = _clip01((radius - distance) / 0.5 + 0.5)
    brim = np.exp(-(((distance - radius - 0.12) / 0.2) ** 2))
    strength = 0.7 + 0.5 * rng.random()
    window += np.float32(strength) * (np.float32(0.10) * brim - np.float32(0.24) * inside)
    eosin[rows, columns] -= np.float32(strength * 0.10) * inside


def _fold(ends: tuple[np.ndarray, np.ndarray], patch: Patch) -> np.ndarray:
    canvas = np.zeros((patch.side, patch.side), np.uint8)
    start, stop = patch.fixed_point(np.stack(ends)).tolist()
    thickness = max(1, round(0.28 * patch.px_per_um))
    cv2.line(canvas, start, stop, 255, thickness, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(canvas, (0, 0), max(0.12 * patch.px_per_um, 0.3)) * np.float32(1 / 255)


def _vacuoles(rng: np.random.Generator, count: int, outlines: Outlines, patch: Patch) -> np.ndarray:
    canvas = np.zeros((patch.side, patch.side), np.uint8)
    rim = outlines.cell[rng.integers(len(outlines.cell), size=count)]
    places = rim * (0.55 + 0.35 * rng.random((count, 1)))
    radii = 0.16 + 0.4 * rng.random(count) ** 2
    for centre, radius in zip(patch.fixed_point(places).tolist(), radii, strict=True):
        size = max(int(radius * patch.px_per_um * 16), 8)
        cv2.circle(canvas, centre, size, 255, -1, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(canvas, (0, 0), max(0.07 * patch.px_per_um, 0.3)) * np.float32(1 / 255)


def _clip01(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 1)
