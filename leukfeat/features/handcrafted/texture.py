"""Texture of a cell: local binary patterns, Gabor filters, co-occurrence of grey levels, entropy."""

from __future__ import annotations

import dataclasses
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

from leukfeat.features.handcrafted.gabor import gabor_magnitudes
from leukfeat.features.handcrafted.pixels import as_rgb, box_of, mask_for
from leukfeat.imaging.conversion import RGB, Mask

__all__ = ["TextureSettings", "measure_texture", "texture_columns", "texture_features"]

_PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "energy", "ASM", "correlation")
_ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextureSettings:
    """How texture is measured.

    Parameters
    ----------
    lbp_radii : tuple of int, default=(1, 2, 3)
        Radii of the local binary patterns, in pixels; each compares 8 neighbours a pixel of
        radius.
    gabor_frequencies : tuple of float, default=(0.1, 0.2, 0.4)
        Cycles a pixel, above 0 and below 0.5.
    gabor_orientations : int, default=4
        Directions, evenly spread over half a turn.
    glcm_distances : tuple of int, default=(1, 2, 4)
        Distances of the co-occurring pixels, in pixels.
    grey_levels : int, default=32
        Equal steps into which 0 to 255 is divided for the co-occurrences.

    Raises
    ------
    ValueError
        If a setting is not allowed.

    Examples
    --------
    >>> len(texture_columns(TextureSettings(lbp_radii=(1,), glcm_distances=(1,))))
    24
    """

    lbp_radii: tuple[int, ...] = (1, 2, 3)
    gabor_frequencies: tuple[float, ...] = (0.1, 0.2, 0.4)
    gabor_orientations: int = 4
    glcm_distances: tuple[int, ...] = (1, 2, 4)
    grey_levels: int = 32

    def __post_init__(self) -> None:
        for name, low, high in (
            ("lbp_radii", 1, 16),
            ("gabor_frequencies", 0.02, 0.49),
            ("glcm_distances", 1, 64),
        ):
            values = tuple(getattr(self, name))
            whole = name != "gabor_frequencies"
            object.__setattr__(self, name, values)
            if (
                not values
                or len(values) > 16
                or list(values) != sorted(set(values))
                or any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in values)
                or any(whole and not isinstance(v, int) for v in values)
                or not low <= min(values) <= max(values) <= high
            ):
                kind = "integers" if whole else "numbers"
                raise ValueError(
                    f"{name!r} must be 1 to 16 rising {kind} from {low} to {high}. "
                    f"Got {values!r} instead."
                )
        for name, low, high in (("gabor_orientations", 1, 32), ("grey_levels", 2, 255)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(
                    f"{name!r} must be an integer from {low} to {high}. Got {value!r} instead."
                )


def texture_columns(settings: TextureSettings) -> tuple[str, ...]:
    """Return the names of what :func:`texture_features` measures.

    Parameters
    ----------
    settings : TextureSettings

    Returns
    -------
    tuple of str
    """
    patterns = [f"lbp_r{r}_bin{i}" for r in settings.lbp_radii for i in range(8 * r + 2)]
    gabor = [f"gabor_f{f:g}_{what}" for f in settings.gabor_frequencies for what in ("mean", "std")]
    pairs = [
        f"glcm_{name.lower()}_d{d}"
        for d in settings.glcm_distances
        for name in (*_PROPERTIES, "entropy")
    ]
    return (*patterns, *gabor, *pairs, "entropy_bits")


def texture_features(
    image: Any, mask: npt.ArrayLike | None = None, *, settings: TextureSettings | None = None
) -> pd.Series:
    """Measure the texture of a cell in grey levels.

    Parameters
    ----------
    image : ndarray
        Grey, RGB or RGBA; ``uint8``, ``uint16``, or float in [0, 1]. Colours become grey by
        ITU-R BT.601, as in OpenCV.
    mask : array_like of bool, shape (height, width), optional
        The cell; default: the whole image. What lies outside has no influence, but for the
        pixels next to the rim in local binary patterns of a mask thinner than the radius.
    settings : TextureSettings, optional
        Radii, frequencies, distances.

    Returns
    -------
    pandas.Series of float32
        ``lbp_r{radius}_bin{i}``: share of pixels with i neighbours not darker in one run around
        them, the last bin all other patterns (rotation-invariant uniform patterns, Ojala et al.
        2002). ``gabor_f{frequency}_mean``, ``_std``: magnitude of the filter's answer, mean and
        standard deviation over the cell, each averaged over the directions; 1 is the image's
        full range. ``glcm_{property}_d{distance}``: contrast, dissimilarity, homogeneity,
        energy, asm (angular second moment), correlation and entropy (bits) of the co-occurrence
        of grey levels within the cell, averaged over four directions (Haralick et al. 1973;
        contrast and dissimilarity in steps of grey). ``entropy_bits``: Shannon entropy of the
        grey histogram. Never NaN: all 0 for an empty mask, and 0 where nothing can be compared
        (no pair of pixels so far apart; the correlation of one grey is 1).

    Raises
    ------
    ValueError
        If image or mask are of another shape or kind.

    References
    ----------
    Ojala, Pietikäinen, Mäenpää, IEEE TPAMI 24 (2002) 971; Haralick, Shanmugam, Dinstein, IEEE
    Trans. SMC 3 (1973) 610; Jain, Farrokhnia, Pattern Recognition 24 (1991) 1167.

    Examples
    --------
    >>> image = np.zeros((40, 40), np.uint8)
    >>> image[:, ::2] = 255
    >>> texture = texture_features(image)
    >>> float(texture["glcm_contrast_d2"].round(1)), float(texture["entropy_bits"])
    (480.5, 1.0)
    """
    rgb = as_rgb(image)
    settings = TextureSettings() if settings is None else settings
    values = measure_texture(rgb, mask_for(rgb, mask), settings)
    return pd.Series(values, index=list(texture_columns(settings)), name="texture")


def measure_texture(image: RGB, mask: Mask, settings: TextureSettings) -> npt.NDArray[np.float32]:
    """Return the values of :func:`texture_features`, without names.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.
    mask : ndarray of bool, shape (height, width)
        The cell.
    settings : TextureSettings

    Returns
    -------
    ndarray of float32
        In the order of :func:`texture_columns`.
    """
    if not mask.any():
        return np.zeros(len(texture_columns(settings)), np.float32)
    rows, columns = box_of(mask)
    margin = max(settings.lbp_radii)
    wide = (
        slice(max(rows.start - margin, 0), rows.stop + margin),
        slice(max(columns.start - margin, 0), columns.stop + margin),
    )
    grey = cv2.cvtColor(np.ascontiguousarray(image[wide]), cv2.COLOR_RGB2GRAY)
    inside = np.ascontiguousarray(mask[wide])
    parts = [_patterns(grey, inside, radius) for radius in settings.lbp_radii]
    box = box_of(inside)
    grey, inside = grey[box], inside[box]
    parts.append(
        gabor_magnitudes(grey, inside, settings.gabor_frequencies, settings.gabor_orientations)
    )
    parts.append(_co_occurrence(grey, inside, settings))
    parts.append(np.array([_entropy(np.bincount(grey[inside], minlength=256))]))
    return np.concatenate(parts).astype(np.float32)


def _patterns(grey: npt.NDArray[np.uint8], inside: Mask, radius: int) -> npt.NDArray[np.float64]:
    n_points = 8 * radius
    codes = local_binary_pattern(grey, n_points, radius, method="uniform")
    # A circle that leaves the cell would compare it with its background.
    side = 2 * radius + 1
    deep = cv2.erode(
        inside.view(np.uint8),
        np.ones((side, side), np.uint8),
        borderType=cv2.BORDER_CONSTANT,
        borderValue=0,
    ).view(bool)
    counted = codes[deep if deep.any() else inside].astype(np.intp)
    return np.bincount(counted, minlength=n_points + 2) / len(counted)


def _co_occurrence(
    grey: npt.NDArray[np.uint8], inside: Mask, settings: TextureSettings
) -> npt.NDArray[np.float64]:
    levels = settings.grey_levels
    # Level 0 is kept for the background, and its row and column are dropped: only pairs within
    # the cell count.
    table = (1 + np.arange(256) * levels // 256).astype(np.uint8)
    steps = np.where(inside, table[grey], np.uint8(0))
    counts = graycomatrix(
        steps, settings.glcm_distances, _ANGLES, levels=levels + 1, symmetric=True
    )[1:, 1:].astype(np.float64)
    total = counts.sum(axis=(0, 1))
    shares = counts / np.where(total > 0, total, 1)
    found = [graycoprops(shares, name) for name in _PROPERTIES]
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    found.append(-(shares * logs).sum(axis=(0, 1)))
    # A direction in which no two pixels are so far apart says nothing.
    known = total > 0
    mean = (np.stack(found) * known).sum(axis=2) / np.maximum(known.sum(axis=1), 1)
    return np.asarray(mean.T.ravel(), np.float64)


def _entropy(counts: npt.NDArray[np.intp]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum() + 0.0)
