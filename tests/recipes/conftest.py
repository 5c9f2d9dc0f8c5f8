import pytest

from leukfeat import make_cells
from leukfeat.recipes import load_recipe


@pytest.fixture(scope="session")
def cells():
    return make_cells(24, 96, size=32)


@pytest.fixture(scope="session")
def quick():
    recipe = load_recipe("resnet50-svm")
    return recipe.override(
        {
            "features": {"input_size": 32, "layers": ["conv2"]},
            "head": {"names": ["logistic_regression"], "tune": False},
        }
    )


@pytest.fixture
def one_head():
    return load_recipe("ldsvm").override(
        {
            "head": {"names": ["logistic_regression"], "members": [], "tune": False},
            "selection": {"n_features": 10},
        }
    )
