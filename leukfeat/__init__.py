"""Deep features of blood cells, and a leukemia classifier whose numbers stand.

The public names are loaded on first use, so that ``import leukfeat`` imports neither
TensorFlow nor OpenCV nor scikit-learn.
"""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

__version__ = "0.1.0"
