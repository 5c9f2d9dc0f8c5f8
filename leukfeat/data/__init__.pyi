from .any_layout import load_cells as load_cells
from .cnmc import load_cnmc as load_cnmc
from .csv_file import load_csv as load_csv
from .dataset import CellDataset as CellDataset
from .folder import load_folder as load_folder
from .procedural import make_cells as make_cells
