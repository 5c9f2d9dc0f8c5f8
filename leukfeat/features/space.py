"""From the arguments of extract_features to one feature space and the file that holds it."""

from __future__ import annotations

import dataclasses
import numbers
import os
from collections.abc import Callable, Collection, Sequence
from typing import Any

from leukfeat.exceptions import SpecMismatchError
from leukfeat.features.backbones import StockBackbone
from leukfeat.features.engines import ENGINES, installed_engines
from leukfeat.features.engines.choice import PRECISIONS
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.own_backbone import OWN_LAYERS, Backbone
from leukfeat.features.preparing import check_preparation
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, store_path
from leukfeat.features.weights import WeightsSource

__all__ = ["check_crop", "check_input_size", "choose_file", "choose_space", "make_spec"]


def check_crop(crop: Any) -> int | None:
    """Return the side of the central window, from ``224`` or ``"center:224"``.

    Examples
    --------
    >>> check_crop("center:300")
    300
    """
    side = _plain(crop)
    if isinstance(crop, str) and crop.startswith("center:") and crop[7:].isdecimal():
        side = int(crop[7:])
    if side is not None and (isinstance(side, bool) or not isinstance(side, int) or side < 1):
        raise ValueError(
            "The 'crop' parameter must be None, the side of a central window in pixels, or "
            f"'center:<side>'. Got {crop!r} instead."
        )
    return side


def check_input_size(size: Any, backbone: StockBackbone) -> tuple[int, int]:
    """Return height and width for the network, from ``None``, a side or a pair.

    Examples
    --------
    >>> from leukfeat.features.backbones import find_backbone
    >>> check_input_size(96, find_backbone("resnet50"))
    (96, 96)
    """
    if size is None:
        return backbone.input_size
    size = _plain(size)
    pair = (size, size) if isinstance(size, int) else size
    pair = tuple(_plain(one) for one in pair) if isinstance(pair, (tuple, list)) else pair
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or not all(isinstance(s, int) and backbone.least_size <= s <= 2048 for s in pair)
    ):
        raise ValueError(
            f"The 'input_size' parameter must be a side or (height, width) from "
            f"{backbone.least_size} to 2048 pixels for {backbone.name!r}. Got {size!r} instead."
        )
    return (pair[0], pair[1])


def _plain(value: Any) -> Any:
    """Return a number of NumPy as Python's own, which the feature space is written with."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return int(value) if whole else value


def make_spec(
    backbone: StockBackbone | Backbone,
    source: WeightsSource,
    *,
    layers: Any,
    pooling: Any,
    mask: Any,
    input_size: Any,
    crop: Any,
    preparation: Any,
    views: Any,
    precision: str,
    calibration: str | None = None,
) -> FeatureSpec:
    """Check the settings and name the feature space, the engine still open.

    Raises
    ------
    ValueError
        If a setting is not allowed.
    """
    if pooling not in ("avg", "gem"):
        raise ValueError(
            f"The 'pooling' parameter must be 'avg' or 'gem'. Got {pooling!r} instead."
        )
    if mask not in (None, "background"):
        raise ValueError(
            f"The 'mask' parameter must be None or 'background'. Got {mask!r} instead."
        )
    if isinstance(backbone, Backbone):
        own = _declared(backbone, layers=layers, pooling=pooling, mask=mask, input_size=input_size)
    else:
        own = {
            "layers": backbone.check_layers(layers),
            "pooling": pooling,
            "mask": mask,
            "input_size": check_input_size(input_size, backbone),
        }
    spec = FeatureSpec(
        backbone=backbone.name,
        weights=source.kind,
        weights_digest=source.digest,
        crop=check_crop(crop),
        preparation=check_preparation(preparation),
        views=views,
        precision=precision,
        calibration=calibration,
        **own,
    )
    if spec.views == "dihedral" and spec.input_size[0] != spec.input_size[1]:
        raise ValueError(
            "views='dihedral' turns the image by 90 degrees and needs a square 'input_size'. "
            f"Got {spec.input_size!r}."
        )
    return spec


def _declared(
    backbone: Backbone, *, layers: Any, pooling: Any, mask: Any, input_size: Any
) -> dict[str, Any]:
    """Return what a network of the user's own declares; other wishes are refused."""
    wished = (layers,) if isinstance(layers, str) else tuple(layers)
    size = (input_size, input_size) if isinstance(input_size, numbers.Integral) else input_size
    for name, given, allowed, declared in (
        # The defaults of extract_features stand for what is declared.
        ("layers", wished, (("avg_pool",), OWN_LAYERS), f"output={backbone.output!r}"),
        ("pooling", pooling, ("avg", backbone.pooling), f"pooling={backbone.pooling!r}"),
        ("mask", mask, (None,), "no mask"),
        (
            "input_size",
            None if size is None else tuple(size),
            (None, backbone.input_size),
            f"input_size={backbone.input_size}",
        ),
    ):
        if given not in allowed:
            raise ValueError(
                f"The {name!r} parameter cannot be chosen for a backbone of your own: "
                f"{backbone.name!r} declares {declared}. Got {given!r}; leave it out, or declare "
                "another Backbone."
            )
    return {
        "layers": OWN_LAYERS,
        "pooling": backbone.pooling,
        "input_size": backbone.input_size,
        "preprocessing": backbone.preprocessing,
    }


