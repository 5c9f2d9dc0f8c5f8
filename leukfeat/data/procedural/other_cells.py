"""The cells of a smear that are no lymphoid ones: red cells, platelets and neutrophils."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .appearance import Look
from .drawing import DrawnCell
from .outline import depth_inside, polar_curve, to_points
from .patch import Patch
from .texture import chromatin, smooth_noise

__all__ = ["Piece", "as_piece", "draw_neutrophil", "draw_platelet", "draw_red_cell"]


class Piece(NamedTuple):
    """Something to lay on a smear, in the middle of a square raster."""

    dyes: np.ndarray
    """Azure and eosin, float32 of shape ``(2, side, side)``."""
    cover: np.ndarray | None
    """How far it hides what lies below, 0 to 1; None if its dye adds to what lies below."""
    mask: np.ndarray
    """Where it is, bool of shape ``(side, side)``."""
    nucleus: np.ndarray | None
    """Where its nucleus is, bool of shape ``(side, side)``; None if it has none."""


def as_piece(cell: DrawnCell) -> Piece:
    """Take a drawn white cell as a piece of a smear.

    Parameters
    ----------
    cell : DrawnCell
        The cell.

    Returns
    -------
    Piece
    """
    mask = cell.depth > 0
    return Piece(cell.dyes, cell.cover, mask, cell.nucleus & mask)


def draw_red_cell(rng: np.random.Generator, look: Look, px_per_um: float) -> Piece:
    """Draw a red cell: a disc that is paler in its middle.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of size, shape and pallor.
    look : Look
        Of this, the unevenness of the stain.
    px_per_um : float
        Pixels a µm.

    Returns
    -------
    Piece
    """
    radius = 3.6 * np.exp(0.07 * rng.standard_normal())
    oval = min(0.02 + 0.04 * rng.exponential(), 0.2)
    curve = to_points(radius * polar_curve(rng, elongation=oval, unevenness=0.012))
    patch = Patch.around(float(np.abs(curve).max()) + 0.4, px_per_um)
    depth = depth_inside(curve, patch, outside=False)
    inwards = depth / max(float(depth.max()), 1e-3)
    pallor = np.clip(rng.normal(0.6, 0.2), 0, 0.95)
    thickness = np.minimum(depth / np.float32(0.5), 1)
    thickness *= 1 - np.float32(pallor) * np.exp(-(((1 - inwards) / np.float32(0.42)) ** 2))
    thickness *= 1 + np.float32(0.5 * look.patches) * smooth_noise(rng, patch, 2.0)
    strength = np.exp(0.1 * rng.standard_normal())
    colour = np.array([0.15, 0.23], np.float32) * np.float32(strength)
    return Piece(colour[:, None, None] * thickness, None, depth > 0, None)


def draw_platelet(rng: np.random.Generator, px_per_um: float) -> Piece:
    """Draw a platelet: small, purple, grainy, ragged.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of size, shape and grain.
    px_per_um : float
        Pixels a µm.

    Returns
    -------
    Piece
    """
    radius = 1.15 * np.exp(0.2 * rng.standard_normal())
    curve = to_points(radius * polar_curve(rng, elongation=0.1, unevenness=0.07))
    patch = Patch.around(float(np.abs(curve).max()) + 0.4, px_per_um)
    depth = depth_inside(curve, patch, outside=False)
    body = np.minimum(depth / np.float32(0.5), 1)
    grains = np.maximum(0.45 + np.float32(0.2) * smooth_noise(rng, patch, 0.35), 0.05)
    eosin = np.full_like(grains, 0.22)
    return Piece(np.stack([grains, eosin]) * body, None, depth > 0, None)


def draw_neutrophil(rng: np.random.Generator, look: Look, px_per_um: float) -> Piece:
    """Draw a neutrophil: a nucleus of two to five lobes in pale, grainy cytoplasm.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of size, shape and grain.
    look : Look
        Of this, what changes the dyes.
    px_per_um : float
        Pixels a µm.

    Returns
    -------
    Piece
    """
    radius = 6.3 * np.exp(0.06 * rng.standard_normal())
    curve = to_points(radius * polar_curve(rng, elongation=0.04, unevenness=0.02))
    patch = Patch.around(float(np.abs(curve).max()) + 0.6, px_per_um)
    depth = depth_inside(curve, patch, outside=False)
    inner = _lobes(rng, radius, patch) * (depth > 0.3)
    cover = np.minimum(depth / np.float32(0.4), 1)
    granules = smooth_noise(rng, patch, 0.28)
    azure = np.float32(0.13) + np.float32(0.05) * granules
    eosin = np.float32(0.24) + np.float32(0.07) * granules
    pattern = chromatin(rng, patch, grain_um=0.75 * look.grain, clumping=0.5)
    share = np.minimum(inner / np.float32(0.35), 1)
    azure += share * (1.08 + np.float32(0.12 * look.contrast) * pattern - azure)
    eosin += share * (np.float32(0.9) - eosin)
    return Piece(np.stack([azure, eosin]), cover, depth > 0, inner > 0)


def _lobes(rng: np.random.Generator, radius: float, patch: Patch) -> np.ndarray:
    # Lobes stand in a bow about the middle, joined by threads.
    n = int(rng.integers(2, 6))
    turn = rng.random() * 2 * np.pi + np.linspace(0, 0.95 * n, n)
    places = 0.42 * radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    places += 0.25 * rng.standard_normal((n, 2))
    canvas = np.zeros((patch.side, patch.side), np.uint8)
    thread = max(1, round(0.7 * patch.px_per_um))
    cv2.polylines(canvas, [patch.fixed_point(places)], False, 1, thread, cv2.LINE_8, shift=4)
    for place in places:
        size = radius * (0.24 + 0.10 * rng.random())
        lobe = place + to_points(size * polar_curve(rng, elongation=0.14, unevenness=0.04))
        cv2.fillPoly(canvas, [patch.fixed_point(lobe)], 1, shift=4)
    found = cv2.distanceTransform(canvas, cv2.DIST_L2, cv2.DIST_MASK_5)
    return found / np.float32(patch.px_per_um)
