"""Colour normalisation that needs no training image: each image corrects itself."""

from __future__ import annotations

import numpy as np

from leukfeat.imaging.conversion import RGB, check_rgb, foreground_mask

__all__ = ["gray_world", "shades_of_gray", "subtract_center_mean"]


def gray_world(image: RGB) -> RGB:
    """Scale the channels so that their means agree (gray-world assumption).

    Buchsbaum, *J. Franklin Inst.* 310 (1980). It assumes that the mean colour of the scene is
    grey, which a purple cell on a black background is not: the stain itself is then removed.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image. Pixels that are exactly (0, 0, 0) do not count and stay 0.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Examples
    --------
    >>> import numpy as np
    >>> gray_world(np.full((2, 2, 3), (200, 100, 150), np.uint8))[0, 0].tolist()
    [150, 150, 150]
    """
    return shades_of_gray(image, power=1)


def shades_of_gray(image: RGB, *, power: float = 6) -> RGB:
    """Scale the channels so that their Minkowski means agree.

    Finlayson & Trezzi, *Color Imaging Conference* (2004): power 1 is gray-world, infinity is
    white-patch; 6 was best there.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image. Pixels that are exactly (0, 0, 0) do not count and stay 0.
    power : float, default=6
        Exponent of the mean, at least 1.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ValueError
        If `power` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> yellowish = np.full((2, 2, 3), (240, 230, 170), np.uint8)
    >>> shades_of_gray(yellowish)[0, 0].tolist()
    [213, 213, 213]
    """
    if not power >= 1:
        raise ValueError(f"'power' must be at least 1. Got {power!r} instead.")
    image = check_rgb(image)
    inside = foreground_mask(image)
    if not inside.any():
        return image.copy()
    levels = np.arange(256) / 255
    counts = np.stack([np.bincount(image[..., c][inside], minlength=256) for c in range(3)])
    if np.isinf(power):
        means = np.array([levels[np.flatnonzero(row).max()] for row in counts])
    else:
        means = ((counts @ levels**power) / counts.sum(axis=1)) ** (1 / power)
    gains = means.mean() / np.maximum(means, 1 / 255)
    table = np.clip(np.rint(np.arange(256)[:, None] * gains), 0, 255).astype(np.uint8)
    out = np.stack([table[image[..., c], c] for c in range(3)], axis=2)
    # A dark pixel of the cell must not be rounded into the background.
    lost = inside & ~foreground_mask(out)
    out[lost] = 1
    return out


def subtract_center_mean(image: RGB, *, side: int = 32, level: int = 128) -> RGB:
    """Shift the colours so that the central patch has a fixed mean.

    Used by the winner of the C-NMC 2019 challenge against differences of stain: the patch lies
    in the nucleus, so the mean colour of the nucleus is what is removed.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image with the cell in the middle.
    side : int, default=32
        Side of the central patch in pixels; the whole image where it is smaller.
    level : int, default=128
        The mean that the patch gets in each channel.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        Pixels that are exactly (0, 0, 0) stay 0 and do not count in the mean; the others are
        clipped to [1, 255].

    Raises
    ------
    ValueError
        If `side` is below 1 or `level` is outside [1, 255].

    Examples
    --------
    >>> import numpy as np
    >>> subtract_center_mean(np.full((9, 9, 3), (90, 40, 120), np.uint8), side=3)[4, 4].tolist()
    [128, 128, 128]
    """
    if side < 1 or not 1 <= level <= 255:
        raise ValueError(
            "'side' must be at least 1 pixel and 'level' in [1, 255]. "
            f"Got {side!r} and {level!r} instead."
        )
    image = check_rgb(image)
    inside = foreground_mask(image)
    height, width = inside.shape
    top, left = max((height - side) // 2, 0), max((width - side) // 2, 0)
    window = (slice(top, top + side), slice(left, left + side))
    patch = image[window][inside[window]]
    if not len(patch):  # a cell with an empty middle: fall back on all of it
        patch = image[inside]
    if not len(patch):
        return image.copy()
    shifted = image.astype(np.float32) + (level - patch.mean(axis=0, dtype=np.float64))
    out = np.clip(np.rint(shifted), 1, 255).astype(np.uint8)
    out[~inside] = 0
    return out
