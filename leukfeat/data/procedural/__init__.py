"""Cells and smears drawn by rule, with everything known about them."""

from .appearance import Look
from .cells import make_cells
from .cnmc_tree import write_cnmc_tree
from .oracle import oracle_score
from .smear import Smear, make_smear

__all__ = ["Look", "Smear", "make_cells", "make_smear", "oracle_score", "write_cnmc_tree"]
