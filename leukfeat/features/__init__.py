"""Pixels to numbers: feature spaces, backbones, engines and the store."""

from leukfeat.features.extraction import extract_features
from leukfeat.features.feature_set import FeatureSet
from leukfeat.features.plan import ExtractionPlan
from leukfeat.features.spec import FeatureSpec

__all__ = ["ExtractionPlan", "FeatureSet", "FeatureSpec", "extract_features"]
