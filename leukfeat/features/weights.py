"""Which weights a backbone gets: Keras's own, seeded random ones, or a file of the user."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from leukfeat.exceptions import WeightsError
from leukfeat.features.backbones import StockBackbone
from leukfeat.features.file_digest import digest_file
from leukfeat.features.locations import weights_folders
from leukfeat.features.network_file import leads_elsewhere
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.seen_data import TUNED_DIGEST, read_facts, remember_seen, seen_facts
from leukfeat.features.tuned_digest import weights_digest
from leukfeat.file_kind import not_a_file

__all__ = ["WeightsSource", "find_weights", "load_weights", "must_be_fetched"]

RANDOM_SCHEME = "random-normal-1"
"""Version of the rule in :func:`_draw_weights`; it enters the digest."""


@dataclasses.dataclass(frozen=True)
class WeightsSource:
    """Weights that were asked for, named by digest but not yet loaded.

    Parameters
    ----------
    kind : {"imagenet", "random", "file"}
        How they were asked for.
    digest : str
        Names the weights, with the hash function in front.
    path : str or None
        The file of the user, for ``"file"``.
    seed : int or None
        For ``"random"``.
    own : Backbone or None
        A network of the user's own, which brings its weights.
    calibration : str or None
        The file of the network in 8 bits, for ``precision="int8"``.
    """

    kind: str
    digest: str
    path: str | None = None
    seed: int | None = None
    own: Backbone | None = None
    calibration: str | None = None


def find_weights(
    backbone: StockBackbone | Backbone,
    weights: str | os.PathLike[str] = "imagenet",
    random_state: int = 0,
) -> WeightsSource:
    """Name the weights without loading them: cheap, so that a warm call stays warm.

    Parameters
    ----------
    backbone : StockBackbone or Backbone
        The network. One of the user's own brings its weights.
    weights : {"imagenet", "random"} or path-like, default="imagenet"
        A file must load into the network without its top. A copy of Keras's own file counts
        as ``"imagenet"``.
    random_state : int, default=0
        Seed of ``"random"``.

    Returns
    -------
    WeightsSource

    Raises
    ------
    WeightsError
        If a file is missing or is not HDF5.

    Examples
    --------
    >>> from leukfeat.features.backbones import find_backbone
    >>> find_weights(find_backbone("resnet50"), "random", 7).digest
    'random-normal-1:7'
    """
    if isinstance(backbone, Backbone):
        if weights != "imagenet":  # the default of extract_features
            raise ValueError(
                f"The backbone {backbone.name!r} brings its own weights ({backbone.file}): leave "
                f"'weights' out. Got {weights!r}."
            )
        backbone.check_file()
        return WeightsSource("file", backbone.digest, path=backbone.file, own=backbone)
    if isinstance(weights, str) and weights == "imagenet":
        return WeightsSource("imagenet", _imagenet_name(backbone))
    if isinstance(weights, str) and weights == "random":
        if isinstance(random_state, bool) or not isinstance(random_state, (int, np.integer)):
            raise ValueError(
                f"The 'random_state' parameter must be an integer here. Got {random_state!r}."
            )
        return WeightsSource("random", f"{RANDOM_SCHEME}:{random_state}", seed=int(random_state))
    if not isinstance(weights, (str, os.PathLike)):
        raise ValueError(
            "The 'weights' parameter must be 'imagenet', 'random' or the path of a file. "
            f"Got {weights!r} instead."
        )
    path = os.path.abspath(os.fspath(weights))
    _check_is_hdf5(path)
    if backbone.imagenet_digest and (
        abs(os.path.getsize(path) / backbone.imagenet_bytes - 1) < 0.05
        or backbone.imagenet_file in path
    ):
        function, expected = backbone.imagenet_digest.split(":")
        if digest_file(path, function) == expected:
            return WeightsSource("imagenet", backbone.imagenet_digest, path=path)
    facts = read_facts(path)
    if facts is not None and facts.get("digest") == TUNED_DIGEST:
        digest = f"{TUNED_DIGEST}:{digest_file(path, TUNED_DIGEST, weights_digest)}"
    else:  # older tuned weights too
        digest = f"sha256:{digest_file(path, 'sha256')}"
    remember_seen(digest, seen_facts(facts))
    return WeightsSource("file", digest, path=path)


def load_weights(
    backbone: StockBackbone, source: WeightsSource, input_size: tuple[int, int]
) -> Any:
    """Build the network with its weights.

    Parameters
    ----------
    backbone : StockBackbone
        The network.
    source : WeightsSource
        From :func:`find_weights`.
    input_size : tuple of int
        Height and width, in pixels.

    Returns
    -------
    keras.Model
        Without top, output the last map.

    Raises
    ------
    WeightsError
        If ImageNet weights can be neither found nor fetched, or the file is damaged or belongs
        to another network.
    """
    if source.kind == "random":
        model = backbone.build(input_size, None)
        _draw_weights(model, source.seed or 0)
        return model
    path = source.path
    if path is None:
        from leukfeat.features.download import fetch_imagenet

        path = _installed_imagenet(backbone) or fetch_imagenet(backbone)
    try:
        model = backbone.build(input_size, path)
    except Exception as error:
        raise WeightsError(
            f"The weights file {path!r} does not load into {backbone.name!r} without its top: "
            f"{_first_sentence(error)} Give a file made by this network's save_weights with include_top=False."
        ) from error
    if not all(np.isfinite(array).all() for array in model.get_weights()):
        raise WeightsError(f"The weights file {path!r} holds NaN or infinite values.")
    return model


def _first_sentence(error: Exception) -> str:
    """Return what an error says first: Keras breaks its lines in mid-sentence, and goes on."""
    text = " ".join(str(error).split()) or type(error).__name__
    found = re.match(r".+?[.!?:](?=\s|$)", text)
    sentence = found[0] if found else text
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence.rstrip(':')}."


def must_be_fetched(backbone: StockBackbone, source: WeightsSource) -> bool:
    """Tell whether computing rows would first fetch the weights from the network.

    Parameters
    ----------
    backbone : Backbone
        The network.
    source : WeightsSource
        From :func:`find_weights`.

    Returns
    -------
    bool
    """
    named = source.kind == "imagenet" and source.path is None
    return named and not any(
        (folder / backbone.imagenet_file).is_file() for folder in weights_folders()
    )


def _imagenet_name(backbone: StockBackbone) -> str:
    # Keras gives no digest of MobileNetV2's file: its name must do.
    return backbone.imagenet_digest or f"keras:{backbone.imagenet_file}"


def _check_is_hdf5(path: str) -> None:
    try:
        kind = not_a_file(path)
        if kind is not None:
            raise WeightsError(f"The weights file {path!r} is {kind}: no regular file.")
        with open(path, "rb") as file:
            start = file.read(8)
    except OSError as error:
        raise WeightsError(
            f"Cannot read the weights file {path!r}: {error.strerror}. The 'weights' parameter "
            "must be 'imagenet', 'random' or the path of a file."
        ) from None
    if start != b"\x89HDF\r\n\x1a\n":
        raise WeightsError(
            f"The weights file {path!r} is not HDF5 (it starts with {start!r}); Keras writes "
            "weights as '.weights.h5' or '.h5'."
        )
    try:
        elsewhere = leads_elsewhere(path)
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"The weights file {path!r} is damaged: {error}.") from error
    if elsewhere:
        raise WeightsError(
            f"The weights file {path!r} would read other files: {elsewhere}. Keras writes no such "
            "entries: get the file from its source, or write it again with save_weights."
        )


def _installed_imagenet(backbone: StockBackbone) -> str | None:
    for folder in weights_folders():
        path = folder / backbone.imagenet_file
        if path.is_file():
            _check_imagenet(path, backbone)
            return str(path)
    return None


def _check_imagenet(path: Path, backbone: StockBackbone) -> None:
    if not backbone.imagenet_digest:
        return
    function, expected = backbone.imagenet_digest.split(":")
    found = digest_file(str(path), function)
    if found != expected:
        raise WeightsError(
            f"The weights file {str(path)!r} is damaged or not Keras's: its {function.upper()} is "
            f"{found}, expected {expected}. Delete it, or give its path as 'weights' if "
            "it is yours."
        )


def _draw_weights(model: Any, seed: int) -> None:
    # Our own rule and not Keras's initialisers, whose draws depend on version and global seed.
    generator = np.random.default_rng(seed)
    drawn = []
    for variable in model.weights:
        shape, name = tuple(variable.shape), variable.path.rsplit("/", 1)[1]
        if name in ("gamma", "moving_variance", "variance"):
            drawn.append(np.ones(shape, np.float32))
        elif len(shape) < 2:
            drawn.append(np.zeros(shape, np.float32))
        else:
            depthwise = len(shape) == 4 and shape[3] == 1 < shape[2]
            fan_in = shape[0] * shape[1] if depthwise else int(np.prod(shape[:-1]))
            scale = np.float32(np.sqrt(2.0 / fan_in))
            drawn.append(generator.standard_normal(shape, dtype=np.float32) * scale)
    model.set_weights(drawn)
