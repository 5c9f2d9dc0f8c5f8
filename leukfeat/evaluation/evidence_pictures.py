"""Evidence maps as pictures: what the network saw, and beside it the map over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd

from leukfeat.atomic_file import written_whole
from leukfeat.exceptions import ImageReadError
from leukfeat.imaging.reading import read_image

__all__ = ["evidence_picture", "overlay_evidence", "write_evidence"]

_FOR = np.array([213, 94, 0], np.float32)
_AGAINST = np.array([0, 114, 178], np.float32)
_GAP = 6


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
    strength = 0.6 * np.abs(share)
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
    errors : {"raise", "skip"}, default="raise"
        Whether an image that cannot be read stops the work; with "skip" its row says why.

    Returns
    -------
    pandas.DataFrame
        ``image`` (path or position), ``file``, ``evidence`` (sum of the map) and ``reason`` (why
        there is no picture; else empty).
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for i, given in enumerate(images):
        name = i if isinstance(given, np.ndarray) else os.fspath(given)
        stem = "cell" if isinstance(given, np.ndarray) else Path(given).stem
        row: dict[str, Any] = {"image": name, "file": "", "evidence": np.nan, "reason": ""}
        rows.append(row)
        try:
            image = given if isinstance(given, np.ndarray) else read_image(given)
        except (ImageReadError, OSError) as error:
            if errors == "raise":
                raise
            row["reason"] = str(error)
            continue
        found = maps(image)
        seen = getattr(maps, "picture", lambda pixels: pixels)(image)
        beside = np.full((seen.shape[0], _GAP, 3), 255, np.uint8)
        pair = np.hstack([seen, beside, overlay_evidence(seen, found)])
        # The number keeps two images of one name apart.
        path = target / f"{i:04d}_{stem}.png"
        with written_whole(path) as partial:
            coded = cv2.imencode(".png", cv2.cvtColor(pair, cv2.COLOR_RGB2BGR))[1]
            partial.write_bytes(coded.tobytes())
        row |= {"file": str(path), "evidence": float(found.sum())}
    return pd.DataFrame(rows, columns=["image", "file", "evidence", "reason"])
