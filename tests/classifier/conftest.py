"""A small classifier on made features, and one on made cells."""

import numpy as np
import pandas as pd
import pytest

from leukfeat.data import make_cells
from leukfeat.features import FeatureSet, FeatureSpec, extract_features
from leukfeat.features.feature_set import CONTROL_COLUMNS

EXTRACTION = {"weights": "random", "layers": "conv2", "input_size": 48, "progress": False}


@pytest.fixture(scope="session")
def made_features():
    rng = np.random.default_rng(0)
    subjects = np.repeat([f"s{i}" for i in range(16)], 8)
    y = np.repeat(np.arange(16) % 2, 8)
    X = rng.normal(size=(128, 6)) + y[:, None]
    controls = pd.DataFrame(
        rng.uniform(1, 200, (128, len(CONTROL_COLUMNS))), columns=list(CONTROL_COLUMNS)
    )
    return FeatureSet(
        X,
        y,
        subjects=subjects,
        controls=controls,
        spec=FeatureSpec(weights="random", weights_digest="random-normal-1:0"),
        class_names=("hem", "all"),
        positive="all",
    )


@pytest.fixture(scope="session")
def cells():
    return make_cells(10, 60, size=64, random_state=0)


@pytest.fixture(scope="session")
def cell_features(cells):
    return extract_features(cells, **EXTRACTION)
