"""Where a result came from: the head, its settings, the feature space, the versions."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from typing import Any

from leukfeat.features import FeatureSet

__all__ = ["about_head", "name_of", "remarks_of", "versions"]

_LIBRARIES = ("leukfeat", "numpy", "scipy", "scikit-learn", "pandas", "tensorflow", "keras")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a result depends on.

    Returns
    -------
    dict of str to str
    """
    found = {"python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def name_of(head: Any) -> str:
    """Return what tables call a head.

    Parameters
    ----------
    head : object
        A `Head`, or a classifier.

    Returns
    -------
    str
        The head's registered name, else the name of its class.
    """
    own = getattr(head, "head", None)
    return own if isinstance(own, str) else type(head).__name__


def remarks_of(head: Any) -> tuple[str, ...]:
    """Return what a result must say of a head that has something to say: an ensemble.

    Parameters
    ----------
    head : object
        Fitted.

    Returns
    -------
    tuple of str
        Weights, the difference from the best member, and further notes.
    """
    told = head.remarks() if hasattr(head, "remarks") else ()
    return tuple(f"ensemble: {one}" for one in told)


def about_head(head: Any, features: FeatureSet) -> dict[str, Any]:
    """Return a head's settings and feature space as plain values.

    Parameters
    ----------
    head : object
        A `Head`, or a classifier.
    features : FeatureSet
        The cells it was tested on.

    Returns
    -------
    dict
    """
    settings = head.get_params(deep=False) if hasattr(head, "get_params") else {}
    spec = features.spec
    return {
        "head": type(head).__name__,
        "settings": {key: _plain(value) for key, value in settings.items()},
        "best_settings": _plain(getattr(head, "best_params_", None) or {}),
        "threshold": _plain(getattr(head, "threshold_", None)),
        "training_subjects": len(getattr(head, "train_subjects_", None) or ()) or None,
        "training_cells": len(getattr(head, "train_ids_", None) or ()) or None,
        "dataset": features.name,
        "feature_space": None if spec is None else json.loads(spec.to_json()),
        "feature_space_digest": None if spec is None else spec.digest,
        "versions": versions(),
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "size", 0) == 1 else repr(value)
