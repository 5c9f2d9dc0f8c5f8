from .cell_classifier import CellClassifier as CellClassifier
from .model_file import ModelFileError as ModelFileError
from .model_file import load_model as load_model
from .model_file import save_model as save_model
