from .extraction import extract_features as extract_features
from .feature_set import FeatureSet as FeatureSet
from .own_backbone import Backbone as Backbone
from .own_registry import register_backbone as register_backbone
from .own_registry import registered_backbones as registered_backbones
from .plan import ExtractionPlan as ExtractionPlan
from .spec import FeatureSpec as FeatureSpec
