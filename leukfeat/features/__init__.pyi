from .extraction import extract_features as extract_features
from .feature_set import FeatureSet as FeatureSet
from .plan import ExtractionPlan as ExtractionPlan
from .spec import FeatureSpec as FeatureSpec
