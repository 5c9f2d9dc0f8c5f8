"""A preparation is a part of the feature space: the rows are those of images prepared by hand."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import ImageReadError, SpecMismatchError
from leukfeat.features.cell_reading import network_inputs
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader
from leukfeat.imaging import (
    MacenkoNormalizer,
    Preparation,
    ReinhardNormalizer,
    read_image,
    write_preparation,
)

GIVEN = {"weights": "random", "layers": "conv2", "input_size": 32, "progress": False}
CHAIN = Preparation("shades_of_gray", ("median_blur", {"size": 3}), ("clahe", {}))


def fitted_chain(images):
    return Preparation(ReinhardNormalizer().fit(images), MacenkoNormalizer().fit(images))


def read_steps(features):
    return json.loads(features.spec.preparation)["steps"]


@pytest.fixture(scope="module")
def cells():
    return lf.make_cells(6, 12, size=64, random_state=0)


@pytest.mark.parametrize("views", [1, "dihedral"])
@pytest.mark.parametrize("fitted", [False, True])
def test_rows_are_those_of_images_prepared_by_hand(cells, fitted, views):
    images = [np.asarray(image) for image in cells.images]
    chain = fitted_chain(images[:6]) if fitted else CHAIN
    settings = GIVEN | {"crop": 48, "views": views}
    found = lf.extract_features(cells, preparation=chain, **settings)
    by_hand = lf.extract_features([chain(image) for image in images], **settings)
    plain = lf.extract_features(cells, **settings)
    np.testing.assert_array_equal(found.X, by_hand.X)
    assert not np.allclose(found.X, plain.X, atol=1e-3)
    # The image is still the image that it was.
    assert list(found.ids) == list(plain.ids)
    assert found.controls.equals(plain.controls)
    assert Preparation.from_json(found.spec.preparation) == chain


def test_the_whole_image_is_prepared_before_it_is_cropped(engine, write_images):
    (path,) = write_images(1)
    chain = Preparation(("resize", {"size": [60, 60]}), "invert")
    features = lf.extract_features([path], preparation=chain, crop=30, **GIVEN)
    inputs = network_inputs(chain(read_image(path)), FeatureSpec(crop=30, input_size=(32, 32)))
    np.testing.assert_array_equal(features.X[0], engine.row_of(inputs[0]))


def test_each_preparation_has_its_store(engine, write_images, tmp_path):
    paths, cache = write_images(4), tmp_path / "cache"
    chains = [None, CHAIN, Preparation("invert")]
    rows = [lf.extract_features(paths, cache=cache, preparation=c, **GIVEN).X for c in chains]
    assert engine.computed == 12
    assert len(list(cache.glob("*.h5"))) == 3
    for chain, row in zip(chains, rows, strict=True):
        again = lf.extract_features(paths, cache=cache, preparation=chain, **GIVEN)
        np.testing.assert_array_equal(again.X, row)
    assert engine.computed == 12
    # An empty chain changes nothing, so it is no other space.
    same = lf.extract_features(paths, cache=cache, preparation=Preparation(), **GIVEN)
    assert engine.computed == 12
    assert same.spec.preparation is None
    for store in cache.glob("*.h5"):
        with StoreReader(store) as reader:
            text = reader.spec.preparation
        assert text is None or Preparation.from_json(text) in chains


def test_a_store_of_another_preparation_is_refused(engine, write_images, tmp_path):
    paths, store = write_images(2), tmp_path / "one.h5"
    lf.extract_features(paths, cache=store, preparation=CHAIN, **GIVEN)
    with pytest.raises(
        SpecMismatchError,
        match=r"one\.h5.*another feature space.*preparation: shades_of_gray -> "
        r"median_blur\(size=3\) -> clahe \[\w{8}\] != none",
    ):
        lf.extract_features(paths, cache=store, **GIVEN)
    images = [np.asarray(image) for image in lf.make_cells(4, 4, size=48, random_state=1).images]
    first, other = (Preparation(ReinhardNormalizer().fit(images[i : i + 2])) for i in (0, 2))
    store = tmp_path / "fitted.h5"
    lf.extract_features(paths, cache=store, preparation=first, **GIVEN)
    # Same step, same number of images, other values: the digests tell them apart.
    with pytest.raises(SpecMismatchError, match=r"fitted on 2 images \[\w+\] != reinhard fitted"):
        lf.extract_features(paths, cache=store, preparation=other, **GIVEN)


def test_a_head_refuses_features_prepared_otherwise(cells):
    features = lf.extract_features(cells, preparation=CHAIN, **GIVEN)
    head = lf.fit_head(features, "logistic_regression", tune=False)
    with pytest.raises(SpecMismatchError, match="preparation: shades_of_gray"):
        head.predict(lf.extract_features(cells, **GIVEN))


def test_a_file_says_the_same(engine, write_images, tmp_path):
    paths = write_images(2)
    json_file = write_preparation(CHAIN, tmp_path / "chain.json")
    toml_file = tmp_path / "chain.toml"
    toml_file.write_text(
        'steps = ["shades_of_gray", ["median_blur", {size = 3}], {name = "clahe"}]\n'
    )
    wanted = lf.extract_features(paths, preparation=CHAIN, **GIVEN)
    for file in (json_file, str(json_file), toml_file):
        found = lf.extract_features(paths, preparation=file, **GIVEN)
        assert found.spec == wanted.spec


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("gray_world", r"the name of a step, 'gray_world': give Preparation\('gray_world'\)"),
        ("chain.yaml", r"'chain.yaml' must end in .json or .toml"),
        ("chain.json", "no preparation file 'chain.json'"),
        (3, "Got int instead"),
        (MacenkoNormalizer(), "Got MacenkoNormalizer instead"),
        ([], "Got list instead"),
    ],
)
def test_what_is_no_preparation_is_refused(engine, given, says):
    images = np.zeros((1, 40, 40, 3), np.uint8)
    with pytest.raises(ValueError, match=f"'preparation' parameter.*{says}"):
        lf.extract_features(images, preparation=given, **GIVEN)


@pytest.mark.parametrize("cached", [False, True])
def test_an_image_without_a_cell_is_named_or_left_out(engine, tmp_path, cells, cached):
    paths = []
    blank = np.full((64, 64, 3), 230, np.uint8)
    for i, image in enumerate([cells.images[0], blank, cells.images[1], blank]):
        paths.append(str(tmp_path / f"{i}.png"))
        assert cv2.imwrite(paths[-1], np.asarray(image)[..., ::-1])
    chain = Preparation("cut_out_cell")
    given = GIVEN | {"preparation": chain, "cache": tmp_path / "cache" if cached else None}
    with pytest.raises(ImageReadError, match=r"1\.png.*cannot be prepared.*no white cell.*skip"):
        lf.extract_features(paths, **given)
    for _ in range(2):
        # The copy of what cannot be prepared cannot be prepared either.
        features = lf.extract_features(paths, errors="skip", **given)
        assert len(features) == 2
        assert features.skipped["path"].tolist() == [paths[1], paths[3]]
        assert features.skipped["reason"].str.contains("cut_out_cell found no white cell").all()
    wanted = lf.extract_features([chain(np.asarray(cells.images[i])) for i in (0, 1)], **GIVEN)
    np.testing.assert_array_equal(features.X, wanted.X)
    # Without the preparation every image has its row.
    assert len(lf.extract_features(paths, **GIVEN)) == 4


def test_a_scale_that_is_not_that_of_the_cells_is_refused(engine, cells):
    scale = float(cells.frame["um_per_px"].iloc[0])
    right = Preparation(("rescale", {"um_per_px": scale, "target_um_per_px": 2 * scale}))
    assert len(lf.extract_features(cells, preparation=right, **GIVEN)) == len(cells)
    wrong = Preparation(("crop_window", {"side_um": 5.0, "um_per_px": 1.5 * scale}))
    with pytest.raises(ValueError, match=r"'crop_window'.*12 of 12 cells.*another scale"):
        lf.extract_features(cells, preparation=wrong, **GIVEN)


def test_a_plan_knows_the_space(engine, write_images, tmp_path):
    paths, cache = write_images(3), tmp_path / "cache"
    lf.extract_features(paths, cache=cache, **GIVEN)
    plan = lf.extract_features(paths, cache=cache, preparation=CHAIN, dry_run=True, **GIVEN)
    assert plan.rows_missing == 3
    assert "prepared: shades_of_gray" in plan.spec.summary


def test_a_model_prepares_raw_images_itself(cells, tmp_path):
    images = [np.asarray(image) for image in cells.images]
    chain = fitted_chain(images)
    features = lf.extract_features(cells, preparation=chain, **GIVEN)
    head = lf.fit_head(features, "logistic_regression", tune=False)
    classifier = lf.CellClassifier(head, features)
    path = lf.save_model(classifier, tmp_path / "a.leukfeat")
    chain = None  # what was learnt is in the file
    new = lf.make_cells(4, 6, size=64, random_state=9)
    loaded = lf.load_model(path)
    assert loaded.spec == features.spec
    assert loaded.predict(new, progress=False).equals(classifier.predict(new, progress=False))
    plain = lf.extract_features(new, **GIVEN)
    with pytest.raises(SpecMismatchError, match=r"reinhard fitted on \d+ images -> macenko fitted"):
        loaded.predict(plain)


def test_a_result_says_what_was_fitted_on_images(cells):
    images = [np.asarray(image) for image in cells.images]
    features = lf.extract_features(cells, preparation=fitted_chain(images[:5]), **GIVEN)
    head = lf.fit_head(features, "logistic_regression", tune=False, calibrate=False)
    new = lf.make_cells(6, 12, size=64, random_state=5).prefix_subjects("new ")
    test = lf.CellClassifier(head).extract(new, progress=False)
    (n_images,) = (a["n_images_"] for name, a in read_steps(features) if name == "macenko")
    assert 0 < n_images <= 5
    said = f"preparation: 'macenko' was fitted on {n_images} images, which must not be among these cells"
    assert said in lf.evaluate(head, test).notes
    comparison = lf.cross_validate_heads(
        features, "logistic_regression", n_splits=2, tune=False, calibrate=False
    )
    assert said in comparison.notes
    # What needs no training image needs no word.
    unfitted = lf.extract_features(cells, preparation=CHAIN, **GIVEN)
    comparison = lf.cross_validate_heads(
        unfitted, "logistic_regression", n_splits=2, tune=False, calibrate=False
    )
    assert not any("preparation" in note for note in comparison.notes)


@pytest.mark.parametrize(
    "text",
    [
        "5",
        '{"steps":[],"version":"1"}',
        '{"steps":[3],"version":1}',
        '{"steps":[["invert",3]],"version":1}',
        '{"steps":[["sharpen",{}]],"version":1}',
        '{"steps":[["median_blur",{"size":4}]],"version":1}',
        '{"steps":[["median_blur",{"size":"5"}]],"version":1}',
        '{"steps":[["cut_out_cell",{"method":"magic"}]],"version":1}',
        '{"steps":[["macenko",{"n_images_":1,"__class__":"str"}]],"version":1}',
    ],
)
def test_a_forged_text_is_refused(text):
    with pytest.raises(ValueError, match=r"preparation|step|no values"):
        Preparation.from_json(text)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "{", "cannot be used"),
        ("a.toml", "steps = 3", "needs a list 'steps'"),
        ("a.toml", 'steps = ["invert"]\nhue = 1', "hue"),
        ("a.toml", "steps = [[1, 2]]", "a step must be a name"),
        ("a.json", json.dumps({"steps": ["invert"], "version": 99}), "newer leukfeat"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, name, text, says):
    path = Path(tmp_path, name)
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{name}.*{says}"):
        lf.imaging.read_preparation(path)
