"""The user's own network behind a head: the one whose features it was fit on, and no other."""

from __future__ import annotations

from typing import Any

from leukfeat.exceptions import SpecMismatchError, WeightsError
from leukfeat.features import FeatureSpec
from leukfeat.features.own_backbone import Backbone
from leukfeat.features.own_registry import registered_backbones, resolve_backbone

__all__ = ["backbone_of_spec"]


def backbone_of_spec(spec: FeatureSpec, backbone: Backbone | None, weights: Any) -> Backbone:
    """Return the network of a feature space, given or registered, if it is the one.

    Parameters
    ----------
    spec : FeatureSpec
        A space of a network of the user's own.
    backbone : Backbone or None
        As given; otherwise the registered one of that name.
    weights : path-like or None
        Must be ``None``: such a network brings its weights.

    Returns
    -------
    Backbone

    Raises
    ------
    WeightsError
        If none is given, and none registered.
    SpecMismatchError
        If it is another one, or declared in another way.
    """
    if weights is not None:
        raise ValueError(
            f"The backbone {spec.backbone!r} of your own brings its weights: leave 'weights' out."
        )
    if backbone is None:
        if spec.backbone not in registered_backbones():
            raise WeightsError(
                f"The head was fit on features of a network of your own, {spec.backbone!r} "
                f"({spec.weights_digest}): give it, CellClassifier(head, features, "
                "backbone=BACKBONE), or register it under its name with register_backbone."
            )
        found = resolve_backbone(spec.backbone)
        assert isinstance(found, Backbone)  # a stock network's name cannot be registered
        backbone = found
    asked = (backbone.name, backbone.digest, backbone.preprocessing, backbone.pooling)
    if asked != (spec.backbone, spec.weights_digest, spec.preprocessing, spec.pooling):
        raise SpecMismatchError(
            f"The backbone {backbone.name!r} ({backbone.digest}, {backbone.preprocessing}, pooling "
            f"{backbone.pooling!r}) is not the one whose features the head was fit on: "
            f"{spec.backbone!r} ({spec.weights_digest}, {spec.preprocessing}, pooling "
            f"{spec.pooling!r})."
        )
    return backbone
