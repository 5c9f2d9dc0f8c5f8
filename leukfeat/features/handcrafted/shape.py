"""Size and shape of a cell and its nucleus."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from skimage.measure import perimeter_crofton, regionprops

from leukfeat.features.handcrafted.nucleus import count_lobes, count_nucleoli
from leukfeat.features.handcrafted.pixels import as_rgb, box_of
from leukfeat.imaging.background import check_mask
from leukfeat.imaging.conversion import RGB, Mask, check_size
from leukfeat.imaging.segmentation.regions import convex_hull

__all__ = ["in_micrometres", "measure_shape", "shape_columns", "shape_features"]

_OUTLINE = (
    "area_px2",
    "perimeter_px",
    "equivalent_diameter_px",
    "major_axis_px",
    "minor_axis_px",
    "eccentricity",
    "elongation",
    "solidity",
    "convexity",
    "form_factor",
)
_BOTH = ("cytoplasm_area_px2", "nucleus_cytoplasm_ratio", "nucleus_cell_ratio", "nucleus_lobes")


def shape_columns(*, nucleus: bool = True, image: bool = True) -> tuple[str, ...]:
    """Return the names of what :func:`shape_features` measures, in pixels.

    Parameters
    ----------
    nucleus : bool, default=True
        With a mask of the nucleus.
    image : bool, default=True
        With the image.

    Returns
    -------
    tuple of str
    """
    names = [f"cell_{name}" for name in (*_OUTLINE, "touches_border")]
    if nucleus:
        names += [f"nucleus_{name}" for name in _OUTLINE]
        names += [*_BOTH, *(["nucleoli"] if image else [])]
    return tuple(names)


def shape_features(
    cell_mask: npt.ArrayLike,
    nucleus_mask: npt.ArrayLike | None = None,
    *,
    image: Any = None,
    um_per_px: float | None = None,
) -> pd.Series:
    """Measure size and shape of a cell and its nucleus.

    Parameters
    ----------
    cell_mask : array_like of bool, shape (height, width)
        The cell.
    nucleus_mask : array_like of bool, shape (height, width), optional
        Its nucleus; only what lies in the cell counts.
    image : ndarray, shape (height, width, ...), optional
        The image, to look for nucleoli.
    um_per_px : float, optional
        Scale in micrometres a pixel.

    Returns
    -------
    pandas.Series of float32
        For ``cell`` and ``nucleus``: ``area``, ``perimeter`` (Crofton's formula in four
        directions), ``equivalent_diameter``, ``major_axis``, ``minor_axis`` (of the ellipse with
        the same second moments), with the unit at the end of the name: ``_um2``, ``_um`` where the
        scale is known, else ``_px2``, ``_px``. Without unit: ``eccentricity``, ``elongation``
        (1 - minor / major axis), ``solidity`` (area / that of the convex hull), ``convexity``
        (perimeter of the hull / perimeter, at most 1), ``form_factor`` (4 pi area / perimeter
        squared, at most 1), ``cell_touches_border`` (1 where the image cuts the cell).
        With a nucleus also ``cytoplasm_area``, ``nucleus_cytoplasm_ratio`` (areas; a cytoplasm
        below 1 pixel counts as 1), ``nucleus_cell_ratio``, ``nucleus_lobes`` (an estimate), and
        with the image ``nucleoli`` (an estimate). Never NaN: what is not there has 0 everywhere.

    Raises
    ------
    ValueError
        If shapes differ or the scale is not above 0.

    References
    ----------
    Gonzalez, Woods, Digital Image Processing, 4th ed., section 11.3 (boundary and region
    descriptors); Young, Verbeek, Mayall, J. Histochem. Cytochem. 22 (1974) 705 (form factor).

    Examples
    --------
    >>> rows, columns = np.mgrid[:60, :60]
    >>> cell = np.hypot(rows - 30, columns - 30) < 20
    >>> nucleus = np.hypot(rows - 30, columns - 30) < 10
    >>> shape = shape_features(cell, nucleus, um_per_px=0.1)
    >>> [round(float(shape[n]), 2) for n in ("cell_equivalent_diameter_um", "nucleus_cell_ratio")]
    [3.98, 0.24]
    >>> int(shape["nucleus_lobes"])
    1
    """
    cell = np.asarray(cell_mask)
    if cell.ndim != 2 or not cell.size:
        raise ValueError(f"'cell_mask' must be (height, width). Got shape {cell.shape} instead.")
    check_size(cell, name="cell_mask")
    cell = cell.astype(bool)
    nucleus = None
    if nucleus_mask is not None:
        nucleus = np.asarray(nucleus_mask).astype(bool)
        if nucleus.shape != cell.shape:
            raise ValueError(
                f"'nucleus_mask' must have the shape {cell.shape} of 'cell_mask'. "
                f"Got {nucleus.shape} instead."
            )
    rgb = None if image is None else as_rgb(image)
    if rgb is not None:
        check_mask(rgb, cell, name="cell_mask")
    names = shape_columns(nucleus=nucleus is not None, image=rgb is not None)
    values = measure_shape(cell, nucleus, rgb)
    if um_per_px is not None:
        scales = np.array([um_per_px], np.float64)
        names, row = in_micrometres(names, values[np.newaxis], scales)
        values = row[0]
    return pd.Series(values, index=list(names), name="shape")


def in_micrometres(
    names: tuple[str, ...], values: npt.NDArray[np.float32], um_per_px: npt.NDArray[np.float64]
) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Return lengths and areas in micrometres; what has no unit in its name stays.

    Parameters
    ----------
    names : tuple of str
        Columns; those that end in ``_px`` and ``_px2`` change.
    values : ndarray of float32, shape (n_cells, n_columns)
    um_per_px : ndarray of float64, shape (n_cells,)
        Scale of each cell.

    Returns
    -------
    names : tuple of str
    values : ndarray of float32, shape (n_cells, n_columns)

    Raises
    ------
    ValueError
        If a scale is not above 0.

    Examples
    --------
    >>> in_micrometres(("area_px2", "ratio"), np.float32([[100, 2]]), np.array([0.5]))
    (('area_um2', 'ratio'), array([[25.,  2.]], dtype=float32))
    """
    if not (np.isfinite(um_per_px) & (um_per_px > 0)).all():
        wrong = um_per_px[~(np.isfinite(um_per_px) & (um_per_px > 0))]
        raise ValueError(
            "'um_per_px' must be above 0 and finite, the micrometres a pixel. "
            f"Got {wrong[0]} instead."
        )
    power = np.array([2 * n.endswith("_px2") + n.endswith("_px") for n in names])
    scaled = (values * um_per_px[:, np.newaxis] ** power).astype(np.float32)
    renamed = (n[:-2] + "um" if p == 1 else n[:-3] + "um2" if p else n
               for n, p in zip(names, power, strict=True))  # fmt: skip
    return tuple(renamed), scaled


