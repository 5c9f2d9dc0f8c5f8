"""Small feature sets with subjects: 40 subjects of two classes, and what their cells look like."""

import numpy as np
import pandas as pd
import pytest

from leukfeat import FeatureSet
from leukfeat.features.feature_set import CONTROL_COLUMNS


def _make_features(
    *,
    n_subjects=40,
    cells=12,
    effect=1.2,
    between=0.4,
    colour=0.0,
    classes=("hem", "all"),
    seed=0,
    subjects=True,
    controls=True,
):
    """Features with a class effect, a subject effect, and a colour clue of a given strength."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(cells // 2, 2 * cells, n_subjects)
    of = np.repeat(np.arange(n_subjects), sizes)
    y = of % len(classes)
    centres = effect * np.eye(len(classes), 6)
    X = centres[y] + between * rng.normal(size=(n_subjects, 6))[of] + rng.normal(size=(len(y), 6))
    measured = pd.DataFrame(
        rng.normal(100, 10, (len(y), len(CONTROL_COLUMNS))), columns=list(CONTROL_COLUMNS)
    ).astype(np.float32)
    measured["r_p50"] += (20 * colour * y).astype(np.float32)
    names = np.array([f"{classes[i % len(classes)][0].upper()}{i}" for i in range(n_subjects)])
    return FeatureSet(
        X,
        y,
        subjects=names[of] if subjects else None,
        ids=np.array([f"{seed}-{i:06d}" for i in range(len(y))], object),
        controls=measured if controls else None,
        class_names=classes,
        positive="all" if "all" in classes else None,
        name="test cells",
    )


@pytest.fixture(scope="session")
def make_features():
    return _make_features


@pytest.fixture(scope="session")
def features():
    return _make_features()
