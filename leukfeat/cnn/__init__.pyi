from .augmentation import Augmentation as Augmentation
from .classifier import CNNClassifier as CNNClassifier
from .config import CNNConfig as CNNConfig
from .fitting import fit_cnn as fit_cnn
from .images import CellImages as CellImages
from .images import read_cells as read_cells
from .model_file import load_cnn as load_cnn
from .model_file import save_cnn as save_cnn
