"""Polar sampling around a cell, and the best closed outline through it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from leukfeat.imaging.conversion import Mask

__all__ = ["PolarGrid", "best_closed_path"]


class PolarGrid:
    """Rays from a centre, with equally spaced samples on each.

    Parameters
    ----------
    center : tuple of float
        x and y in pixels.
    reach : float
        Length of the rays in pixels.
    shape : tuple of int
        Height and width of the image.
    n_angles, n_radii : int
        Number of rays, and of samples on each.
    """

    def __init__(
        self,
        center: tuple[float, float],
        reach: float,
        shape: tuple[int, int],
        *,
        n_angles: int,
        n_radii: int,
    ) -> None:
        self.center = center
        self.shape = shape
        self.step = reach / n_radii
        self.radii = (np.arange(n_radii) + 0.5) * self.step
        angles = np.arange(n_angles) * 2 * np.pi / n_angles
        self.directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = np.asarray(center) + self.directions[:, None] * self.radii[None, :, None]
        self._x = points[..., 0].astype(np.float32)
        self._y = points[..., 1].astype(np.float32)
        height, width = shape
        self.inside = (
            (self._x >= 0) & (self._y >= 0) & (self._x <= width - 1) & (self._y <= height - 1)
        )

    def sample(self, values: npt.NDArray) -> npt.NDArray:
        """Interpolate an image at the samples.

        Parameters
        ----------
        values : ndarray of float32, shape (height, width) or (height, width, channels)
            Image; beyond its border the nearest value counts.

        Returns
        -------
        ndarray of float32, shape (n_angles, n_radii) or (n_angles, n_radii, channels)
        """
        return cv2.remap(
            values, self._x, self._y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def sample_mask(self, mask: Mask) -> Mask:
        """Look a mask up at the samples, nearest pixel.

        Parameters
        ----------
        mask : ndarray of bool, shape (height, width)
            Mask.

        Returns
        -------
        ndarray of bool, shape (n_angles, n_radii)
        """
        values = mask.astype(np.uint8)
        found = cv2.remap(
            values, self._x, self._y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
        )
        return found > 0

    def points(self, path: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        """Return the points of an outline.

        Parameters
        ----------
        path : ndarray of int, shape (n_angles,)
            Number of the sample on each ray.

        Returns
        -------
        ndarray of float64, shape (n_angles, 2)
            x and y in pixels.
        """
        return np.asarray(self.center) + self.directions * self.radii[path][:, None]

    def fill(self, path: npt.NDArray[np.intp]) -> Mask:
        """Fill the outline through one sample of each ray.

        Parameters
        ----------
        path : ndarray of int, shape (n_angles,)
            Number of the sample on each ray.

        Returns
        -------
        ndarray of bool, shape (height, width)
        """
        points = self.points(path)
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 1, shift=4)
        return mask > 0


def best_closed_path(
    gain: npt.NDArray[np.floating], *, stiffness: float, max_step: int
) -> npt.NDArray[np.intp]:
    """Find the closed path around with the largest gain, by dynamic programming.

    The rays are gone round twice and the middle turn is kept, where the path has forgotten that
    its start was free.

    Parameters
    ----------
    gain : ndarray of float, shape (n_angles, n_radii)
        What the path wins at each sample.
    stiffness : float
        Cost of moving s samples outwards or inwards from ray to ray, over s squared.
    max_step : int
        Largest such s.

    Returns
    -------
    ndarray of int, shape (n_angles,)
        Number of the sample on each ray.

    Examples
    --------
    >>> gain = np.zeros((8, 5))
    >>> gain[:, 3] = 1
    >>> best_closed_path(gain, stiffness=0.1, max_step=1).tolist()
    [3, 3, 3, 3, 3, 3, 3, 3]
    """
    n_angles, n_radii = gain.shape
    half = n_angles // 2
    rays = np.concatenate([gain[n_angles - half :], gain, gain[:half]]).astype(np.float32)
    steps = np.arange(-max_step, max_step + 1)[:, None]
    here = np.arange(n_radii)
    source = here + steps
    cost = np.where((source < 0) | (source >= n_radii), 1e9, stiffness * steps**2)
    cost = cost.astype(np.float32)
    source = np.clip(source, 0, n_radii - 1)
    came_from = np.zeros(rays.shape, np.int32)
    best = rays[0]
    for ray in range(1, len(rays)):
        options = best[source] - cost
        choice = options.argmax(axis=0)
        came_from[ray] = source[choice, here]
        best = options[choice, here] + rays[ray]
    path = np.empty(len(rays), np.intp)
    path[-1] = best.argmax()
    for ray in range(len(rays) - 1, 0, -1):
        path[ray - 1] = came_from[ray, path[ray]]
    return path[half : half + n_angles]
