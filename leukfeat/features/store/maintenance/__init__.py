"""Looking after feature stores: list, verify, repair, prune, merge."""

from leukfeat.features.store.maintenance.listing import StoreSummary, find_stores, list_stores
from leukfeat.features.store.maintenance.merging import MergeReport, merge_stores
from leukfeat.features.store.maintenance.orphans import remove_orphans
from leukfeat.features.store.maintenance.pruning import PruneReport, prune_rows, remove_store
from leukfeat.features.store.maintenance.repairing import RepairReport, repair_store
from leukfeat.features.store.maintenance.verifying import StoreReport, verify_store

__all__ = [
    "MergeReport",
    "PruneReport",
    "RepairReport",
    "StoreReport",
    "StoreSummary",
    "find_stores",
    "list_stores",
    "merge_stores",
    "prune_rows",
    "remove_orphans",
    "remove_store",
    "repair_store",
    "verify_store",
]
