"""The outline of a white cell around its nucleus, red cells pressed against it or not."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.segmentation.appearance import Appearance
from leukfeat.imaging.segmentation.dyes import DyeModel, dye_features
from leukfeat.imaging.segmentation.polar import PolarGrid, best_closed_path
from leukfeat.imaging.segmentation.regions import convex_hull, disc, distance_to

__all__ = ["REACH", "outline_cell"]

REACH = 3.0
"""How far the outline may lie from the centre of the nucleus, in radii of the nucleus."""

_N_ANGLES, _N_RADII = 96, 80
_USUAL_DISTANCE = (0.65, 0.5)
"""Where the cell usually ends, from the hull of the nucleus, in its radii; and how vaguely."""

_STAINED = 3.0
"""Contrast with the background from which a pixel counts as stained, and the width of that."""
_STAINED_WIDTH = 0.6

_EDGE_GAIN, _EDGE_HALF = 1.2, 12.0
"""What a full edge is worth, and the change in Lab at which an edge is half full."""

_ALIKE = 1.2
"""Longest ray within a cell that is alone, in rays of usual length."""

_MOST_ODDS, _ODDS_SCALE = 2.0, 0.6
"""One pixel decides little: neighbours agree, so their evidence is not independent."""

_STIFFNESS, _MAX_STEP = 0.05, 3


def outline_cell(appearance: Appearance, nucleus: Mask, others: Mask) -> Mask:
    """Find the cell around a nucleus.

    The cell is the star-shaped region around its nucleus whose outline, closed and smooth, has
    the most stained pixels with the dye of cytoplasm inside, the most empty pixels and red
    cells outside, and the strongest edges on it; it is found by dynamic programming in polar
    coordinates, a second time around the centre of the first result, where "stained" means at
    least 40 % of the contrast of that cell's own rim.

    Parameters
    ----------
    appearance : Appearance
        The image relative to its background.
    nucleus : ndarray of bool, shape (height, width)
        The nucleus, all lobes; not empty.
    others : ndarray of bool, shape (height, width)
        Nuclei of other cells: what lies nearer to them is not of this cell.

    Returns
    -------
    ndarray of bool, shape (height, width)
        Contains the nucleus.
    """
    hull = convex_hull(nucleus)
    radius = float(np.sqrt(hull.sum() / np.pi))
    from_hull = distance_to(hull)
    foreign = (distance_to(others) < from_hull) if others.any() else np.zeros(hull.shape, bool)
    scene = _Scene(appearance, nucleus, foreign, from_hull, radius)

    center = _centroid(hull)
    grid = PolarGrid(center, REACH * radius, hull.shape, n_angles=_N_ANGLES, n_radii=_N_RADII)
    scene.learn_dyes(grid)
    usual, width = _USUAL_DISTANCE
    first, points = scene.best_outline(grid, (usual - grid.sample(from_hull) / radius) / width)
    size = float(np.sqrt(first.sum() / np.pi))
    scene.raise_threshold(first, size)

    signed = _signed_distance(convex_hull(first)) / size
    center = _centroid(first)
    reach = max(1.5 * float(np.linalg.norm(points - center, axis=1).max()), 1.3 * radius)
    grid = PolarGrid(center, reach, hull.shape, n_angles=_N_ANGLES, n_radii=_N_RADII)
    # Half as strong as before, for it stems from the same image: a cell rarely reaches beyond
    # the convex hull of the first outline, and seldom ends far inside it.
    second, _ = scene.best_outline(grid, 0.5 * np.clip((0.12 - grid.sample(signed)) / 0.25, -4, 2))
    return second | nucleus


class _Scene:
    """What is known of the pixels around one nucleus."""

    def __init__(
        self,
        appearance: Appearance,
        nucleus: Mask,
        foreign: Mask,
        from_hull: npt.NDArray[np.float32],
        radius: float,
    ) -> None:
        self.appearance, self.nucleus, self.foreign = appearance, nucleus, foreign
        self.from_hull, self.radius = from_hull, radius
        self.features = dye_features(appearance.transmittance)
        self.threshold, self.width = _STAINED, _STAINED_WIDTH
        self.dyes: DyeModel

    def learn_dyes(self, grid: PolarGrid) -> None:
        features = grid.sample(self.features).astype(np.float64)
        inside = grid.sample_mask(self.nucleus)
        usable = grid.inside & ~inside & ~grid.sample_mask(self.foreign)
        stained = grid.sample(self.appearance.contrast) > self.threshold
        usable &= stained
        areas = np.broadcast_to(grid.radii * grid.step / self.radius**2, usable.shape)
        distance = grid.sample(self.from_hull) / self.radius
        far = grid.inside & (distance > 0.9) & ~grid.sample_mask(self.foreign)
        if _is_alone(grid, stained | inside):
            # However far the cytoplasm of a small nucleus reaches, no red cell is in view.
            far[:] = False
        self.dyes = DyeModel(
            features[usable],
            areas[usable],
            np.where(far, distance, np.minimum(distance, 0.9))[usable].astype(np.float64),
            np.median(features[inside], axis=0) if inside.any() else features[0, 0],
            reach=_USUAL_DISTANCE,
            presence=float(areas[far & usable].sum() / max(areas[far].sum(), 1e-6)),
        )

    def raise_threshold(self, cell: Mask, size: float) -> None:
        """Put the limit of "stained" at 40 % of the contrast of the cell's rim."""
        rim = cell & (cv2.erode(cell.astype(np.uint8), disc(0.25 * size)) == 0)
        outside = rim & (distance_to(self.nucleus) > 0.05 * self.radius)
        if outside.sum() >= 0.05 * cell.sum():
            rim = outside
        if not rim.any():  # the cell fills its window
            rim = cell
        contrast = float(np.median(self.appearance.contrast[rim]))
        self.threshold = float(np.clip(0.4 * contrast, _STAINED, 4 * _STAINED))
        self.width = _STAINED_WIDTH * self.threshold / _STAINED

    def best_outline(
        self, grid: PolarGrid, prior: npt.NDArray[np.floating]
    ) -> tuple[Mask, npt.NDArray[np.float64]]:
        """Return the mask inside the best outline, and the points of the outline."""
        areas = grid.radii * grid.step / self.radius**2
        gain = np.cumsum(self._log_odds(grid, prior) * areas * grid.inside, axis=1)
        gain += _EDGE_GAIN * self._edges(grid)
        # Beyond the border of the image nothing speaks for or against: the outline may leave it.
        inside = grid.sample_mask(self.nucleus) & grid.inside
        last = np.where(inside.any(axis=1), inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1), 0)
        gain[np.arange(gain.shape[1]) < last[:, None]] = -1e3
        path = best_closed_path(gain, stiffness=_STIFFNESS, max_step=_MAX_STEP)
        return grid.fill(path), grid.points(path)

    def _log_odds(
        self, grid: PolarGrid, prior: npt.NDArray[np.floating]
    ) -> npt.NDArray[np.float64]:
        """Return the evidence that each sample lies in the cell."""
        features = grid.sample(self.features).astype(np.float64)
        shape = features.shape[:2]
        dye = self.dyes.log_odds(features.reshape(-1, 3)).reshape(shape) + prior
        stained = (grid.sample(self.appearance.contrast) - self.threshold) / self.width
        both = 1 / (1 + np.exp(-np.clip(stained, -6, 6))) / (1 + np.exp(-np.clip(dye, -30, 30)))
        both = np.clip(both, 1e-3, 1 - 1e-3)
        odds = np.clip(_ODDS_SCALE * np.log(both / (1 - both)), -_MOST_ODDS, _MOST_ODDS)
        odds[grid.sample_mask(self.foreign)] = -3 * _MOST_ODDS
        odds[grid.sample_mask(self.nucleus)] = 2 * _MOST_ODDS
        return odds

    def _edges(self, grid: PolarGrid) -> npt.NDArray[np.floating]:
        """Return the change of colour along each ray, from 0 to 1."""
        lab = grid.sample(self.appearance.lab)
        apart = max(1, round(0.05 * self.radius / grid.step))
        change = np.zeros(lab.shape[:2], np.float32)
        change[:, apart:-apart] = np.linalg.norm(lab[:, 2 * apart :] - lab[:, : -2 * apart], axis=2)
        return change / (change + _EDGE_HALF) * grid.inside


def _is_alone(grid: PolarGrid, stained: Mask) -> bool:
    """Tell whether nothing but one round cell is stained: every ray leaves it once, nearly alike."""
    stained = stained & grid.inside
    ends = stained.shape[1] - stained[:, ::-1].argmax(axis=1)
    ends[~stained.any(axis=1)] = 0
    # Where the border of the image cuts the cell, its end is not in view.
    seen = ends < grid.inside.sum(axis=1)
    if seen.mean() < 0.5:
        return False
    ends, runs = ends[seen], stained[seen].sum(axis=1)
    usual = np.median(ends)
    alike = (runs >= 0.95 * ends) & (ends > 0.6 * usual) & (ends < _ALIKE * usual)
    return bool(usual < 0.95 * stained.shape[1] and alike.all())


def _centroid(mask: Mask) -> tuple[float, float]:
    moments = cv2.moments(mask.astype(np.uint8), True)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def _signed_distance(mask: Mask) -> npt.NDArray[np.float32]:
    return (
        distance_to(mask) - distance_to(~mask)
        if not mask.all()
        else -np.ones(mask.shape, np.float32)
    )