def measure_shape(cell: Mask, nucleus: Mask | None, image: RGB | None) -> npt.NDArray[np.float32]:
    """Return the values of :func:`shape_features` in pixels, without names.

    Parameters
    ----------
    cell, nucleus : ndarray of bool, shape (height, width)
        Masks.
    image : ndarray of uint8, shape (height, width, 3), optional
        RGB image.

    Returns
    -------
    ndarray of float32
        In the order of :func:`shape_columns`.
    """
    edge = cell[0].any() or cell[-1].any() or cell[:, 0].any() or cell[:, -1].any()
    values = [*_outline(cell), float(edge)]
    if nucleus is None:
        return np.array(values, np.float32)
    core = nucleus & cell
    whole, inner = int(np.count_nonzero(cell)), int(np.count_nonzero(core))
    values += _outline(core)
    values += [whole - inner, inner / max(whole - inner, 1), inner / max(whole, 1)]
    box = box_of(core) if inner else (slice(0, 0), slice(0, 0))
    values.append(count_lobes(core[box]))
    if image is not None:
        values.append(count_nucleoli(image[box], core[box]))
    return np.array(values, np.float32)


def _outline(mask: Mask) -> list[float]:
    """Measure one region, which may be in several pieces."""
    if not mask.any():
        return [0.0] * len(_OUTLINE)
    window = np.pad(mask[box_of(mask)], 2)
    area = float(np.count_nonzero(window))
    perimeter = float(perimeter_crofton(window, directions=4))
    hull = convex_hull(window)
    region = regionprops(window.view(np.uint8))[0]
    major, minor = float(region.axis_major_length), float(region.axis_minor_length)
    return [
        area,
        perimeter,
        2 * np.sqrt(area / np.pi),
        major,
        minor,
        float(region.eccentricity),
        1 - minor / major if major > 0 else 0.0,
        area / np.count_nonzero(hull),
        min(float(perimeter_crofton(hull, directions=4)) / perimeter, 1.0),
        min(4 * np.pi * area / perimeter**2, 1.0),
    ]
