"""Where a feature space lies in the folder that the user names."""

from __future__ import annotations

import os

from leukfeat.exceptions import CacheError
from leukfeat.features.feature_space import FeatureSpace

__all__ = ["replacement_path", "store_path"]


def store_path(cache: str | os.PathLike[str], spec: FeatureSpace) -> str:
    """Return the file of a feature space.

    Parameters
    ----------
    cache : path-like
        A folder, or a name ending in ``.h5`` that means exactly one feature space.
    spec : FeatureSpace
        The feature space.

    Returns
    -------
    str

    Raises
    ------
    CacheError
        If `cache` is a file that is no ``.h5``, or a ``.h5`` that is a folder.

    Examples
    --------
    >>> from leukfeat import FeatureSpec
    >>> os.path.basename(store_path("cells.h5", FeatureSpec()))
    'cells.h5'
    >>> os.path.basename(store_path("cache", FeatureSpec()))
    'resnet50-avg_pool-...h5'
    """
    place = os.path.abspath(os.path.expanduser(os.fspath(cache)))
    if place.endswith(".h5"):
        if os.path.isdir(place):
            raise CacheError(f"The cache {place!r} is a folder, but its name means one file.")
        return place
    if os.path.exists(place) and not os.path.isdir(place):
        raise CacheError(
            f"The cache {place!r} is a file. Give a folder, or a name that ends in '.h5'."
        )
    return os.path.join(place, f"{spec.title}-{spec.digest[:16]}.h5")


def replacement_path(path: str) -> str:
    """Return where the rows wait that shall take the place of a store's old ones.

    Parameters
    ----------
    path : str
        The store.

    Returns
    -------
    str

    Examples
    --------
    >>> replacement_path("/cells/resnet50.h5")
    '/cells/.resnet50.h5.overwrite'
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.overwrite")
