from .data import CellDataset as CellDataset
from .data import annotator_agreement as annotator_agreement
from .data import apply_corrections as apply_corrections
from .data import consensus_labels as consensus_labels
from .data import export_table as export_table
from .data import load_all_idb1 as load_all_idb1
from .data import load_all_idb2 as load_all_idb2
from .data import load_cells as load_cells
from .data import load_cnmc as load_cnmc
from .data import load_csv as load_csv
from .data import load_folder as load_folder
from .data import load_pbc as load_pbc
from .data import load_taleqani as load_taleqani
from .data import make_cells as make_cells
from .evaluation import Evaluation as Evaluation
from .evaluation import cross_validate_heads as cross_validate_heads
from .evaluation import evaluate as evaluate
from .features import FeatureSet as FeatureSet
from .features import FeatureSpec as FeatureSpec
from .features import extract_features as extract_features
from .heads import Head as Head
from .heads import fit_head as fit_head
from .heads import register_head as register_head

__version__: str
