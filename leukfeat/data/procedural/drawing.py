"""One cell as two maps of dye: how much azure and how much eosin lies where."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .appearance import Look
from .kinds import Traits
from .outline import Outlines, depth_inside, draw_outlines, polar_curve
from .texture import chromatin, smooth_noise

__all__ = ["DrawnCell", "draw_cell"]

_MARGIN_UM = 1.2


class DrawnCell(NamedTuple):
    """A cell before any optics, in a square patch with the cell in its middle."""

    dyes: np.ndarray
    """Azure and eosin, float32 of shape ``(2, side, side)``; 1 is a usual nucleus."""
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
    side = int(np.ceil(2 * reach * px_per_um)) | 1
    depth = depth_inside(outlines.cell, side, px_per_um, outside=True)
    inner = depth_inside(outlines.nucleus, side, px_per_um, outside=False)
    patches = smooth_noise(rng, side, px_per_um, 3.2)
    body = _clip01(1 - np.exp(-np.maximum(depth + np.float32(0.08), 0) / (0.20 * look.halo)))
    azure = np.float32(traits.basophilia) * (1 + np.float32(0.10) * patches)
    eosin = np.full_like(azure, 0.34)
    nucleus_azure, nucleus_eosin = _nucleus(rng, traits, look, outlines, inner, patches, px_per_um)
    share = _clip01(inner / np.float32(0.8 if traits.kind == "smudge" else 0.35))
    azure += share * (nucleus_azure - azure)
    eosin += share * (nucleus_eosin - eosin)
    grit = np.float32(look.grit) * smooth_noise(rng, side, px_per_um, look.grit_um)
    azure += grit
    eosin += np.float32(0.2) * grit
    if traits.vacuoles:
        kept = 1 - np.float32(0.55) * _vacuoles(rng, traits.vacuoles, outlines, side, px_per_um)
        azure *= kept
        eosin *= kept
    plasma_azure, plasma_eosin = _surroundings(rng, outlines, side, px_per_um)
    azure = plasma_azure + body * (azure - plasma_azure)
    eosin = plasma_eosin + body * (eosin - plasma_eosin)
    return DrawnCell(np.stack([azure, eosin]), depth, inner > 0)


def _nucleus(
    rng: np.random.Generator,
    traits: Traits,
    look: Look,
    outlines: Outlines,
    inner: np.ndarray,
    patches: np.ndarray,
    px_per_um: float,
) -> tuple[np.ndarray, np.ndarray]:
    side = inner.shape[0]
    pattern = chromatin(
        rng,
        side,
        px_per_um,
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
        _nucleolus(rng, azure, eosin, traits.nucleus_um / 2, px_per_um)
    if outlines.cleft is not None:
        azure += np.float32(0.16) * _fold(outlines.cleft, side, px_per_um)
    azure *= np.float32(traits.density)
    eosin *= np.float32(traits.density)
    return azure, eosin


def _nucleolus(
    rng: np.random.Generator,
    azure: np.ndarray,
    eosin: np.ndarray,
    nucleus_radius: float,
    px_per_um: float,
) -> None:
    # A pale round body with a brim of dense chromatin, added in place to its own small window.
    radius = 0.50 + 0.45 * rng.random()
    away, angle = 0.62 * nucleus_radius * np.sqrt(rng.random()), rng.random() * 2 * np.pi
    middle = (azure.shape[0] - 1) / 2
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


def _fold(ends: tuple[np.ndarray, np.ndarray], side: int, px_per_um: float) -> np.ndarray:
    canvas = np.zeros((side, side), np.uint8)
    start, stop = (
        [int(v) for v in np.round((end * px_per_um + (side - 1) / 2) * 16)] for end in ends
    )
    thickness = max(1, round(0.28 * px_per_um))
    cv2.line(canvas, start, stop, 255, thickness, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(canvas, (0, 0), max(0.12 * px_per_um, 0.3)) * np.float32(1 / 255)


def _vacuoles(
    rng: np.random.Generator, count: int, outlines: Outlines, side: int, px_per_um: float
) -> np.ndarray:
    canvas = np.zeros((side, side), np.uint8)
    rim = outlines.cell[rng.integers(len(outlines.cell), size=count)]
    places = rim * (0.55 + 0.35 * rng.random((count, 1)))
    radii = 0.16 + 0.4 * rng.random(count) ** 2
    for place, radius in zip(places, radii, strict=True):
        centre = [int(v) for v in np.round((place * px_per_um + (side - 1) / 2) * 16)]
        size = max(int(radius * px_per_um * 16), 8)
        cv2.circle(canvas, centre, size, 255, -1, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(canvas, (0, 0), max(0.07 * px_per_um, 0.3)) * np.float32(1 / 255)


def _surroundings(
    rng: np.random.Generator, outlines: Outlines, side: int, px_per_um: float
) -> tuple[np.ndarray, np.ndarray]:
    # Plasma, and sometimes the edge of a red cell that the mask may let in.
    azure = np.full((side, side), 0.05, np.float32)
    eosin = np.full((side, side), 0.06, np.float32)
    if rng.random() < 0.4:
        angle, radius = rng.random() * 2 * np.pi, 3.4 + 0.6 * rng.random()
        way = np.array([np.cos(angle), np.sin(angle)])
        edge = np.max(outlines.cell @ way)
        curve = polar_curve(rng, elongation=0.05, unevenness=0.01)
        theta = np.linspace(0, 2 * np.pi, len(curve), endpoint=False)
        ring = radius * curve[:, None] * np.stack([np.cos(theta), np.sin(theta)], axis=1)
        red = depth_inside(ring + way * (edge + radius - 0.4), side, px_per_um, outside=False)
        solid = _clip01(red / np.float32(0.5))
        azure += np.float32(0.10) * solid
        eosin += np.float32(0.35) * solid
    return azure, eosin


def _clip01(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0, 1)
