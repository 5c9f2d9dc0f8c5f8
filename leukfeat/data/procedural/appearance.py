"""How stain, focus, scale and camera vary from site to site, down to the single cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

__all__ = ["LEVELS", "Look", "combine_levels"]

LEVELS = ("site", "stain", "subject", "slide", "field", "cell")
"""The hierarchy, widest first. Each level is nested in the one before, but for the subject,
whose slides are all coloured in one stain batch."""


class Look(NamedTuple):
    """Everything about the picture of one cell that is not the cell's own."""

    azure: float
    """Concentration of the azure (blue) dye; 1 is usual."""
    eosin: float
    """Concentration of the eosin (red) dye; 1 is usual."""
    azure_hue: float
    """Tilt of the azure dye from blue (below 0) to purple (above 0)."""
    eosin_hue: float
    """Tilt of the eosin dye from orange (below 0) to pink (above 0)."""
    red: float
    """Camera gain of the red channel."""
    green: float
    """Camera gain of the green channel."""
    blue: float
    """Camera gain of the blue channel."""
    light: float
    """Exposure; 1 is usual."""
    focus_um: float
    """Blur of the microscope (standard deviation, µm)."""
    scale: float
    """Factor on every length: how far the cell has spread, and the camera's pixel."""
    grain: float
    """Factor on the chromatin grain: how fixation has coarsened it."""
    contrast: float
    """Factor on the chromatin contrast."""
    rim: float
    """Dye gathered at the nuclear membrane."""
    halo: float
    """Brightness gathered at the cell's edge."""
    grit: float
    """Contrast of stain precipitate over the cell."""
    grit_um: float
    """Size of the precipitate (µm)."""
    patches: float
    """Contrast of broad uneven staining."""
    noise: float
    """Noise of the camera (standard deviation, grey levels)."""
    edge_um: float
    """How far the mask stands out from the cell (µm; below 0: cuts into it)."""
    edge_rough: float
    """Roughness of the mask's edge (µm)."""
    edge_soft: float
    """Width of the mask's soft edge (pixels); 0 is a hard edge."""
    quality: float
    """JPEG quality of the field from which the cell was cut."""


class _Spread(NamedTuple):
    centre: float
    logarithmic: bool
    by_level: tuple[float, float, float, float, float, float]


#                     centre   log    site   stain  subj   slide  field  cell
_SPREADS = {
    "azure":      _Spread( 1.000, True,  (0.010, 0.030, 0.095, 0.010, 0.005, 0.008)),
    "eosin":      _Spread( 1.000, True,  (0.010, 0.030, 0.095, 0.010, 0.005, 0.008)),
    "azure_hue":  _Spread( 0.000, False, (0.000, 0.020, 0.045, 0.005, 0.000, 0.004)),
    "eosin_hue":  _Spread( 0.000, False, (0.000, 0.020, 0.045, 0.005, 0.000, 0.004)),
    "red":        _Spread( 1.000, True,  (0.025, 0.000, 0.020, 0.005, 0.003, 0.000)),
    "green":      _Spread( 1.000, True,  (0.025, 0.000, 0.020, 0.005, 0.003, 0.000)),
    "blue":       _Spread( 1.000, True,  (0.025, 0.000, 0.020, 0.005, 0.003, 0.000)),
    "light":      _Spread( 1.000, True,  (0.020, 0.000, 0.055, 0.008, 0.005, 0.005)),
    "focus_um":   _Spread( 0.085, True,  (0.050, 0.000, 0.400, 0.050, 0.050, 0.050)),
    "scale":      _Spread( 1.000, True,  (0.010, 0.000, 0.065, 0.010, 0.005, 0.005)),
    "grain":      _Spread( 1.000, True,  (0.000, 0.050, 0.250, 0.030, 0.000, 0.030)),
    "contrast":   _Spread( 1.000, True,  (0.000, 0.050, 0.250, 0.030, 0.020, 0.030)),
    "rim":        _Spread( 0.250, True,  (0.000, 0.100, 0.450, 0.050, 0.000, 0.080)),
    "halo":       _Spread( 1.000, True,  (0.050, 0.000, 0.450, 0.050, 0.030, 0.050)),
    "grit":       _Spread( 0.022, True,  (0.000, 0.300, 0.800, 0.100, 0.050, 0.050)),
    "grit_um":    _Spread( 0.260, True,  (0.000, 0.100, 0.350, 0.050, 0.000, 0.000)),
    "patches":    _Spread( 0.045, True,  (0.000, 0.100, 0.350, 0.050, 0.050, 0.100)),
    "noise":      _Spread( 1.100, True,  (0.200, 0.000, 0.250, 0.050, 0.050, 0.000)),
    "edge_um":    _Spread(-0.150, False, (0.020, 0.000, 0.090, 0.010, 0.010, 0.030)),
    "edge_rough": _Spread( 0.040, True,  (0.000, 0.000, 0.450, 0.050, 0.050, 0.150)),
    "edge_soft":  _Spread( 0.700, False, (0.300, 0.000, 0.350, 0.000, 0.000, 0.000)),
    "quality":    _Spread(92.000, False, (2.000, 0.000, 2.000, 0.000, 0.000, 0.000)),
}  # fmt: skip
"""Centre of each property, and its standard deviation at each level of `LEVELS`."""

_ORDERED = [_SPREADS[name] for name in Look._fields]
_CENTRE = np.array([s.centre for s in _ORDERED])
_LOG = np.array([s.logarithmic for s in _ORDERED])
_BY_LEVEL = np.array([s.by_level for s in _ORDERED]).T
_LOW = Look(*[-np.inf] * len(Look._fields))._replace(quality=60, edge_soft=0, edge_um=-0.5)
_HIGH = Look(*[np.inf] * len(Look._fields))._replace(quality=98, edge_soft=2, edge_um=0.5)


def combine_levels(deviates: Mapping[str, np.ndarray], *, shift: float) -> np.ndarray:
    """Add up what each level contributes to the look of each cell.

    Parameters
    ----------
    deviates : mapping of str to ndarray of shape (n_cells, n_properties)
        Standard normal deviates, one row a cell, for each of `LEVELS`. Cells of one subject
        have equal rows at the level ``"subject"``, and so on.
    shift : float
        Factor on every level that cells share, from the site to the field. At 0 no two cells
        have more in common than any other two.

    Returns
    -------
    ndarray of shape (n_cells, n_properties), float64
        Rows for `Look`.
    """
    total = np.zeros_like(deviates["cell"])
    for level, spread in zip(LEVELS, _BY_LEVEL, strict=True):
        total += deviates[level] * spread * (1.0 if level == "cell" else shift)
    look = np.where(_LOG, _CENTRE * np.exp(np.where(_LOG, total, 0.0)), _CENTRE + total)
    return np.clip(look, _LOW, _HIGH)
