import numpy as np
import pytest

from leukfeat import CellDataset
from leukfeat.cnn import fit_cnn, read_cells
from leukfeat.cnn.fitting import _channel_moments
from leukfeat.cnn.sides import _set_aside
from leukfeat.exceptions import LeakageError
from leukfeat.heads.training_data import digest_of


def test_subjects_set_aside_are_not_trained_on(discs):
    images = read_cells(discs, input_size=(16, 16))
    training, held_out, notes = _set_aside(images, 0.2, "group", 0)
    assert not set(training.subjects) & set(held_out.subjects)
    assert set(held_out.y) == {0, 1}
    assert len(held_out) == pytest.approx(0.2 * len(images), abs=8)
    assert notes == ()
    training, by_cell, notes = _set_aside(images, 0.2, "random", 0)
    assert set(training.subjects) & set(by_cell.subjects)
    assert "both sides" in notes[0]


def test_all_that_was_seen_is_remembered(trained, discs):
    assert trained.train_subjects_ == {digest_of(s) for s in discs.subjects}
    assert len(trained.train_ids_) == len(discs)
    assert trained.record.n_training + trained.record.n_validation == len(discs)


def test_without_subjects_the_result_says_so(discs, small):
    frame = discs.frame.drop(columns="subject")
    nameless = CellDataset(frame, class_names=discs.class_names, positive="all")
    cnn = fit_cnn(nameless[:40], epochs=1, augmentation=None, **small)
    assert "no subjects" in cnn.split_note_
    assert cnn.train_subjects_ == frozenset()


def test_cells_must_be_labelled_and_of_two_classes(discs, small):
    unlabelled = discs.frame
    unlabelled.loc[3, "label"] = -1
    with pytest.raises(ValueError, match="1 of 80 in 'discs' have no label"):
        fit_cnn(CellDataset(unlabelled, class_names=discs.class_names, name="discs"), **small)
    with pytest.raises(ValueError, match=r"two classes or more.*'hem'"):
        fit_cnn(discs.select(label="all"), **small)
    with pytest.raises(ValueError, match="'split' must be"):
        fit_cnn(discs, split="official", **small)
    with pytest.raises(ValueError, match="no setting"):
        fit_cnn(discs, epoch=3, **small)


def test_validation_cells_of_training_subjects_are_refused(discs, other_discs, small):
    with pytest.raises(LeakageError, match="subject"):
        fit_cnn(discs[:40], validation=discs[40:], **small)
    renamed = CellDataset.from_arrays(
        discs.images[:10], discs.y[:10], [f"new {i}" for i in range(10)],
        class_names=discs.class_names, positive="all",
    )  # fmt: skip
    with pytest.raises(LeakageError, match="image"):
        fit_cnn(discs[:40], validation=renamed, **small)
    turned = CellDataset(other_discs.frame, class_names=("all", "hem"), positive="all")
    with pytest.raises(ValueError, match="'validation' has"):
        fit_cnn(discs[:40], validation=turned, **small)
    cnn = fit_cnn(discs[:40], validation=other_discs, epochs=1, augmentation=None, **small)
    assert (cnn.record.n_training, cnn.record.n_validation) == (40, 30)


def test_images_read_for_another_network_are_refused(discs, small):
    images = read_cells(discs[:8], input_size=(32, 32), crop=20)
    with pytest.raises(ValueError, match="crop=20"):
        fit_cnn(images, **small)


def test_channel_moments_are_numpys(discs):
    images = read_cells(discs, input_size=(16, 16))
    means, variances = _channel_moments(images)
    np.testing.assert_allclose(means, images.X.mean(axis=(0, 1, 2)), rtol=1e-9)
    np.testing.assert_allclose(variances, images.X.var(axis=(0, 1, 2)), rtol=1e-6)
