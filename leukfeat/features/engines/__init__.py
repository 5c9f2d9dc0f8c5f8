"""What runs a backbone: one small interface, several engines."""

from leukfeat.features.engines.choice import ENGINES, installed_engines, load_engine
from leukfeat.features.engines.interface import Engine

__all__ = ["ENGINES", "Engine", "installed_engines", "load_engine"]
