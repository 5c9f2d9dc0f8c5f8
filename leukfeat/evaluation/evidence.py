"""Where in an image a head finds its evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["feature_gradient", "occlusion_evidence", "pooled_evidence"]

Array = np.ndarray
Score = Callable[[Array], Array]


def feature_gradient(score: Score, x: Any, *, step: Any = None, block: int = 512) -> Array:
    """Return the slope of a head's score in each feature, by central differences.

    Exact for a linear head up to rounding, and true of any smooth one: an RBF SVM, a network. A
    forest is flat nearly everywhere: use :func:`occlusion_evidence`.

    Parameters
    ----------
    score : callable
        Takes rows ``(n, n_features)`` and returns one number each, for example
        ``head.decision_function``.
    x : array-like of float of shape (n_features,)
        Features of one cell.
    step : float or array-like of shape (n_features,), optional
        Half the distance; default: a thousandth of the largest absolute feature.
    block : int, default=512
        Features differed at once; it does not change the result.

    Returns
    -------
    ndarray of float64 of shape (n_features,)

    Examples
    --------
    >>> import numpy as np
    >>> from leukfeat.evaluation import feature_gradient
    >>> feature_gradient(lambda rows: rows @ np.array([2.0, -1.0]), [0.5, 0.5]).round(6)
    array([ 2., -1.])
    """
    x = np.asarray(x, np.float64)
    d = len(x)
    default = 1e-3 * max(float(np.abs(x).max()), 1e-6)
    steps = np.broadcast_to(np.asarray(default if step is None else step, float), (d,))
    slope = np.empty(d)
    for start in range(0, d, block):
        which = np.arange(start, min(start + block, d))
        shift = np.zeros((len(which), d))
        shift[np.arange(len(which)), which] = steps[which]
        values = np.asarray(score(np.concatenate([x + shift, x - shift])), float)
        slope[which] = (values[: len(which)] - values[len(which) :]) / (2 * steps[which])
    return slope


def pooled_evidence(score: Score, maps: Any, *, baseline: Any = None, steps: int = 8) -> Array:
    """Return what each place of a network's map adds to the score of its mean.

    For a linear head the sum over places is the score itself, but for the constant. A bent head
    (an RBF SVM) is flat where it is sure, and its slope at the cell then says little: give a
    `baseline`, and slopes are averaged on the way from there, so that the sum over places is
    what the score rises by.

    Parameters
    ----------
    score : callable
        Takes pooled features ``(n, n_features)`` and returns one number each.
    maps : array-like of float of shape (height, width, n_features)
        The last map, whose mean over places is the feature vector.
    baseline : array-like of float of shape (n_features,), optional
        Features to start from, for example the mean of the training cells.
    steps : int, default=8
        Points on the way from the baseline (midpoints of equal parts).

    Returns
    -------
    ndarray of float64 of shape (height, width)
        Positive where the evidence is for the positive class.

    References
    ----------
    .. [1] B. Zhou, A. Khosla, A. Lapedriza, A. Oliva and A. Torralba, "Learning deep features
       for discriminative localization", CVPR 2016.
    .. [2] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic attribution for deep networks",
       ICML 2017 (the way from a baseline).
    """
    maps = np.asarray(maps, np.float64)
    if maps.ndim != 3:
        raise ValueError(f"'maps' must be (height, width, n_features). Got shape {maps.shape}.")
    pooled, places = maps.mean((0, 1)), maps.shape[0] * maps.shape[1]
    if baseline is None:
        return maps @ feature_gradient(score, pooled) / places
    start = np.asarray(baseline, np.float64)
    on_the_way = [start + (k + 0.5) / steps * (pooled - start) for k in range(steps)]
    slope = np.mean([feature_gradient(score, x) for x in on_the_way], axis=0)
    return (maps - start) @ slope / places


def occlusion_evidence(
    score: Callable[[list[Array]], Array],
    image: Any,
    *,
    window: int = 32,
    stride: int = 16,
    fill: Any = None,
) -> Array:
    """Return how much the score falls when a place of the image is covered.

    It needs nothing of the head but its score, so it serves forests and ensembles too, at the
    price of one image a position.

    Parameters
    ----------
    score : callable
        Takes RGB images and returns one number each (features and head).
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    window, stride : int, default=32 and 16
        Side of the cover and distance of its positions, in pixels.
    fill : array-like of shape (3,), optional
        Colour of the cover; default: the median of the image's frame.

    Returns
    -------
    ndarray of float64 of shape (height, width)
        Mean over the covers of each pixel of the fall they cause.

    Raises
    ------
    ValueError
        If the window or stride is less than one pixel.
    """
    image = np.asarray(image, np.uint8)
    if window < 1 or stride < 1:
        raise ValueError(
            f"'window' and 'stride' must be at least 1 pixel. Got {window} and {stride}."
        )
    height, width = image.shape[:2]
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    colour = np.median(frame, axis=0) if fill is None else np.asarray(fill)
    tops = _positions(height, window, stride)
    lefts = _positions(width, window, stride)
    corners = [(top, left) for top in tops for left in lefts]
    covered = []
    for top, left in corners:
        hidden = image.copy()
        hidden[top : top + window, left : left + window] = colour
        covered.append(hidden)
    values = np.asarray(score([image, *covered]), float)
    total, times = np.zeros((height, width)), np.zeros((height, width))
    for (top, left), value in zip(corners, values[1:], strict=True):
        place = np.s_[top : top + window, left : left + window]
        total[place] += values[0] - value
        times[place] += 1
    return total / np.maximum(times, 1)


def _positions(length: int, window: int, stride: int) -> list[int]:
    last = max(length - window, 0)
    return sorted({*range(0, last + 1, stride), last})
