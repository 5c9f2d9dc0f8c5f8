"""Cells and smears drawn by rule, with everything known about them."""

from .appearance import Look
from .cells import make_cells
from .cnmc_tree import write_cnmc_tree
from .oracle import oracle_score

__all__ = ["Look", "make_cells", "oracle_score", "write_cnmc_tree"]
