"""Backbones of the user's own, by name."""

from __future__ import annotations

import difflib
import os
import re
from typing import Any

from leukfeat.features.backbones import StockBackbone, find_backbone
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.seen_data import SeenData, remember_seen
from leukfeat.features.stock_backbones import BACKBONES

__all__ = ["register_backbone", "registered_backbones", "resolve_backbone"]

_registered: dict[str, Backbone] = {}


def register_backbone(
    backbone: Backbone | str,
    file: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    **declared: Any,
) -> Backbone:
    """Give a network of your own a name that `extract_features` takes.

    Parameters
    ----------
    backbone : Backbone or str
        The network; or its name, with `file` and the declarations of :class:`Backbone`.
    file : path-like, optional
        A ``.keras`` or ``.onnx`` file.
    overwrite : bool, default=False
        Whether another network of this name may be replaced. The names last as long as the
        process.
    **declared
        ``input_size``, ``mean``, ``std``, ``scale``, ``channel_order``, ``layout`` and what
        else :class:`Backbone` takes.

    Returns
    -------
    Backbone

    Raises
    ------
    WeightsError
        If the file is missing or is of another kind.
    ValueError
        If the name is taken, or a declaration is not allowed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import leukfeat as lf
    >>> file = pathlib.Path(tempfile.mkdtemp(), "encoder.onnx")
    >>> _ = file.write_bytes(b"onnx")
    >>> encoder = lf.register_backbone(
    ...     "blood-encoder", file, input_size=224, scale=1 / 255, mean=0.5, std=0.5,
    ...     channel_order="RGB", layout="NCHW",
    ... )
    >>> encoder.mean
    (0.5, 0.5, 0.5)
    >>> "blood-encoder" in lf.registered_backbones()
    True
    """
    if isinstance(backbone, Backbone):
        if file is not None or declared:
            raise ValueError(
                f"The backbone {backbone.name!r} brings its own file and declarations; got "
                f"{sorted(declared) or 'a file'} too."
            )
        own = backbone
    else:
        if file is None:
            raise ValueError(
                f"register_backbone({backbone!r}, ...) needs 'file', a '.keras' or '.onnx' file, "
                "or a Backbone in place of the name."
            )
        own = Backbone(name=backbone, file=os.fspath(file), **declared)
    _check_not_stock(own)
    held = _registered.get(own.name)
    if held is not None and held != own and not overwrite:
        raise ValueError(
            f"Another backbone is registered as {own.name!r} ({held.file}): take another name, or "
            "give overwrite=True."
        )
    _registered[own.name] = own
    return own


def registered_backbones() -> tuple[str, ...]:
    """List the names that ``extract_features(backbone=...)`` takes: stock ones, then your own.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> registered_backbones()[0]
    'resnet50'
    """
    return (*BACKBONES, *_registered)


def resolve_backbone(backbone: str | Backbone) -> StockBackbone | Backbone:
    """Return a network from its name, or an own one as it is.

    Parameters
    ----------
    backbone : str or Backbone

    Returns
    -------
    StockBackbone or Backbone

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those that exist.
    """
    if not isinstance(backbone, (str, Backbone)) and hasattr(backbone, "save"):
        raise ValueError(
            "The 'backbone' parameter takes a network by name, or as a file with its declared "
            f"preprocessing. Got a {type(backbone).__name__}: save it with "
            "model.save('NAME.keras'), and give Backbone(name='NAME', file='NAME.keras', "
            "input_size=..., scale=..., mean=..., std=..., channel_order=..., layout=...)."
        )
    named = isinstance(backbone, str)
    own = (
        backbone if isinstance(backbone, Backbone) else _registered.get(backbone) if named else None
    )
    if own is None:
        if backbone not in BACKBONES:
            raise ValueError(
                f"The 'backbone' parameter must be one of {[*registered_backbones()]}, or a "
                f"Backbone. Got {backbone!r} instead.{_meant(backbone)}"
            )
        return find_backbone(backbone)  # type: ignore[arg-type]
    _check_not_stock(own)
    # One that was unpickled was not made here.
    remember_seen(own.digest, SeenData(datasets=own.trained_on))
    return own


def _meant(name: object) -> str:
    if not isinstance(name, str):
        return ""
    plain = {re.sub(r"[^a-z0-9]", "", one.lower()): one for one in registered_backbones()}
    near = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", name.lower()), plain, n=1)
    return f" Did you mean {plain[near[0]]!r}?" if near else ""


def _check_not_stock(own: Backbone) -> None:
    if own.name in BACKBONES:
        raise ValueError(
            f"The name {own.name!r} belongs to a stock network. Give your backbone another one."
        )
