"""From dye to picture: absorption, camera, focus, noise, JPEG."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from .appearance import Look

__all__ = ["CROP_LIGHT", "expose"]

CROP_LIGHT = (172.0, 143.0, 152.0)
"""Grey levels of empty plasma in red, green and blue, as in C-NMC 2019."""

_AZURE = np.array([1.00, 1.05, 0.10])
_EOSIN = np.array([0.12, 0.91, 0.69])
"""Absorption of each dye in red, green and blue, for the dye of a usual nucleus."""

_AZURE_TILT = np.array([-0.9, 0.2, 0.9])
_EOSIN_TILT = np.array([-0.3, 0.5, -0.7])


def expose(
    rng: np.random.Generator,
    dyes: np.ndarray,
    look: Look,
    px_per_um: float,
    *,
    light: np.ndarray | tuple[float, float, float] = CROP_LIGHT,
) -> np.ndarray:
    """Take the picture of a drawn scene.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the camera's noise.
    dyes : ndarray of float32, shape (2, height, width)
        Azure and eosin.
    look : Look
        Stain and camera.
    px_per_um : float
        Pixels a µm.
    light : array-like of shape (3,)
        Grey levels of an empty field in red, green and blue.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    azure = look.azure * (_AZURE + look.azure_hue * _AZURE_TILT)
    eosin = look.eosin * (_EOSIN + look.eosin_hue * _EOSIN_TILT)
    mix = -np.stack([azure, eosin], axis=1).astype(np.float32)
    gain = np.array(light) * (look.red, look.green, look.blue) * look.light
    picture = cv2.exp(cv2.transform(np.moveaxis(dyes, 0, 2), mix))
    blur = look.focus_um * px_per_um
    if blur > 0.2:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    picture *= gain.astype(np.float32)
    noise = rng.standard_normal((*picture.shape[:2], 3), dtype=np.float32)
    picture += np.float32(look.noise) * noise
    return compress(np.clip(picture + 0.5, 0, 255).astype(np.uint8), look.quality)


def compress(picture: np.ndarray, quality: float) -> np.ndarray:
    """Put a picture through JPEG.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width, 3)
        RGB.
    quality : float
        JPEG quality, 1 to 100.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB, with the losses.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, round(quality)]
    _, coded = cv2.imencode(".jpg", picture[:, :, ::-1], options)
    decoded: Any = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return decoded[:, :, ::-1]
