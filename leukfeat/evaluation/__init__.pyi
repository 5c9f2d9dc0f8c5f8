from .comparison import Comparison as Comparison
from .cross_validation import cross_validate_heads as cross_validate_heads
from .held_out import evaluate as evaluate
from .leakage import LeakageMeter as LeakageMeter
from .leakage import leakage_meter as leakage_meter
from .overlap import subject_digest as subject_digest
from .predictions import Predictions as Predictions
from .result import Evaluation as Evaluation
