"""Hand-crafted features: texture, shape and colour of a cell, measured as the textbooks do."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
