"""Numbers to labels: the registry of heads, fitting and ensembles."""

from leukfeat.heads.rbf_svc import RbfSVC, as_stock_svc

__all__ = ["RbfSVC", "as_stock_svc"]
