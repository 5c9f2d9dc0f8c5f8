"""The store's name for each image: the digest of its pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from leukfeat.exceptions import ImageReadError
from leukfeat.features.store.stat_index import StatIndex
from leukfeat.imaging.pixel_key import pixel_key
from leukfeat.imaging.reading import decode_image, read_bytes

__all__ = ["image_keys"]


def image_keys(
    images: Iterable[Any], files: Mapping[bytes, bytes] | None = None
) -> tuple[set[bytes], list[ImageReadError]]:
    """Return the keys under which stores hold the rows of images.

    Parameters
    ----------
    images : iterable of str or ndarray
        Paths, or RGB ``uint8`` of shape (height, width, 3). An unchanged file that was read
        before is not read again.
    files : mapping of bytes to bytes, optional
        Keys by digest of the file, as a store knows them: such a file is not decoded.

    Returns
    -------
    keys : set of bytes
    problems : list of ImageReadError
        Images whose key is not known, because they cannot be read.

    Examples
    --------
    >>> import numpy as np
    >>> keys, problems = image_keys([np.zeros((2, 2, 3), np.uint8)] * 2)
    >>> len(keys), problems
    (1, [])
    """
    images = list(images)
    paths = [image for image in images if isinstance(image, str)]
    known = dict(zip(paths, StatIndex().look_up(paths), strict=True))
    keys: set[bytes] = set()
    problems: list[ImageReadError] = []
    for image in images:
        entry = known.get(image) if isinstance(image, str) else None
        try:
            keys.add(entry.key if entry else _key_of(image, files or {}))
        except ImageReadError as problem:
            problems.append(problem)
    return keys, problems


def _key_of(image: Any, files: Mapping[bytes, bytes]) -> bytes:
    if not isinstance(image, str):
        return pixel_key(image)
    data, _ = read_bytes(image)
    key = files.get(hashlib.sha256(data).digest())
    return key if key is not None else pixel_key(decode_image(data, image))
