import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "drawn_cells", Path(__file__).with_name("drawn_cells.py")
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture(scope="session")
def draw_cell():
    return _module.draw_cell


@pytest.fixture(scope="session")
def dice():
    return _module.dice
