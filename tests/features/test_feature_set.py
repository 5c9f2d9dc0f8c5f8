"""A feature set is a matrix to scikit-learn and never loses track of its rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from leukfeat.features.feature_set import FeatureSet


def features(n=12):
    return FeatureSet(
        np.arange(n * 3, dtype=float).reshape(n, 3),
        np.arange(n) % 2,
        subjects=[f"s{i // 2}" for i in range(n)],
        ids=[f"{i:064x}" for i in range(n)],
        controls=pd.DataFrame({"r_p50": np.arange(n)}),
        columns=pd.DataFrame({"fold": [f"f{i % 3}" for i in range(n)]}),
        class_names=("hem", "all"),
        positive="all",
    )


@pytest.mark.parametrize(
    "rows", [np.array([5, 0, 2]), np.arange(12) % 4 == 0, slice(2, 9, 3), [1, 1, 7]]
)
def test_rows_stay_together(rows):
    whole = features()
    part = whole[rows]
    index = np.arange(12)[rows]
    assert part.y.tolist() == whole.y[index].tolist()
    assert part.subjects.tolist() == whole.subjects[index].tolist()
    assert part.ids.tolist() == whole.ids[index].tolist()
    assert part.controls["r_p50"].tolist() == index.tolist()
    assert part.column("fold").tolist() == [f"f{i % 3}" for i in index]
    np.testing.assert_array_equal(part.X, whole.X[index])


def test_scikit_learn_takes_it_for_a_matrix():
    data = features()
    scores = cross_val_score(
        LogisticRegression(), data, data.y, groups=data.subjects, cv=GroupKFold(3)
    )
    assert scores.shape == (3,)
    assert np.asarray(data).dtype == np.float32
    assert np.asarray(data, dtype=float).dtype == np.float64
    assert data.shape == (12, 3)
    assert data.ndim == 2


def test_it_is_held_in_memory_once():
    X = np.zeros((4, 3), np.float32)
    assert np.shares_memory(FeatureSet(X).X, X)
    assert np.shares_memory(np.asarray(FeatureSet(X)), X)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="'y' has 2 rows but 'X' has 3"):
        FeatureSet(np.zeros((3, 2)), [0, 1])
    with pytest.raises(ValueError, match="feature_names"):
        FeatureSet(np.zeros((3, 2)), feature_names=["a"])


def test_what_is_not_known_is_said():
    with pytest.raises(ValueError, match=r"no column 'site'; it has \['label'"):
        features().column("site")


def test_scikit_learn_hands_on_folds_with_their_subjects():
    given = []

    class Listener(LogisticRegression):
        def fit(self, X, y):
            given.append(X)
            return super().fit(X, y)

    whole = features()
    cross_val_score(Listener(), whole, whole.y, groups=whole.subjects, cv=GroupKFold(3))
    assert [set(part.subjects) < set(whole.subjects) for part in given] == [True] * 3


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (["hem", "all", "all"], "must hold integers"),
        ([0, 1, 2], "from 0 to 1"),
        ([0.5, 1, 1], "from 0 to 1"),
    ],
)
def test_labels_are_indices_into_the_class_names(y, says):
    with pytest.raises(ValueError, match=says):
        FeatureSet(np.zeros((3, 2)), y, class_names=("hem", "all"))


def test_missing_labels_are_minus_one_and_the_positive_class_must_exist():
    assert FeatureSet(np.zeros((3, 2)), [0, np.nan, 1]).y.tolist() == [0, -1, 1]
    with pytest.raises(ValueError, match="'positive' must be one of"):
        FeatureSet(np.zeros((3, 2)), [0, 1, 1], class_names=("hem", "all"), positive="ALL")
