"""Figures of merit and their intervals by subject, on plain arrays."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
