"""What is far from every training cell is told from what is merely a new patient."""

import numpy as np
import pytest

from leukfeat.classifier.novelty import TrainingReference


def patients(rng, n_subjects=20, n_cells=30, n_features=40):
    centres = rng.normal(scale=1.0, size=(n_subjects, n_features))
    subjects = np.repeat(np.arange(n_subjects), n_cells)
    X = centres[subjects] + rng.normal(scale=0.5, size=(len(subjects), n_features))
    return X.astype(np.float32), subjects


def test_cells_of_new_patients_are_seldom_far_and_others_are():
    rng = np.random.default_rng(0)
    X, subjects = patients(rng, n_subjects=40)
    train = subjects < 30
    reference = TrainingReference().fit(X[train], subjects[train])
    assert (reference.distance(X[~train]) > 1).mean() < 0.1
    assert (reference.distance(X[~train] + 10.0) > 1).all()


def test_the_scale_is_between_subjects_not_between_cells():
    X, subjects = patients(np.random.default_rng(1))
    by_subject = TrainingReference().fit(X, subjects)
    by_cell = TrainingReference().fit(X)
    assert by_subject.scale_ > by_cell.scale_


def test_state_survives_as_arrays():
    X, subjects = patients(np.random.default_rng(2))
    reference = TrainingReference(n_neighbors=3).fit(X, subjects)
    again = TrainingReference.from_arrays(reference.arrays())
    np.testing.assert_array_equal(again.distance(X[:9]), reference.distance(X[:9]))


def test_a_large_training_set_is_sampled_evenly_over_subjects():
    rng = np.random.default_rng(3)
    subjects = np.repeat([0, 1, 2], [900, 60, 40])
    X = rng.normal(size=(1000, 5)) + 100 * subjects[:, None]
    reference = TrainingReference(max_cells=120).fit(X, subjects)
    centres = reference._project(np.array([[0.0] * 5, [100.0] * 5, [200.0] * 5]))
    nearest = np.abs(reference.cells_[:, None, 0] - centres[None, :, 0]).argmin(axis=1)
    assert np.bincount(nearest).tolist() == [40, 40, 40]


def test_cells_of_one_subject_are_measured_against_each_other():
    X = np.random.default_rng(4).normal(size=(150, 8)).astype(np.float32)
    train, new = X[:100], X[100:]
    with pytest.warns(UserWarning, match="All 100 training cells are of one subject"):
        reference = TrainingReference().fit(train, ["P1"] * 100)
    assert (reference.distance(new) > 1).mean() < 0.1
    assert (reference.distance(new + 20.0) > 1).all()


@pytest.mark.parametrize("groups", [None, [1, 1, 2]])
def test_a_handful_of_cells_is_enough_to_fit(groups):
    X = np.arange(6, dtype=float).reshape(3, 2)
    assert np.isfinite(TrainingReference().fit(X[:2]).distance(X)).all()
    assert np.isfinite(TrainingReference().fit(X, groups).distance(X)).all()
