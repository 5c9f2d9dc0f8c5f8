"""Evidence maps as pictures: what the network saw, and beside it the map over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from warnings import catch_warnings, filterwarnings

import cv2
import numpy as np
import pandas as pd

from leukfeat.atomic_file import written_whole
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.reading import read_image
from leukfeat.reporting import draw_evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["evidence_picture", "overlay_evidence", "write_evidence"]

_FOR = np.array([213, 94, 0], np.float32)
_AGAINST = np.array([0, 114, 178], np.float32)
_STRENGTH = 0.6
_DPI = 120


def overlay_evidence(image: np.ndarray, evidence: Any) -> np.ndarray:
    """Draw evidence over an image: orange for the class, blue against it.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    evidence : array-like of float of shape (rows, columns)
        Stretched over the image.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)

    Examples
    --------
    >>> image = np.zeros((4, 4, 3), np.uint8)
    >>> overlay_evidence(image, [[1.0, 0.0], [0.0, 0.0]])[0, 0].tolist()
    [128, 56, 0]
    """
    found = np.asarray(evidence, np.float32)
    height, width = image.shape[:2]
    full = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    share = np.clip(full / max(float(np.abs(found).max()), 1e-12), -1, 1)[..., None]
    colour = np.where(share > 0, _FOR, _AGAINST)
    strength = _STRENGTH * np.abs(share)
    return np.asarray((image * (1 - strength) + colour * strength).round(), np.uint8)


def evidence_picture(maps: Callable[[np.ndarray], np.ndarray], image: np.ndarray) -> np.ndarray:
    """Draw the evidence over the pixels that it belongs to.

    Parameters
    ----------
    maps : EvidenceMap, or any callable
        From an RGB image to its evidence.
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)
        Of the image; with an `EvidenceMap` by gradient, of the crop that the network sees.
    """
    picture = getattr(maps, "picture", None)
    return overlay_evidence(image if picture is None else picture(image), maps(image))


def write_evidence(
    maps: Callable[[np.ndarray], np.ndarray],
    images: Sequence[Any],
    folder: str | os.PathLike[str],
    *,
    titles: Sequence[str] | None = None,
    warnings: Sequence[str] | None = None,
    errors: Literal["raise", "skip"] = "raise",
) -> pd.DataFrame:
    """Write a picture of each image: as the network sees it, and with its evidence.

    Parameters
    ----------
    maps : EvidenceMap, or any callable
        From an RGB image to its evidence.
    images : sequence of path or ndarray of uint8 of shape (height, width, 3)
        The cells.
    folder : path-like
        Where the PNG files go; it is made if it is not there.
    titles : sequence of str, optional
        What stands above each picture; default: the name of its file.
    warnings : sequence of str, optional
        What stands below it, set off; empty where there is nothing to say.
    errors : {"raise", "skip"}, default="raise"
        Whether an image that cannot be read stops the work; with "skip" its row says why.

    Returns
    -------
    pandas.DataFrame
        ``image`` (path or position), ``file``, ``evidence`` (sum of the map; of occlusion, whose
        covers overlap, missing), ``strongest`` (the number of the map that lies farthest from 0)
        and ``reason`` (why there is no picture; else empty).
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for i, given in enumerate(images):
        name = i if isinstance(given, np.ndarray) else os.fspath(given)
        stem = "cell" if isinstance(given, np.ndarray) else Path(given).stem
        row: dict[str, Any] = {
            "image": name,
            "file": "",
            "evidence": np.nan,
            "strongest": np.nan,
            "reason": "",
        }
        rows.append(row)
        try:
            image = given if isinstance(given, np.ndarray) else read_image(given)
        except (ImageReadError, OSError) as error:
            if errors == "raise":
                raise
            row["reason"] = str(error)
            continue
        found = np.asarray(maps(image), float)
        # The number keeps two images of one name apart.
        path = target / f"{i:04d}_{stem}.png"
        title = stem if titles is None else titles[i]
        figure = _figure(maps, image, found, title, "" if warnings is None else warnings[i])
        with written_whole(path) as partial, catch_warnings():
            # A name in letters that the figure's font lacks: the table has it whole.
            filterwarnings("ignore", "Glyph ", UserWarning)
            figure.savefig(partial, format="png", dpi=_DPI)
        covered = getattr(maps, "method", "") == "occlusion"
        row |= {
            "file": str(path),
            "evidence": np.nan if covered else float(found.sum()),
            "strongest": float(found.flat[np.abs(found).argmax()]),
        }
    return pd.DataFrame(rows, columns=["image", "file", "evidence", "strongest", "reason"])


def _figure(
    maps: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    found: np.ndarray,
    title: str,
    warning: str,
) -> Figure:
    seen = getattr(maps, "picture", lambda pixels: pixels)(image)
    same = seen.shape == image.shape and np.array_equal(seen, image)
    return draw_evidence(
        seen,
        overlay_evidence(seen, found),
        title=title.encode("utf-8", "backslashreplace").decode(),
        left_title="the image" if same else "the image, as the network is given it",
        colours=(_AGAINST.tolist(), _FOR.tolist()),
        strength=_STRENGTH,
        limit=max(float(np.abs(found).max()), 1e-12),
        target=getattr(maps, "target", "the class"),
        text=getattr(maps, "meaning", "Evidence as the function of maps gives it."),
        warning=warning,
    )
