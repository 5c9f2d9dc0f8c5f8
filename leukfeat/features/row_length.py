"""How long a row of a feature space is, without computing one."""

from __future__ import annotations

from leukfeat.features.backbones import find_backbone
from leukfeat.features.feature_space import FeatureSpace
from leukfeat.features.spec import FeatureSpec

__all__ = ["count_features"]


def count_features(spec: FeatureSpace) -> int:
    """Return the number of features of a space.

    Parameters
    ----------
    spec : FeatureSpace

    Returns
    -------
    int

    Examples
    --------
    >>> count_features(FeatureSpec(layers=("conv4", "avg_pool")))
    3072
    """
    if isinstance(spec, FeatureSpec):
        return find_backbone(spec.backbone).count_features(spec.layers)
    from leukfeat.features.handcrafted.measuring import columns_of
    from leukfeat.features.handcrafted.spec import HandcraftedSpec

    assert isinstance(spec, HandcraftedSpec)
    return len(columns_of(spec))
