"""Pixels to numbers: feature spaces, backbones, engines and the store."""

from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.spec import FeatureSpec

__all__ = ["FeatureSet", "FeatureSpec"]
