"""What runs a backbone: one small interface, several engines."""

from leukfeat.features.engines.choice import ENGINES, check_engine, installed_engines, load_engine
from leukfeat.features.engines.interface import Engine

__all__ = ["ENGINES", "Engine", "check_engine", "installed_engines", "load_engine"]
