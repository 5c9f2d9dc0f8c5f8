"""The feature store: HDF5, one file a feature space."""

from leukfeat.features.store.places import store_path
from leukfeat.features.store.reader import StoreReader
from leukfeat.features.store.stat_index import StatIndex
from leukfeat.features.store.writer import StoreWriter

__all__ = ["StatIndex", "StoreReader", "StoreWriter", "store_path"]
