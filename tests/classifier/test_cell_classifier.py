"""Images in, labels out, and a flag on what is no cell."""

import os
import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from leukfeat.classifier import CellClassifier
from leukfeat.classifier.cell_classifier import IN_TRAINING
from leukfeat.data import CellDataset
from leukfeat.exceptions import SpecMismatchError, WeightsError
from leukfeat.features import FeatureSet, FeatureSpec
from leukfeat.heads import fit_head


@pytest.fixture(scope="module")
def classifier(cell_features):
    return CellClassifier(fit_head(cell_features, "logistic_regression", tune=False), cell_features)


def test_images_and_their_features_give_the_same(classifier, cells, cell_features):
    from_images = classifier.predict(cells[:5], progress=False)
    from_features = classifier.predict(cell_features[:5])
    assert from_images["label"].tolist() == from_features["label"].tolist()
    np.testing.assert_allclose(from_images["p_all"], from_features["p_all"], atol=1e-6)
    np.testing.assert_allclose(from_images["p_all"] + from_images["p_hem"], 1)


def test_labels_follow_the_head(classifier, cell_features):
    found = classifier.predict(cell_features)["label"].tolist()
    codes = classifier.head.predict(cell_features)
    assert found == [("hem", "all")[code] for code in codes]


def test_what_is_no_cell_is_flagged(classifier, cells):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    images = [noise, np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 200, np.uint8)]
    table = classifier.predict([*images, *cells.images[:20]], progress=False)
    assert table["far"].tolist()[:3] == [True] * 3
    assert table["reason"].str.contains("empty or of one colour").tolist()[1:3] == [True] * 2
    assert table["far"][3:].mean() < 0.2


def test_a_far_cell_of_the_training_is_said_to_be_both(classifier, cells, cell_features):
    far = cell_features[:3]
    far.X = far.X + np.float32(1e3)
    table = classifier.predict(far)
    assert table["far"].all()
    assert (table["reason"] == f"far from all training cells; {IN_TRAINING}").all()
    assert (classifier.predict(cell_features).query("not far")["reason"] == IN_TRAINING).all()


def test_subjects_are_summed_up(classifier, cells, cell_features):
    table = classifier.predict_subjects(cell_features)
    assert table["cells"].sum() == len(cells)
    assert set(table.index) == set(cells.subjects)
    shares = table[["share_hem", "share_all"]].sum(axis=1).dropna()
    np.testing.assert_allclose(shares, 1)
    with pytest.raises(ValueError, match="subjects of these cells are not known"):
        classifier.predict_subjects(cells.images[:2], progress=False)


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are Unicode")
def test_images_whose_names_are_no_text_have_rows(classifier, cells, tmp_path):
    names = [b"caf\xe9.png", b"\xff.png", b"fine.png"]
    paths = [os.fsdecode(os.fsencode(tmp_path) + b"/" + name) for name in names]
    for path, pixels in zip(paths, cells.images, strict=False):
        with open(path, "wb") as file:
            file.write(cv2.imencode(".png", pixels)[1])
    with open(paths[1], "wb") as file:
        file.write(b"nothing")
    table = classifier.predict(paths, progress=False, errors="skip")
    assert table["image"].tolist() == [paths[0], paths[2], paths[1]]
    assert table["label"].isna().tolist() == [False, False, True]


def test_an_unreadable_image_keeps_its_row(classifier, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    good = tmp_path / "good.png"
    import cv2

    cv2.imwrite(str(good), np.full((64, 64, 3), 90, np.uint8))
    table = classifier.predict([str(bad), str(good)], errors="skip", progress=False)
    assert len(table) == 2
    assert table.set_index("image").loc[str(bad), "label"] is np.nan
    assert "bad.png" in table.set_index("image").loc[str(bad), "reason"]


def test_another_space_and_other_weights_are_refused(classifier, cell_features, tmp_path):
    import dataclasses

    other = cell_features[:2]
    other.spec = dataclasses.replace(other.spec, crop=32)
    with pytest.raises(SpecMismatchError, match="crop"):
        classifier.predict(other)
    import h5py

    h5py.File(tmp_path / "w.h5", "w").close()
    with pytest.raises(WeightsError, match="give the same file"):
        CellClassifier(classifier.head, weights=tmp_path / "w.h5")


def test_labels_that_are_no_positions_are_named(made_features):
    some = made_features[:]
    some.y = np.where(made_features.y == 0, 1, 3)
    some.class_names, some.positive = ("other", "hem", "smudge", "all"), "all"
    head = fit_head(some, "logistic_regression", tune=False, controls=False)
    table = CellClassifier(head).predict(some)
    expected = np.where(head.predict_proba(some)[:, 1] > head.threshold_, "all", "hem")
    assert table["label"].tolist() == expected.tolist()


def test_cells_that_were_not_trained_on_are_no_reference(cell_features):
    subjects, sizes = np.unique(cell_features.subjects, return_counts=True)
    new = subjects[sizes.argmin()]
    train = cell_features.subjects != new
    head = fit_head(cell_features[train], "logistic_regression", tune=False)
    with pytest.raises(
        ValueError, match=rf"{(~train).sum()} of 60 cells.*{new}.*features\[train\]"
    ):
        CellClassifier(head, cell_features)
    some = cell_features[np.flatnonzero(train)[:20]]
    assert CellClassifier(head, some).reference is not None
    renamed = FeatureSet(some.X, ids=some.ids, subjects=["a new one"] * 20, spec=some.spec)
    with pytest.raises(ValueError, match=r"20 of 20 cells.*a new one"):
        CellClassifier(head, renamed)


def test_rows_without_digests_are_known_by_their_values():
    y = np.repeat([0, 1], 20)
    X = np.random.default_rng(0).normal(size=(40, 4)) + y[:, None]
    spec = FeatureSpec(weights="random", weights_digest="random-normal-1:0")
    features = FeatureSet(X, y, spec=spec)
    head = fit_head(features, "logistic_regression", tune=False)
    assert CellClassifier(head, features).reference is not None
    with pytest.raises(ValueError, match="40 of 40 cells in 'features' are not among those"):
        CellClassifier(head, FeatureSet(X + 1, y, spec=spec))


def test_a_head_without_probabilities_is_refused_before_it_predicts(cell_features):
    head = fit_head(cell_features, "svm", tune=False, calibrate=False)
    with pytest.raises(ValueError, match=r"'svm' was fitted without.*calibrate=True"):
        CellClassifier(head, cell_features)


def test_an_image_that_cannot_be_read_keeps_its_subject(classifier, cells, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    some = CellDataset.from_arrays([cells.images[0], str(bad)], subjects=["new", "unlucky"])
    table = classifier.predict(some, errors="skip", progress=False)
    assert table["subject"].tolist() == ["new", "unlucky"]
    assert pd.isna(table["label"].iloc[1])
    by_subject = classifier.predict_subjects(table)
    assert by_subject[["cells", "unread"]].to_numpy().tolist() == [[1, 0], [1, 1]]
