"""Fetching Keras's ImageNet weights, or saying exactly what to fetch and where to put it."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request

from leukfeat.exceptions import WeightsUnavailableError
from leukfeat.features.backbones import StockBackbone
from leukfeat.features.locations import user_cache_folder

__all__ = ["fetch_imagenet"]

TIMEOUT = 10.0
"""Seconds without an answer after which the machine counts as offline."""


def fetch_imagenet(backbone: StockBackbone) -> str:
    """Download a network's ImageNet weights into the user's cache folder.

    Parameters
    ----------
    backbone : StockBackbone
        The network.

    Returns
    -------
    str
        Path of the file, whose digest was checked.

    Raises
    ------
    WeightsUnavailableError
        If it cannot be had; the message says which file, from where, its digest and where to
        put it.
    """
    folder = user_cache_folder() / "weights"
    path = folder / backbone.imagenet_file
    if os.environ.get("LEUKFEAT_OFFLINE"):
        raise _cannot(backbone, "LEUKFEAT_OFFLINE is set")
    temporary = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        function, _, expected = (backbone.imagenet_digest or "sha256:").partition(":")
        digest = hashlib.new(function, usedforsecurity=False)
        with (
            urllib.request.urlopen(backbone.imagenet_url, timeout=TIMEOUT) as answer,
            tempfile.NamedTemporaryFile(dir=folder, delete=False) as file,
        ):
            temporary = file.name
            while block := answer.read(1 << 20):
                digest.update(block)
                file.write(block)
        if expected and digest.hexdigest() != expected:
            raise _cannot(
                backbone, f"what was received has {function.upper()} {digest.hexdigest()}"
            )
        os.replace(temporary, path)
    except (OSError, urllib.error.URLError) as error:
        raise _cannot(backbone, str(getattr(error, "reason", None) or error)) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
    return str(path)


def _cannot(backbone: StockBackbone, reason: str) -> WeightsUnavailableError:
    function, _, expected = backbone.imagenet_digest.partition(":")
    check = f", {function.upper()} {expected}" if expected else ""
    return WeightsUnavailableError(
        f"The ImageNet weights of {backbone.name!r} are not on this machine and cannot be "
        f"downloaded ({reason}). Get the file {backbone.imagenet_file!r} "
        f"({backbone.imagenet_bytes / 1e6:.0f} MB{check}) from "
        f"{backbone.imagenet_url} and put it into {str(user_cache_folder() / 'weights')!r}, or "
        "into the folder named by LEUKFEAT_WEIGHTS_DIR; or give weights='random' or the path "
        "of a weights file."
    )
