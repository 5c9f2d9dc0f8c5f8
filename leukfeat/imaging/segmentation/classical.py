"""The textbook methods: thresholds, edges, watershed and colour clustering.

All work on the image relative to its background, so that they differ in the method only. They
know nothing of red cells: what touches the white cell is taken with it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from skimage import filters
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.segmentation.appearance import Appearance
from leukfeat.imaging.segmentation.regions import disc, fill_small_holes

__all__ = ["CLASSICAL_METHODS"]

Masks = tuple[Mask, Mask]
"""Stained material, and nuclei."""


def by_otsu(seen: Appearance) -> Masks:
    """Otsu's threshold on green for cells, and again within them for nuclei (Otsu, 1979)."""
    green = seen.transmittance[..., 1]
    stained = green < _otsu(green)
    return stained, _nuclei_within(green, stained)


def by_multi_otsu(seen: Appearance) -> Masks:
    """Two thresholds on green at once, for three classes (Liao et al., 2001)."""
    green = seen.transmittance[..., 1]
    if _is_one_colour(green) or len(np.unique(green)) < 4:
        return _nothing(green)
    low, high = filters.threshold_multiotsu(green, classes=3)
    return green < high, green < low


def by_triangle(seen: Appearance) -> Masks:
    """Triangle threshold on green for cells (Zack et al., 1977), Otsu within for nuclei."""
    green = seen.transmittance[..., 1]
    if _is_one_colour(green):
        return _nothing(green)
    stained = green < filters.threshold_triangle(green)
    return stained, _nuclei_within(green, stained)


