"""The digest by which two images are the same image."""

from __future__ import annotations

import hashlib

import numpy as np

from leukfeat.imaging.conversion import RGB

__all__ = ["pixel_key"]


def pixel_key(image: RGB) -> bytes:
    """Digest of decoded pixels and their shape: what makes two images the same.

    Parameters
    ----------
    image : ndarray of uint8, shape (height, width, 3)
        RGB image.

    Returns
    -------
    bytes
        SHA-256; its hexadecimal form is the ``id`` of a row of features.

    Examples
    --------
    >>> pixel_key(np.zeros((1, 2, 3), np.uint8)) == pixel_key(np.zeros((2, 1, 3), np.uint8))
    False
    """
    digest = hashlib.sha256(b"leukfeat RGB uint8 %d x %d:" % image.shape[:2])
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
