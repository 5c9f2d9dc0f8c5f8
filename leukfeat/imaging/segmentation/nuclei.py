"""Nuclei: finding them, telling the lobes of one cell from two cells, drawing them finely."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import numpy.typing as npt
from skimage.filters import threshold_multiotsu

from leukfeat.imaging.conversion import Mask
from leukfeat.imaging.segmentation.appearance import Appearance, Float32, nuclear_index
from leukfeat.imaging.segmentation.regions import (
    disc,
    distance_to,
    fill_small_holes,
    keep_large,
    label_regions,
    window_around,
)

__all__ = ["find_nuclei", "group_lobes", "refine_nucleus"]

_FLOOR = -0.27
"""Nuclear index below which nothing is a nucleus; red cells lie below in 99 of 100 pixels."""

_TYPICAL = -0.2
"""Nuclear index that most of a nucleus exceeds."""

_PALE_FLOOR, _PALE_TYPICAL, _PALE_BLUE = -0.33, -0.3, 0.35
"""The same where blue is hardly absorbed (largest part of blue in the optical density): a pale
nucleus, for haemoglobin absorbs blue however thin it is."""

_WHOLE, _ROUND, _FRAGMENT = 0.75, 0.9, 0.15
"""A whole nucleus: least area in areas of a usual one, and least share of its convex hull; and
the largest fragment of it that may lie apart, as a share of its area."""

_EMPTY = -0.5
"""Nuclear index of empty background."""

_THINNEST = 0.1
"""Half the width of the thinnest part of a nucleus, in radii of its cell: the dark rim of a cell and
rows of granules are thinner. On each half of the 200 development images 0.08 to 0.12 is best."""

_CUT_OFF = 0.75
"""Least contrast on the line to a region that the border cuts, as a share of that around both."""


def find_nuclei(appearance: Appearance) -> Mask:
    """Find what may be nuclei (and platelets) in a whole image.

    Parameters
    ----------
    appearance : Appearance
        The image relative to its background.

    Returns
    -------
    ndarray of bool, shape (height, width)
        Regions above the higher of two Otsu thresholds (three classes) on the nuclear index,
        none of them smaller than a tenth of the largest, small holes filled. Empty where
        nothing has the colour of a nucleus.
    """
    index = nuclear_index(appearance.transmittance)
    pale = _blue_part(appearance.transmittance) < _PALE_BLUE
    step = max(1, int(np.sqrt(index.size / 1_000_000)))
    some = index[::step, ::step]
    if some.max() <= _PALE_TYPICAL:
        return np.zeros(index.shape, bool)
    above = index > max(_upper_threshold(some), _PALE_FLOOR)
    labels, areas = label_regions(above & (pale | (index > _FLOOR)))
    if not len(areas):
        return np.zeros(index.shape, bool)
    typical = np.where(pale, index > _PALE_TYPICAL, index > _TYPICAL)
    share = np.bincount(labels.ravel(), typical.ravel())[1:] / areas
    keep = np.concatenate([[False], (share > 0.5) & (areas >= 12)])
    nuclei = keep_large(keep[labels], share=0.1)
    _, areas = label_regions(nuclei)
    return fill_small_holes(nuclei, area=0.03 * areas.max()) if len(areas) else nuclei


def group_lobes(
    labels: npt.NDArray[np.int32],
    appearance: Appearance,
    *,
    reference: float | None = None,
    single: float | None = None,
    reach: float = 1.8,
    stained: float = 3.0,
) -> npt.NDArray[np.int32]:
    """Give nuclei numbers, the lobes of one nucleus the same.

    Two regions belong together if they almost touch, or if they are near and the shortest line
    between them crosses no empty background; and if they fill most of their convex hull. The
    nearest pair comes first. A region as large as a nucleus, round and whole, is not a lobe: it
    takes in fragments that almost touch it, and nothing else. From a region that the border of the
    image cuts to one that it does not, the line must not become paler than the cytoplasm around:
    there the neighbour begins, whose nucleus is out of view.

    Parameters
    ----------
    labels : ndarray of int32, shape (height, width)
        Regions, 0 outside.
    appearance : Appearance
        The image relative to its background.
    reference : float, optional
        Area of a single nucleus of this image, in pixels: regions whose common convex hull is
        larger than 1.9 times that stay apart.
    single : float, optional
        Area of a round nucleus, in pixels, by which whole nuclei are told from lobes. If not
        given, no region is held for whole.
    reach : float, default=1.8
        Largest gap, in radii of a disc with the area of the largest region.
    stained : float, default=3.0
        Contrast above which a pixel is not empty.

    Returns
    -------
    ndarray of int32, shape (height, width)
        0 outside, then 1, 2, ...
    """
    areas = np.bincount(labels.ravel())[1:]
    if len(areas) < 2:
        return labels
    radius = np.sqrt(areas.max() / np.pi)
    if len(areas) > 5:  # more regions than a nucleus has lobes: a field
        reach = min(reach, 0.9)
    outlines = [_outline(labels == k + 1) for k in range(len(areas))]
    whole = _whole(areas, outlines, single)
    cut = _cut_by_border(outlines, labels.shape)
    group = np.arange(len(areas))
    for first, second, gap, between in _near_pairs(outlines, appearance, reach * radius):
        if whole[[first, second]].any():
            small = areas[[first, second]].min() < _FRAGMENT * areas[[first, second]].max()
            if not (small and gap < 0.15 * radius):
                continue
        # Across a longer gap the line must not become paler either: there two cells meet.
        even = gap < 0.9 * radius or between.min() > 0.6 * np.median(between)
        if cut[first] != cut[second] and gap >= 0.15 * radius:
            around = _contrast_around(labels, (first + 1, second + 1), appearance, radius)
            even = even and between.min() > _CUT_OFF * around
        if gap < 0.15 * radius or (even and (between > stained).mean() > 0.8):
            joined = (group == group[first]) | (group == group[second])
            most = 2.4 * areas[joined].sum()
            if reference is not None:
                most = min(most, 1.9 * reference)
            if whole[joined].sum() < 2 and _hull_area(outlines, joined) < most:
                group[joined] = group[first]
    numbers = np.unique(group, return_inverse=True)[1] + 1
    return np.concatenate([[0], numbers]).astype(np.int32)[labels]


def refine_nucleus(appearance: Appearance, cell: Mask) -> Mask:
    """Find the nucleus within a cell.

    The higher of two Otsu thresholds on the nuclear index of the cell, seen with a rim of empty
    background (half the area of the cell, added to the histogram): so a cell without cytoplasm
    is not split in two, and red cells around it change nothing. Then once more by all colours,
    where there is cytoplasm to compare with. What is thinner than a tenth of the radius of the cell
    on either side is left out both times: the dark rim of the cell, and rows of granules.

    Parameters
    ----------
    appearance : Appearance
        The image relative to its background.
    cell : ndarray of bool, shape (height, width)
        One white cell.

    Returns
    -------
    ndarray of bool, shape (height, width)
        Within the cell; without thin parts and regions smaller than 8 % of the largest, small
        holes filled.
    """
    index = nuclear_index(appearance.transmittance)
    values = index[cell]
    if not len(values) or values.max() <= _PALE_TYPICAL:
        return np.zeros(cell.shape, bool)
    edges = np.linspace(min(values.min(), _EMPTY - 0.05), values.max(), 129)
    counts = np.histogram(values, edges)[0].astype(np.float64)
    middle = (edges[1:] + edges[:-1]) / 2
    empty = index[appearance.contrast < 2]
    spread = max(float(empty.std()) if len(empty) > 20 else 0.02, 0.01, edges[1] - edges[0])
    rim = np.exp(-0.5 * ((middle - _EMPTY) / spread) ** 2)
    counts += rim / rim.sum() * 0.55 * len(values)
    threshold = threshold_multiotsu(hist=(counts, middle), classes=3)[1]
    nucleus = _without_thin_parts(_without_specks(cell & (index > threshold), cell), cell)
    return _without_thin_parts(_by_all_colours(appearance, cell, nucleus), cell)


def _by_all_colours(appearance: Appearance, cell: Mask, nucleus: Mask) -> Mask:
    """Draw the limit half-way between nucleus and cytoplasm along their best discriminant.

    Granules of eosinophils are as dark in green as the nucleus, and of another hue.
    """
    radius = np.sqrt(cell.sum() / np.pi)
    # The rim of the cell is mixed with what lies around it.
    inner = cv2.erode(cell.astype(np.uint8), disc(0.08 * radius)) > 0
    cytoplasm = appearance.lab[inner & ~nucleus].astype(np.float64)
    own = appearance.lab[nucleus].astype(np.float64)
    outside = int(cell.sum()) - len(own)
    if min(len(own), len(cytoplasm)) < 30 or outside < 0.15 * len(own):
        return nucleus
    scatter = np.cov(own.T) * len(own) + np.cov(cytoplasm.T) * len(cytoplasm)
    within = scatter / (len(own) + len(cytoplasm)) + 4 * np.eye(3)
    middle = (own.mean(axis=0) + cytoplasm.mean(axis=0)) / 2
    direction = np.linalg.solve(within, own.mean(axis=0) - cytoplasm.mean(axis=0))
    return _without_specks(cell & ((appearance.lab - middle) @ direction > 0), cell)


def _without_thin_parts(nucleus: Mask, cell: Mask) -> Mask:
    element = disc(_THINNEST * float(np.sqrt(cell.sum() / np.pi)))
    opened = cv2.morphologyEx(nucleus.astype(np.uint8), cv2.MORPH_OPEN, element)
    if not opened.any():
        return nucleus
    # Grown back within the nucleus, whose corners the opening has rounded.
    return _without_specks((cv2.dilate(opened, element) > 0) & nucleus, cell)


def _without_specks(nucleus: Mask, cell: Mask) -> Mask:
    nucleus = keep_large(nucleus, share=0.08)
    return fill_small_holes(nucleus, area=0.03 * nucleus.sum()) & cell


def _blue_part(transmittance: Float32) -> Float32:
    density = -np.log(np.maximum(transmittance, 0.02))
    length = np.sqrt((density**2).sum(axis=2))
    return density[..., 2] / np.maximum(length, 0.1)


def _upper_threshold(values: npt.NDArray[np.float32]) -> float:
    counts, edges = np.histogram(values, 256)
    middle = (edges[1:] + edges[:-1]) / 2
    if np.count_nonzero(counts) < 4:
        return float(middle[counts > 0].mean())
    return float(threshold_multiotsu(hist=(counts, middle), classes=3)[1])


def _whole(
    areas: npt.NDArray[np.int_], outlines: list[npt.NDArray[np.float64]], single: float | None
) -> npt.NDArray[np.bool_]:
    if single is None:
        return np.zeros(len(areas), bool)
    hulls = [cv2.contourArea(cv2.convexHull(o.astype(np.float32))) for o in outlines]
    return (areas > _WHOLE * single) & (areas > _ROUND * np.array(hulls))


def _cut_by_border(
    outlines: list[npt.NDArray[np.float64]], shape: tuple[int, ...]
) -> npt.NDArray[np.bool_]:
    last = np.array([shape[1], shape[0]]) - 1
    return np.array([bool((o <= 0).any() or (o >= last).any()) for o in outlines])


def _contrast_around(
    labels: npt.NDArray[np.int32], pair: tuple[int, int], appearance: Appearance, radius: float
) -> float:
    """Return the median contrast of what lies close around two regions, no nucleus."""
    both = np.isin(labels, pair)
    rows, columns = window_around(both, margin=0.4 * radius)
    distance = distance_to(both[rows, columns])
    near = (distance > 0.1 * radius) & (distance < 0.35 * radius) & (labels[rows, columns] == 0)
    return float(np.median(appearance.contrast[rows, columns][near])) if near.any() else 0.0


def _near_pairs(
    outlines: list[npt.NDArray[np.float64]], appearance: Appearance, most: float
) -> list[tuple[int, int, float, Float32]]:
    """Return pairs of regions, nearest first: their gap, and the contrast along it."""
    boxes = [(o.min(axis=0) - most, o.max(axis=0)) for o in outlines]
    pairs = []
    for first, second in itertools.combinations(range(len(outlines)), 2):
        low, high = (np.maximum, np.minimum)
        apart = low(boxes[first][0], boxes[second][0]) > high(boxes[first][1], boxes[second][1])
        if apart.any():
            continue
        a, b, gap = _shortest_line(outlines[first], outlines[second])
        if gap > most:
            continue
        along = np.linspace(0, 1, max(int(gap) + 1, 3))[1:-1, None]
        x, y = np.rint(a + along * (b - a)).astype(int).T
        pairs.append((first, second, gap, appearance.contrast[y, x]))
    return sorted(pairs, key=lambda pair: pair[2])


def _outline(region: Mask) -> npt.NDArray[np.float64]:
    outlines, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    points = max(outlines, key=len)[:, 0].astype(np.float64)
    return points[:: max(1, len(points) // 60)]


def _hull_area(outlines: list[npt.NDArray[np.float64]], chosen: npt.NDArray[np.bool_]) -> float:
    points = np.concatenate([o for o, keep in zip(outlines, chosen, strict=True) if keep])
    return float(cv2.contourArea(cv2.convexHull(points.astype(np.float32))))


def _shortest_line(
    first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    squared = ((first[:, None] - second[None]) ** 2).sum(axis=2)
    i, j = np.unravel_index(squared.argmin(), squared.shape)
    return first[i], second[j], float(np.sqrt(squared[i, j]))