def choose_space(
    spec: FeatureSpec,
    engine: str,
    cache: str | os.PathLike[str] | None,
    count_held: Callable[[StoreReader], int],
    *,
    engines: Collection[str] = tuple(ENGINES),
) -> tuple[FeatureSpace, str | None]:
    """Settle the engine and the file.

    ``"auto"`` takes the engine whose store holds most of what is asked for, then the one whose
    store holds anything, then the fastest that is installed.

    Parameters
    ----------
    spec : FeatureSpec
        With any engine.
    engine : str
        ``"auto"`` or a name.
    cache : path-like or None
        As given by the user.
    count_held : callable
        Tells how many of the images a store is known to hold.
    engines : collection of str, default=all
        Those that can run the network at all.

    Returns
    -------
    spec : FeatureSpec
    path : str or None

    Raises
    ------
    SpecMismatchError
        If `cache` is one file and holds another feature space.
    ImportError
        If no engine can run here and none is needed less.
    """
    able = [name for name in ENGINES if spec.precision in PRECISIONS[name]]
    if engine != "auto" and engine not in ENGINES:
        raise ValueError(
            f"The 'engine' parameter must be 'auto' or one of {[*ENGINES]}. Got {engine!r} instead."
        )
    if engine != "auto" and engine not in engines:
        raise ValueError(
            f"The backbone {spec.backbone!r} is run by {[*engines]} only, not by engine={engine!r}."
        )
    able = [name for name in able if name in engines]
    names = able if engine == "auto" else [name for name in able if name == engine]
    if not names:
        raise ValueError(
            f"precision={spec.precision!r} is offered by {able or 'no engine'}, "
            f"not by engine={engine!r}."
        )
    installed = [name for name in installed_engines(spec.precision) if name in names]
    candidates = [dataclasses.replace(spec, engine=name) for name in [*installed, *names]]
    return choose_file(candidates, cache, count_held)


def choose_file(
    candidates: Sequence[FeatureSpace],
    cache: str | os.PathLike[str] | None,
    count_held: Callable[[StoreReader], int],
) -> tuple[FeatureSpace, str | None]:
    """Settle which of several equally good spaces is used, and its file.

    Parameters
    ----------
    candidates : sequence of FeatureSpace
        The preferred one first.
    cache : path-like or None
        As given by the user.
    count_held : callable
        Tells how many of the images a store is known to hold.

    Returns
    -------
    spec : FeatureSpace
    path : str or None

    Raises
    ------
    SpecMismatchError
        If `cache` is one file and holds another feature space.
    """
    if cache is None:
        return candidates[0], None
    best, best_score = candidates[0], (0, 0)
    for candidate in dict.fromkeys(candidates):
        path = store_path(cache, candidate)
        if not os.path.exists(path):
            continue
        with StoreReader(path) as store:
            if store.spec == candidate:
                score = (count_held(store), len(store))
                if score > best_score:
                    best, best_score = candidate, score
            elif store.spec not in candidates:
                raise SpecMismatchError(
                    f"{path!r} holds another feature space than the one asked for "
                    f"({'; '.join(store.spec.differences(candidate))}). Give a folder as 'cache', "
                    "which keeps each space in its own file, or another name."
                )
            elif best_score == (0, 0):
                best = store.spec
    return best, store_path(cache, best)
