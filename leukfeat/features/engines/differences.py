"""How far rows of less precision lie from those in float32, said once for each network."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from leukfeat.features.engines.converted_models import converted_folder
from leukfeat.features.spec import FeatureSpec

__all__ = ["difference_note", "relative_difference", "tell_difference"]

logger = logging.getLogger("leukfeat")


def relative_difference(exact: NDArray[np.float32], rows: NDArray[np.float32]) -> float:
    """Return the median length of the difference, in lengths of the row.

    Parameters
    ----------
    exact, rows : ndarray of float32 of shape (n_images, n_features)
        Rows of the same images in float32, and with less precision.

    Returns
    -------
    float

    Examples
    --------
    >>> exact = np.array([[3.0, 4.0]], np.float32)
    >>> round(relative_difference(exact, exact + np.float32([0, 0.5])), 6)
    0.1
    """
    length = np.maximum(np.linalg.norm(exact, axis=1), 1e-30)
    return float(np.median(np.linalg.norm(rows - exact, axis=1) / length))


def difference_note(spec: FeatureSpec) -> Path:
    """Return the file that keeps what was said of a feature space.

    Parameters
    ----------
    spec : FeatureSpec

    Returns
    -------
    pathlib.Path
    """
    return converted_folder(spec) / f"difference-{spec.precision}.json"


def tell_difference(
    spec: FeatureSpec, exact: NDArray[np.float32], rows: NDArray[np.float32]
) -> None:
    """Log the difference, and keep it so that it is not said again.

    Parameters
    ----------
    spec : FeatureSpec
        Of `rows`.
    exact, rows : ndarray of float32 of shape (n_images, n_features)
        As for :func:`relative_difference`.
    """
    difference = relative_difference(exact, rows)
    logger.warning(
        "precision=%r: the first %d rows of %s lie %.2g %% of their length from those in float32 "
        "(median). They are a feature space of their own; this is said once.",
        spec.precision,
        len(rows),
        spec.title,
        100 * difference,
    )
    note = {"difference": difference, "images": len(rows)}
    with contextlib.suppress(OSError):
        difference_note(spec).write_text(json.dumps(note), encoding="utf-8")
