"""Small measurements of an image: colour percentiles, size and border.

They are kept beside the features, so that a head on nothing but colour or size can be shown
beside every result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COLOUR_CONTROLS",
    "CONTROLS_VERSION",
    "CONTROL_COLUMNS",
    "SIZE_CONTROLS",
    "measure_controls",
]

COLOUR_CONTROLS = tuple(f"{c}_p{q}" for c in "rgb" for q in (10, 50, 90))
"""Percentiles of the foreground's colour, 0 to 255."""

SIZE_CONTROLS = (
    "height",
    "width",
    "foreground_fraction",
    "foreground_area",
    "bbox_height",
    "bbox_width",
)
"""Size of the image and of its foreground, in pixels."""

CONTROL_COLUMNS = (*COLOUR_CONTROLS, *SIZE_CONTROLS, "border_r", "border_g", "border_b")
"""Names of what :func:`measure_controls` returns, in order. New ones are added at the end: stores
that are older have the first of them."""

_SHARES = np.array([0.1, 0.5, 0.9])

CONTROLS_VERSION = 1
"""Raised when the same image would give other values than before; stored ones are not used then."""


def measure_controls(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Measure the colour and size of an image's foreground.

    Foreground is where any channel is above 0 (segmented cells stand on exact black); in an
    image without black it is every pixel.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.

    Returns
    -------
    ndarray of float32 of shape (18,)
        In the order of `CONTROL_COLUMNS`: percentiles 10, 50, 90 of red, green and blue over
        the foreground (interpolated as :func:`numpy.percentile` does); height and width of the
        image (px); foreground as a fraction and as an area (px); height and width of its
        bounding box (px); mean red, green and blue of the outermost one-pixel frame. All 0
        where there is no foreground.

    Examples
    --------
    >>> image = np.zeros((4, 6, 3), np.uint8)
    >>> image[1:3, 2:5] = 10, 20, 30
    >>> dict(zip(CONTROL_COLUMNS, measure_controls(image).tolist()))["bbox_width"]
    3.0
    """
    import cv2

    height, width = image.shape[:2]
    image = np.ascontiguousarray(image)
    black = cv2.inRange(image, (0, 0, 0, 0), (0, 0, 0, 0))
    area = height * width - cv2.countNonZero(black)
    box_height, box_width, mask, window = height, width, None, image
    if area < height * width:
        mask = cv2.bitwise_not(black)
        left, top, box_width, box_height = cv2.boundingRect(mask)
        inside = slice(top, top + box_height), slice(left, left + box_width)
        mask, window = mask[inside], image[inside]
    percentiles = [
        value for channel in range(3) for value in _percentiles(window, channel, mask, area)
    ]
    frame = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    if height == 1 or width == 1:
        frame = image.reshape(-1, 3)
    sizes = [height, width, area / (height * width), area, box_height, box_width]
    return np.array([*percentiles, *sizes, *frame.mean(axis=0)], np.float32)


def _percentiles(image: NDArray, channel: int, mask: Any, count: int) -> list[float]:
    import cv2

    if count == 0:
        return [0.0, 0.0, 0.0]
    histogram = cv2.calcHist([image], [channel], mask, [256], [0, 256])
    at_most = np.cumsum(histogram.ravel(), dtype=np.float64)
    ranks = _SHARES * (count - 1)
    low = ranks.astype(np.int64)
    # calcHist counts in float32, which is exact up to 2**24 pixels a value: stay in range.
    places = np.searchsorted(at_most, [low + 1, np.minimum(low + 2, count)])
    below, above = np.minimum(places, 255)
    found: list[float] = (below + (ranks - low) * (above - below)).tolist()
    return found
