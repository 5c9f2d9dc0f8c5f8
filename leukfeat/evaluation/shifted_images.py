"""Images changed as another laboratory might: light, stain, focus, scale, compression."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from leukfeat.imaging.conversion import RGB

__all__ = ["AMOUNTS", "SHIFTS", "UNCHANGED", "UNITS", "shift_image"]

SHIFTS: Mapping[str, tuple[float, ...]] = {
    "brightness": (0.7, 0.85, 1.0, 1.15, 1.3),
    "stain": (0.7, 0.85, 1.0, 1.15, 1.3),
    "blur": (0.0, 1.0, 2.0, 4.0),
    "scale": (0.8, 0.9, 1.0, 1.1, 1.25),
    "jpeg": (100.0, 80.0, 60.0, 40.0, 20.0),
}
"""What is changed and how far: factor of the light; factor of the optical density; blur (standard
deviation in pixels); factor of the size; JPEG quality."""

UNITS: Mapping[str, str] = {
    "brightness": "factor of the light",
    "stain": "factor of the optical density",
    "blur": "standard deviation, pixels",
    "scale": "factor of the size",
    "jpeg": "quality, of 100",
}
"""What the amounts of `SHIFTS` are measured in."""

AMOUNTS: Mapping[str, str] = {
    "brightness": "{:g} times the light",
    "stain": "{:g} times the optical density",
    "blur": "a blur of {:g} px",
    "scale": "{:g} times the size",
    "jpeg": "JPEG quality {:g}",
}
"""How an amount is said."""

UNCHANGED: Mapping[str, float] = {
    "brightness": 1.0,
    "stain": 1.0,
    "blur": 0.0,
    "scale": 1.0,
    "jpeg": np.inf,
}
"""The amount that leaves an image as it is; no JPEG quality does."""


def shift_image(image: RGB, kind: str, amount: float) -> RGB:
    """Change an image as another laboratory might.

    Exactly black pixels stay black: they are the background of cut-out cells.

    Parameters
    ----------
    image : ndarray of uint8 of shape (height, width, 3)
        RGB.
    kind : {"brightness", "stain", "blur", "scale", "jpeg"}
        What is changed.
    amount : float
        How far, see `SHIFTS`.

    Returns
    -------
    ndarray of uint8 of shape (height, width, 3)

    Raises
    ------
    ValueError
        If the kind is not known.
    """
    if kind not in SHIFTS:
        raise ValueError(f"'kind' must be one of {tuple(SHIFTS)}. Got {kind!r} instead.")
    black = ~image.any(axis=2)
    if kind == "brightness":
        changed = np.clip(image * amount, 0, 255).round().astype(np.uint8)
    elif kind == "stain":
        # Beer and Lambert: density grows with the dye.
        through = np.maximum(image, 1) / 255.0
        changed = np.clip(255 * through**amount, 0, 255).round().astype(np.uint8)
    elif kind == "blur":
        changed = cv2.GaussianBlur(image, (0, 0), amount) if amount > 0 else image.copy()
    elif kind == "scale":
        return _scaled(image, amount)
    else:
        coded = cv2.imencode(
            ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, int(amount)]
        )[1]
        changed = cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    changed[black] = 0
    return changed


def _scaled(image: RGB, factor: float) -> RGB:
    """Magnify about the middle, and keep the size of the picture."""
    height, width = image.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, 0, factor)
    frame = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    border = tuple(float(v) for v in np.median(frame, axis=0))
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=border,
        )
    )
