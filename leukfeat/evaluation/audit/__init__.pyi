from .auditing import audit as audit
from .erasing import erase_cells as erase_cells
from .finding import Finding as Finding
from .report import Audit as Audit
from .sensitivity import duplicate_sensitivity as duplicate_sensitivity
