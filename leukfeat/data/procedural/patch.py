"""The square of pixels on which one thing is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Patch"]


class Patch(NamedTuple):
    """A square raster whose middle pixel is the origin of the things drawn on it.

    Examples
    --------
    >>> patch = Patch.around(5.0, 10.0)
    >>> patch.side
    101
    """

    side: int
    """Height and width (pixels); odd."""
    px_per_um: float
    """Pixels a µm."""
    extent_um: float
    """Height and width before rounding to pixels (µm)."""

    @classmethod
    def around(cls, reach_um: float, px_per_um: float) -> Patch:
        """Return the patch on which a thing fits that reaches so far from its middle.

        Parameters
        ----------
        reach_um : float
            Greatest distance from the middle (µm).
        px_per_um : float
            Pixels a µm.

        Returns
        -------
        Patch
        """
        return cls(int(np.ceil(2 * reach_um * px_per_um)) | 1, px_per_um, 2 * reach_um)

    def fixed_point(self, places_um: np.ndarray) -> np.ndarray:
        """Return places as OpenCV takes them with 4 fractional bits, so as to keep sub-pixels.

        Parameters
        ----------
        places_um : ndarray of shape (..., 2)
            x and y (µm).

        Returns
        -------
        ndarray of int32, shape (..., 2)
            Sixteenths of a pixel from the middle of the upper left pixel.
        """
        return np.round((places_um * self.px_per_um + (self.side - 1) / 2) * 16).astype(np.int32)
