"""Joined features: the same cells by key, one space, and heads that refuse any other."""

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import SpecMismatchError
from leukfeat.features.space_json import space_from_json


@pytest.fixture(scope="module")
def cells():
    return lf.make_cells(10, 60, size=72, random_state=0)


@pytest.fixture(scope="module")
def shape(cells):
    return lf.extract_handcrafted(cells, "shape", progress=False)


@pytest.fixture(scope="module")
def colour(cells):
    return lf.extract_handcrafted(cells, "colour", progress=False)


@pytest.fixture(scope="module")
def deep(cells):
    """Features as a network might give them, under the keys of the cells."""
    rng = np.random.default_rng(0)
    base = lf.extract_handcrafted(cells, "colour", segmentation="none", progress=False)
    return lf.FeatureSet(
        rng.normal(size=(len(cells), 12)) + base.y[:, None],
        base.y,
        subjects=base.subjects,
        ids=base.ids,
        controls=base.controls,
        class_names=base.class_names,
        positive=base.positive,
        spec=lf.FeatureSpec(weights="random", weights_digest="random-normal-1:0"),
        name=base.name,
    )


def test_columns_stand_side_by_side_under_their_names(deep, shape):
    both = lf.join_features(deep, shape)
    np.testing.assert_array_equal(both.X, np.hstack([deep.X, shape.X]))
    assert both.feature_names[:2] == ("resnet50-avg_pool_0", "resnet50-avg_pool_1")
    assert both.feature_names[12:] == shape.feature_names
    assert both.get_feature_names_out().tolist() == list(both.feature_names)
    assert both.spec.parts == (deep.spec, shape.spec)
    assert both[3:7].feature_names == both.feature_names
    assert both.subjects.tolist() == deep.subjects.tolist()
    assert both.positive == deep.positive


def test_cells_are_matched_by_key_in_any_order(deep, shape):
    order = np.random.default_rng(1).permutation(len(shape))
    np.testing.assert_array_equal(
        lf.join_features(deep, shape[order]).X, lf.join_features(deep, shape).X
    )
    turned = lf.join_features(deep[order], shape)
    np.testing.assert_array_equal(turned.X, lf.join_features(deep, shape).X[order])


def test_an_image_that_is_there_twice_is_matched_twice(deep, shape):
    twice = np.array([0, 1, 1, 2])
    joined = lf.join_features(deep[twice], shape[:3])
    np.testing.assert_array_equal(joined.X[:, 12:], shape.X[twice])


def test_other_cells_are_refused(deep, shape):
    with pytest.raises(ValueError, match="5 of 60 cells of the first"):
        lf.join_features(deep, shape[5:])
    with pytest.raises(ValueError, match="5 of those are not among the first"):
        lf.join_features(deep[5:], shape)


def test_contradicting_labels_and_subjects_are_refused(deep, shape):
    wrong = shape[np.arange(len(shape))]
    wrong.y = 1 - wrong.y
    with pytest.raises(ValueError, match="'y' of 60 cells contradicts"):
        lf.join_features(deep, wrong)
    wrong = shape[np.arange(len(shape))]
    wrong.subjects = wrong.subjects[::-1]
    with pytest.raises(ValueError, match="'subjects' of"):
        lf.join_features(deep, wrong)


def test_what_cannot_be_joined_is_named(deep, shape):
    with pytest.raises(ValueError, match="two feature sets"):
        lf.join_features(deep)
    with pytest.raises(ValueError, match="each once"):
        lf.join_features(deep, shape, shape)
    with pytest.raises(TypeError, match="ndarray at position 1"):
        lf.join_features(deep, shape.X)
    with pytest.raises(ValueError, match="no ids or no spec"):
        lf.join_features(deep, lf.FeatureSet(shape.X))


def test_a_join_of_joins_is_flat_and_reads_back(deep, shape, colour):
    flat = lf.join_features(deep, shape, colour)
    nested = lf.join_features(lf.join_features(deep, shape), colour)
    assert nested.spec == flat.spec
    np.testing.assert_array_equal(nested.X, flat.X)
    assert space_from_json(flat.spec.to_json()) == flat.spec
    assert flat.spec.digest != lf.join_features(shape, deep, colour).spec.digest


