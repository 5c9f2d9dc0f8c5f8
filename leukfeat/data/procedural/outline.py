"""The outlines of a cell and of its nucleus."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from .patch import Patch

__all__ = ["Outlines", "depth_inside", "draw_outlines", "polar_curve", "to_points"]

_N_POINTS = 144
_THETA = np.linspace(0, 2 * np.pi, _N_POINTS, endpoint=False)
_UNIT = np.stack([np.cos(_THETA), np.sin(_THETA)], axis=1)
_ORDERS = np.arange(3, 11)
_FADE = (_ORDERS / 3.0) ** -1.2


class Outlines(NamedTuple):
    """Closed curves in µm, with the middle of the cell at the origin."""

    cell: np.ndarray
    """Outline of the cell, float64 of shape ``(n_points, 2)``, columns x and y."""
    nucleus: np.ndarray
    """Outline of the nucleus, inside the cell."""
    cleft: tuple[np.ndarray, np.ndarray] | None
    """Ends of the fold that continues a deep cleft into the nucleus, or None."""


def polar_curve(rng: np.random.Generator, *, elongation: float, unevenness: float) -> np.ndarray:
    """Draw a closed curve about a circle of radius 1.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the shape.
    elongation : float
        How oval (amplitude of the second harmonic).
    unevenness : float
        Amplitude of the third harmonic; higher ones fade.

    Returns
    -------
    ndarray of float64, shape (144,)
        Radius at equally spaced angles from 0 to 2 pi.
    """
    phase = rng.random(len(_ORDERS) + 1) * 2 * np.pi
    height = rng.standard_normal(len(_ORDERS)) * _FADE * unevenness
    oval = elongation * np.cos(2 * _THETA + phase[0])
    return 1 + oval + height @ np.cos(_ORDERS[:, None] * _THETA + phase[1:, None])


def to_points(radii: np.ndarray) -> np.ndarray:
    """Return the points of a curve about the origin.

    Parameters
    ----------
    radii : ndarray of shape (144,)
        As `polar_curve` gives them.

    Returns
    -------
    ndarray of float64, shape (144, 2)
        x and y.
    """
    return radii[:, None] * _UNIT


def draw_outlines(
    rng: np.random.Generator,
    *,
    nucleus_um: float,
    nc_ratio: float,
    irregularity: float,
    cleft: float,
) -> Outlines:
    """Draw the outlines of one cell.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the shape.
    nucleus_um : float
        Diameter of the nucleus (µm).
    nc_ratio : float
        Area of the nucleus over that of the cell, between 0 and 1.
    irregularity : float
        Unevenness of the nucleus (of its radius).
    cleft : float
        Depth of the cleft (of the radius).

    Returns
    -------
    Outlines
    """
    radius_n = nucleus_um / 2
    radius_c = radius_n / np.sqrt(nc_ratio)
    oval = min(0.03 + 0.04 * rng.exponential(), 0.22)
    nucleus = polar_curve(rng, elongation=oval, unevenness=irregularity)
    # The membrane lies close about the nucleus and follows its shape in part.
    cell = 1 + 0.7 * (nucleus - 1)
    cell += polar_curve(rng, elongation=0.02, unevenness=0.008 + 0.25 * irregularity) - 1
    where, width = rng.random() * 2 * np.pi, 0.12 + 0.16 * rng.random()
    depth = min(cleft, 0.6)
    nucleus *= 1 - depth * _bump(where, width)
    cell *= 1 - 0.7 * depth * nc_ratio**2 * _bump(where, width)
    cell *= radius_c
    cell += _protrusions(rng)
    shift = (radius_c - radius_n) * 0.9 * np.sqrt(rng.random())
    direction = rng.random() * 2 * np.pi
    offset = shift * np.array([np.cos(direction), np.sin(direction)])
    points = _keep_inside(offset + to_points(radius_n * nucleus), cell - 0.12)
    fold = None
    if depth > 0.15:
        towards = np.array([np.cos(where), np.sin(where)])
        turned = where + rng.normal(0, 0.5)
        inner = np.array([np.cos(turned), np.sin(turned)])
        tip = radius_n * (1 - depth)
        fold = (offset + tip * towards, offset + tip * 0.3 * rng.random() * inner)
    return Outlines(to_points(cell), points, fold)


def depth_inside(curve: np.ndarray, patch: Patch, *, outside: bool) -> np.ndarray:
    """Rasterise a curve into the distance from it.

    Parameters
    ----------
    curve : ndarray of shape (n_points, 2)
        Closed curve in µm; the origin is the middle of the patch.
    patch : Patch
        The raster.
    outside : bool
        Whether distances outside are measured too (negative), or are all 0.

    Returns
    -------
    ndarray of float32, shape (side, side)
        Distance to the curve (µm), positive inside.
    """
    filled = np.zeros((patch.side, patch.side), np.uint8)
    cv2.fillPoly(filled, [patch.fixed_point(curve)], 1, lineType=cv2.LINE_8, shift=4)
    depth = cv2.distanceTransform(filled, cv2.DIST_L2, cv2.DIST_MASK_5)
    if outside:
        depth -= cv2.distanceTransform(1 - filled, cv2.DIST_L2, cv2.DIST_MASK_5)
    return depth / np.float32(patch.px_per_um)


def _bump(where: float, width: float) -> np.ndarray:
    apart = np.angle(np.exp(1j * (_THETA - where)))
    return np.exp(-0.5 * (apart / width) ** 2)


def _protrusions(rng: np.random.Generator) -> np.ndarray:
    # Small blebs, and now and then the lobe of a "hand mirror" cell; both classes have them.
    added = np.zeros(_N_POINTS)
    for _ in range(rng.poisson(0.5)):
        added += (0.2 + 0.5 * rng.random()) * _bump(
            rng.random() * 2 * np.pi, 0.06 + 0.08 * rng.random()
        )
    if rng.random() < 0.15:
        added += (0.8 + 1.6 * rng.random()) * _bump(rng.random() * 2 * np.pi, 0.35)
    return added


def _keep_inside(points: np.ndarray, limit: np.ndarray) -> np.ndarray:
    radius = np.hypot(points[:, 0], points[:, 1])
    angle = np.arctan2(points[:, 1], points[:, 0]) % (2 * np.pi)
    allowed = np.interp(angle, _THETA, limit, period=2 * np.pi)
    return points * np.minimum(1, allowed / np.maximum(radius, 1e-9))[:, None]
