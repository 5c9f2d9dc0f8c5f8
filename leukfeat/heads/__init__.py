"""Numbers to labels: the registry of heads, fitting and ensembles."""

from leukfeat.heads import standard_heads
from leukfeat.heads.controls import control_columns, control_pipelines
from leukfeat.heads.ensemble import Ensemble
from leukfeat.heads.fitting import fit_ensemble, fit_head
from leukfeat.heads.head import Head
from leukfeat.heads.rbf_svc import RbfSVC, as_stock_svc
from leukfeat.heads.registry import register_head, registered_heads

__all__ = [
    "Ensemble",
    "Head",
    "RbfSVC",
    "as_stock_svc",
    "control_columns",
    "control_pipelines",
    "fit_ensemble",
    "fit_head",
    "register_head",
    "registered_heads",
    "standard_heads",
]