def by_local(seen: Appearance) -> Masks:
    """Mean of the neighbourhood on green for cells, Otsu within for nuclei.

    The neighbourhood is as wide as the shorter side of the image, so that it sees background.
    """
    green = seen.transmittance[..., 1]
    side = max(min(green.shape) // 2 * 2 + 1, 3)
    mean = cv2.blur(green, (side, side), borderType=cv2.BORDER_REFLECT)
    stained = green < mean - 0.03
    return stained, _nuclei_within(green, stained)


def by_edges(seen: Appearance) -> Masks:
    """Canny's edges of green, closed and filled (Canny, 1986), Otsu within for nuclei."""
    green = seen.transmittance[..., 1]
    eight = np.rint(np.clip(green, 0, 1) * 255).astype(np.uint8)
    slope = cv2.magnitude(
        cv2.Sobel(eight, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(eight, cv2.CV_32F, 0, 1, ksize=3)
    )
    high = float(np.percentile(slope, 92))
    edges = cv2.Canny(eight, 0.4 * high, high, L2gradient=True)
    closed = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, disc(0.02 * min(green.shape)))
    filled = fill_small_holes(closed > 0, area=np.inf)
    # What is still a line was an open contour, not an object.
    stained = cv2.morphologyEx(filled.astype(np.uint8), cv2.MORPH_OPEN, disc(2)) > 0
    return stained, _nuclei_within(green, stained)


def by_watershed(seen: Appearance) -> Masks:
    """Otsu's foreground, divided where its distance transform has a valley (touching cells)."""
    green = seen.transmittance[..., 1]
    stained = fill_small_holes(green < _otsu(green), area=np.inf)
    if stained.all():  # there is no outside from which a distance could be taken
        return stained, _nuclei_within(green, stained)
    depth = cv2.distanceTransform(stained.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    depth = cv2.GaussianBlur(depth, (0, 0), 2)
    apart = max(round(0.5 * float(depth.max(initial=0))), 1)
    peaks = peak_local_max(depth, min_distance=apart, labels=stained.astype(np.int32))
    markers = np.zeros(stained.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(len(peaks)) + 1
    divided = watershed(-depth, markers, mask=stained, watershed_line=True) > 0
    return divided, _nuclei_within(green, divided)


def by_kmeans_hsi(seen: Appearance) -> Masks:
    """K-means with three clusters in HSI, the hue taken round its circle."""
    return _by_clusters(seen, _hsi_features(seen), _kmeans)


def by_kmeans_lab(seen: Appearance) -> Masks:
    """K-means with three clusters in CIE Lab."""
    return _by_clusters(seen, seen.lab, _kmeans)


def by_mixture_hsi(seen: Appearance) -> Masks:
    """Mixture of three Gaussians in HSI."""
    return _by_clusters(seen, _hsi_features(seen), _mixture)


def by_mixture_lab(seen: Appearance) -> Masks:
    """Mixture of three Gaussians in CIE Lab."""
    return _by_clusters(seen, seen.lab, _mixture)


CLASSICAL_METHODS: dict[str, Callable[[Appearance], Masks]] = {
    "kmeans_hsi": by_kmeans_hsi,
    "kmeans_lab": by_kmeans_lab,
    "mixture_hsi": by_mixture_hsi,
    "mixture_lab": by_mixture_lab,
    "otsu": by_otsu,
    "multi_otsu": by_multi_otsu,
    "triangle": by_triangle,
    "local": by_local,
    "edges": by_edges,
    "watershed": by_watershed,
}
"""Each method by its name."""


def _by_clusters(
    seen: Appearance,
    features: npt.NDArray[np.float32],
    cluster: Callable[[npt.NDArray, npt.NDArray], Callable[[npt.NDArray], npt.NDArray]],
) -> Masks:
    green = seen.transmittance[..., 1].ravel()
    points = features.reshape(-1, features.shape[2])
    step = max(1, len(points) // 20_000)
    # Starting from dark, middle and light makes the result depend on no random draw.
    cuts = np.quantile(green[::step], [0.05, 0.5, 0.95])
    if _is_one_colour(cuts) or len(np.unique(points[::step], axis=0)) < 3:
        return _nothing(seen.contrast)
    start = np.stack([points[np.abs(green - cut).argmin()] for cut in cuts])
    assign = cluster(points[::step], start + np.arange(3)[:, None] * 1e-6)
    labels = assign(points)
    darkness = [green[labels == k].mean() if (labels == k).any() else np.inf for k in range(3)]
    rank = np.argsort(np.argsort(darkness))[labels].reshape(seen.contrast.shape)
    return rank < 2, rank == 0


def _kmeans(points: npt.NDArray, start: npt.NDArray) -> Callable[[npt.NDArray], npt.NDArray]:
    from sklearn.cluster import KMeans

    return KMeans(3, init=start, n_init=1, random_state=0).fit(points).predict


def _mixture(points: npt.NDArray, start: npt.NDArray) -> Callable[[npt.NDArray], npt.NDArray]:
    from sklearn.mixture import GaussianMixture

    spread = float(points.var(axis=0).mean())
    model = GaussianMixture(3, means_init=start, reg_covar=1e-3 * spread, tol=1e-2, random_state=0)
    return model.fit(points.astype(np.float64)).predict


def _hsi_features(seen: Appearance) -> npt.NDArray[np.float32]:
    from leukfeat.imaging.colour_spaces import rgb_to_hsi

    through = np.rint(np.clip(seen.transmittance, 0, 1) * 255).astype(np.uint8)
    hue, saturation, intensity = cv2.split(rgb_to_hsi(through))
    angle = 2 * np.float32(np.pi) * hue
    return cv2.merge([saturation * np.cos(angle), saturation * np.sin(angle), intensity])


def _otsu(values: npt.NDArray) -> float:
    # Of one colour there is no threshold, and nothing must lie below it.
    return -np.inf if _is_one_colour(values) else float(filters.threshold_otsu(values))


def _is_one_colour(values: npt.NDArray) -> bool:
    return np.ptp(values) < 1e-3


def _nuclei_within(green: npt.NDArray[np.float32], stained: Mask) -> Mask:
    inside = green[stained]
    if not len(inside) or _is_one_colour(inside):
        return np.zeros(stained.shape, bool)
    return stained & (green < _otsu(inside))


def _nothing(like: npt.NDArray) -> Masks:
    return np.zeros(like.shape, bool), np.zeros(like.shape, bool)
