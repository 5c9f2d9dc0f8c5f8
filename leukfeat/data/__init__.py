"""Where cells come from: datasets, loaders and the procedural generator."""

from leukfeat.data.dataset import CellDataset

__all__ = ["CellDataset"]
