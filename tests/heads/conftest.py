import numpy as np
import pandas as pd
import pytest

from leukfeat import FeatureSet, FeatureSpec
from leukfeat.features.feature_set import CONTROL_COLUMNS


def make_features(
    n_classes=2, *, n_subjects=18, per_subject=8, shift=0.5, gap=1.5, seed=0, controls=False
):
    """Features of cells with a shift that is common to a subject's cells; one class a subject."""
    rng = np.random.default_rng(seed)
    label = np.arange(n_subjects) % n_classes
    subject = np.repeat(np.arange(n_subjects), per_subject)
    y = label[subject]
    X = rng.normal(size=(len(y), 6)) + shift * rng.normal(size=(n_subjects, 6))[subject]
    X[np.arange(len(y)), y] += gap
    measured = None
    if controls:
        values = rng.uniform(0, 255, size=(len(y), len(CONTROL_COLUMNS)))
        values[:, 0] += 200 * y  # the first colour percentile tells the class
        measured = pd.DataFrame(values.astype(np.float32), columns=list(CONTROL_COLUMNS))
    names = ("hem", "all", "blast", "other")[:n_classes]
    return FeatureSet(
        X,
        y,
        subjects=[f"{names[label[s]][0].upper()}{s}" for s in subject],
        ids=[f"digest{i}" for i in range(len(y))],
        class_names=names,
        positive="all" if n_classes == 2 else None,
        controls=measured,
        spec=FeatureSpec(),
    )


@pytest.fixture
def features():
    return make_features()


@pytest.fixture
def four_classes():
    return make_features(4, n_subjects=24)
