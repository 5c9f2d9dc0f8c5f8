"""Measurements of prepared images are those of images prepared by hand, in a space of their own."""

import cv2
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import ImageReadError, SpecMismatchError
from leukfeat.features.space_json import space_from_json
from leukfeat.features.store.maintenance import list_stores
from leukfeat.imaging import Preparation, fit_preparation, write_preparation

CHAIN = Preparation("shades_of_gray", ("median_blur", {"size": 3}))


@pytest.fixture(scope="module")
def cells():
    return lf.make_cells(8, 16, size=72, random_state=0)


def measure(cells, families=("shape", "colour"), **settings):
    return lf.extract_handcrafted(cells, families, progress=False, **settings)


@pytest.mark.parametrize("fitted", [False, True])
def test_rows_are_those_of_images_prepared_by_hand(cells, fitted):
    chain = fit_preparation(cells[:4], "macenko", "cut_out_cell") if fitted else CHAIN
    found = measure(cells, preparation=chain, unit="px")
    by_hand = measure([chain(np.asarray(image)) for image in cells.images], unit="px")
    plain = measure(cells, unit="px")
    np.testing.assert_array_equal(found.X, by_hand.X)
    assert not np.allclose(found.X, plain.X, rtol=1e-3)
    assert list(found.ids) == list(plain.ids)
    assert found.controls.equals(plain.controls)
    assert Preparation.from_json(found.spec.preparation) == chain
    assert space_from_json(found.spec.to_json()) == found.spec


def test_each_preparation_has_its_store_and_a_file_says_the_same(cells, tmp_path):
    cache = tmp_path / "cache"
    file = write_preparation(CHAIN, tmp_path / "chain.json")
    first = measure(cells, "colour", cache=cache)
    prepared = measure(cells, "colour", cache=cache, preparation=CHAIN)
    again = measure(cells, "colour", cache=cache, preparation=file)
    assert prepared.spec == again.spec
    np.testing.assert_array_equal(prepared.X, again.X)
    # No step, no other space: rows that are older than preparations serve.
    empty = measure(cells, "colour", cache=cache, preparation=Preparation(), if_cached="resume")
    assert empty.spec == first.spec
    assert "preparation" not in first.spec.to_json()
    assert sorted(store.rows for store in list_stores(cache)) == [16, 16]
    one = tmp_path / "one.h5"
    measure(cells, "colour", cache=one)
    with pytest.raises(SpecMismatchError, match=r"preparation: none != shades_of_gray -> median"):
        measure(cells, "colour", cache=one, preparation=CHAIN)


def test_a_model_prepares_raw_images_itself(cells, tmp_path):
    chain = fit_preparation(cells, "reinhard")
    deep = {"weights": "random", "layers": "conv2", "input_size": 32, "progress": False}
    joined = lf.join_features(
        lf.extract_features(cells, preparation=CHAIN, **deep),
        measure(cells, preparation=chain),
    )
    head = lf.fit_head(joined, "logistic_regression", tune=False)
    path = lf.save_model(lf.CellClassifier(head, joined), tmp_path / "a.leukfeat")
    new = lf.make_cells(4, 4, size=72, random_state=9)
    table = lf.load_model(path).predict(new, progress=False)
    wanted = lf.join_features(
        lf.extract_features(new, preparation=CHAIN, **deep), measure(new, preparation=chain)
    )
    probabilities = table.filter(like="p_").to_numpy()
    np.testing.assert_allclose(probabilities, head.predict_proba(wanted), atol=1e-6)
    with pytest.raises(SpecMismatchError, match="handcrafted preparation: reinhard fitted on"):
        head.predict(
            lf.join_features(lf.extract_features(new, preparation=CHAIN, **deep), measure(new))
        )
    said = "preparation: 'reinhard' was fitted on 16 images, which must not be among these cells"
    test = lf.CellClassifier(head).extract(new.prefix_subjects("new "), progress=False)
    assert said in lf.evaluate(head, test).notes


def test_lengths_follow_the_scale_of_the_prepared_image(cells):
    scale = float(cells.frame["um_per_px"].iloc[0])
    half = Preparation(("rescale", {"um_per_px": scale, "target_um_per_px": 2 * scale}))
    column = "cell_area_um2"
    areas, halved = (
        found.X[:, found.feature_names.index(column)]
        for found in (measure(cells, "shape"), measure(cells, "shape", preparation=half))
    )
    np.testing.assert_allclose(halved, areas, rtol=0.12)
    # The step names the scale, so that it need not be known of the cells.
    bare = lf.CellDataset.from_arrays([np.asarray(image) for image in cells.images])
    assert column in measure(bare, "shape", preparation=half).feature_names
    stretched = Preparation(("resize", {"size": [64, 64]}))
    assert "cell_area_px2" in measure(cells, "shape", preparation=stretched).feature_names
    with pytest.raises(ValueError, match=r"unit='um'.*stretches them \('resize'\).*unit='px'"):
        measure(cells, "shape", preparation=stretched, unit="um")
    # A step after 'rescale' counts on the scale that it leaves.
    window = ("crop_window", {"side_um": 5.0, "um_per_px": 2 * scale})
    chain = Preparation(("rescale", {"um_per_px": scale, "target_um_per_px": 2 * scale}), window)
    assert len(measure(cells, "colour", preparation=chain)) == len(cells)
    with pytest.raises(ValueError, match=r"'crop_window'.*16 of 16 cells.*another scale"):
        measure(cells, "colour", preparation=Preparation(window))


def test_what_cannot_be_prepared_is_named_or_left_out(cells, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(2)]
    cv2.imwrite(paths[0], np.asarray(cells.images[0])[..., ::-1])
    cv2.imwrite(paths[1], np.full((60, 60, 3), 230, np.uint8))
    chain = Preparation("cut_out_cell")
    with pytest.raises(ImageReadError, match=r"1\.png.*cannot be prepared.*no white cell"):
        measure(paths, preparation=chain)
    found = measure(paths, preparation=chain, errors="skip")
    assert found.skipped["path"].tolist() == [paths[1]]
    assert len(found) == 1


def test_too_large_an_image_may_be_cropped_first(monkeypatch):
    from leukfeat.features.handcrafted import extraction

    monkeypatch.setattr(extraction, "MAX_SEGMENT_PIXELS", 4000)
    large = [np.full((80, 80, 3), 230, np.uint8)]
    with pytest.raises(ImageReadError, match=r"image 0.*6,400 pixels are too many"):
        measure(large, "colour")
    window = Preparation(("crop_window", {"side": 40}))
    assert measure(large, "colour", preparation=window).shape == (1, 81)