def test_equal_names_are_told_apart(deep, cells):
    other = deep[np.arange(len(deep))]
    other.spec = lf.FeatureSpec(weights="random", weights_digest="random-normal-1:1")
    names = lf.join_features(deep, other).feature_names
    assert len(set(names)) == 24


def test_a_head_refuses_another_space_and_takes_another_engine(deep, shape, colour):
    head = lf.fit_head(lf.join_features(deep, shape), "logistic_regression", tune=False)
    for wrong in (
        deep,
        shape,
        lf.join_features(shape, deep),
        lf.join_features(deep, colour),
        lf.join_features(deep, shape, colour),
    ):
        with pytest.raises(SpecMismatchError):
            head.predict(wrong)
    other = deep[np.arange(len(deep))]
    other.spec = lf.FeatureSpec(
        weights="random", weights_digest="random-normal-1:0", engine="openvino"
    )
    assert len(head.predict(lf.join_features(other, shape))) == len(deep)


def test_evaluation_and_cross_validation_take_a_join(deep, shape):
    both = lf.join_features(deep, shape)
    # As many subjects of each class as folds need.
    codes = np.arange(len(both)) % 12
    both.subjects = both.groups = np.array([f"s{code}" for code in codes], object)
    both.y = codes % 2
    both.X[:, 0] += 3 * both.y
    test = codes < 4
    head = lf.fit_head(both[~test], "logistic_regression", tune=False)
    result = lf.evaluate(head, both[test])
    assert 0.5 < result["accuracy"].estimate <= 1
    compared = lf.cross_validate_heads(both, ["logistic_regression"], n_splits=2, tune=False)
    assert compared["logistic_regression"]["balanced_accuracy"].estimate > 0.5


@pytest.mark.parametrize("kind", ["handcrafted", "joined"])
def test_a_model_file_classifies_images(cells, kind, tmp_path, engine):
    features = lf.extract_handcrafted(cells, ["texture", "shape"], progress=False)
    if kind == "joined":
        features = lf.join_features(
            lf.extract_features(cells, weights="random", progress=False), features
        )
    head = lf.fit_head(features, "logistic_regression", tune=False)
    path = lf.save_model(lf.CellClassifier(head, features), tmp_path / "model.leukfeat")
    loaded = lf.load_model(path)
    assert loaded.spec == features.spec
    table = loaded.predict(cells[:6], progress=False)
    assert table["label"].tolist() == loaded.predict(features[:6])["label"].tolist()
    assert (table["distance"] < 2).all()
    noise = np.random.default_rng(0).integers(0, 256, (72, 72, 3), dtype=np.uint8)
    strange = lf.CellDataset.from_arrays([noise], um_per_px=[0.1])
    assert loaded.predict(strange, progress=False)["far"].tolist() == [True]
    with pytest.raises(ValueError, match="um_per_px"):
        loaded.predict([cells.images[0]], progress=False)


def test_skipped_images_of_a_join_keep_their_row(cells, tmp_path):
    features = lf.extract_handcrafted(cells, "colour", segmentation="background", progress=False)
    other = lf.extract_handcrafted(cells, "shape", unit="px", progress=False)
    both = lf.join_features(features, other)
    head = lf.fit_head(both, "logistic_regression", tune=False)
    (tmp_path / "text.png").write_text("no image")
    table = lf.CellClassifier(head, both).predict(
        [cells.images[0], str(tmp_path / "text.png")], errors="skip", progress=False
    )
    assert len(table) == 2
    assert table["label"].isna().tolist() == [False, True]


def test_weights_for_a_head_without_a_network_are_refused(shape):
    from leukfeat.exceptions import WeightsError

    head = lf.fit_head(shape, "logistic_regression", tune=False)
    with pytest.raises(WeightsError, match="needs no weights file"):
        lf.CellClassifier(head, weights="some.weights.h5")
