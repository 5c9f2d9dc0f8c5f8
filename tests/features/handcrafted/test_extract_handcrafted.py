"""extract_handcrafted: cached, resumed, skipped and named like deep features."""

import dataclasses
import os

import cv2
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import CacheError, ImageReadError, SpecMismatchError
from leukfeat.features.handcrafted import engine as engine_file
from leukfeat.features.handcrafted import extraction as extraction_file
from leukfeat.features.handcrafted.measuring import find_masks, measure_cell
from leukfeat.features.space_json import space_from_json
from leukfeat.features.store import StoreReader
from leukfeat.features.store.maintenance import list_stores
from leukfeat.imaging import PixelSVM, Preparation
from leukfeat.imaging.controls import measure_controls
from leukfeat.imaging.pixel_key import pixel_key


def extract(cells, *families, **settings):
    chosen = families or ("shape", "colour")
    return lf.extract_handcrafted(cells, chosen, progress=False, **settings)


@pytest.fixture(scope="module")
def cells():
    return lf.make_cells(4, 10, size=90, random_state=0)


@pytest.fixture
def paths(cells, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    names = [str(folder / f"{i}.png") for i in range(len(cells))]
    for name, image in zip(names, cells.images, strict=True):
        assert cv2.imwrite(name, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return names


@pytest.fixture
def counted(monkeypatch):
    """Count the images that are measured."""
    seen = []

    def measure(image, spec):
        seen.append(image.shape)
        return measure_cell(image, spec)

    monkeypatch.setattr(engine_file, "measure_cell", measure)
    return seen


def test_rows_are_what_the_public_functions_measure(cells):
    found = extract(cells, "texture", "shape", "colour")
    for i in (0, 7):
        image = cells.images[i]
        cell, nucleus = find_masks(image, "default")
        scale = cells.frame["um_per_px"].iloc[i]
        expected = [
            lf.texture_features(image, cell),
            lf.shape_features(cell, nucleus, image=image, um_per_px=scale),
            lf.colour_features(image, cell),
        ]
        assert list(found.feature_names) == [n for part in expected for n in part.index]
        np.testing.assert_array_equal(found.X[i], np.concatenate(expected))
        np.testing.assert_array_equal(found.controls.iloc[i], measure_controls(image))
    assert found.subjects.tolist() == cells.subjects.tolist()
    assert found.y.tolist() == cells.y.tolist()


def test_keys_are_those_of_deep_features(cells, paths):
    expected = [pixel_key(image).hex() for image in cells.images]
    assert extract(cells).ids.tolist() == expected
    assert extract(paths).ids.tolist() == expected


def test_a_plan_counts_the_processes(cells):
    one, two = (extract(cells, dry_run=True, n_jobs=n) for n in (1, 2))
    assert not two.measured
    assert one.seconds == pytest.approx(2 * two.seconds)


def test_a_second_call_measures_nothing(paths, tmp_path, counted):
    first = extract(paths, cache=tmp_path / "cache")
    assert len(counted) == len(paths)
    moved = [os.rename(path, path + ".moved.png") or path + ".moved.png" for path in paths]
    again = extract(moved[::-1], cache=tmp_path / "cache")
    assert len(counted) == len(paths)
    np.testing.assert_array_equal(again.X, first.X[::-1])


def test_equal_images_are_measured_once(cells, counted):
    images = [cells.images[0], cells.images[1], cells.images[0].copy()]
    found = extract(images)
    assert len(counted) == 2
    np.testing.assert_array_equal(found.X[0], found.X[2])


def test_a_stopped_run_goes_on_where_it_was(paths, tmp_path, counted):
    broken = [*paths[:6], str(tmp_path / "none.png"), *paths[6:]]
    with pytest.raises(ImageReadError, match=r"none\.png"):
        extract(broken, cache=tmp_path / "cache")
    before = len(counted)
    assert 0 < before < len(paths)
    extract(paths, cache=tmp_path / "cache")
    assert len(counted) == len(paths)


def test_skipped_images_are_listed(paths, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    found = extract([*paths, str(tmp_path / "text.png")], errors="skip")
    assert len(found) == len(paths)
    assert found.skipped["path"].tolist() == [str(tmp_path / "text.png")]


def test_an_image_too_large_to_segment_is_skipped_or_raised(paths, monkeypatch):
    monkeypatch.setattr(extraction_file, "MAX_SEGMENT_PIXELS", 8000)
    with pytest.raises(ImageReadError, match="too many to be segmented"):
        extract(paths)
    large = np.zeros((100, 100, 3), np.uint8)
    small = np.zeros((20, 20, 3), np.uint8)
    found = extract([large, small, large], errors="skip")
    assert len(found) == 1
    assert found.skipped["path"].tolist() == ["image 0", "image 2"]
    assert len(extract([large], segmentation="background")) == 1


def test_overwrite_error_and_dry_run(paths, tmp_path, counted):
    cache = tmp_path / "cache"
    plan = extract(paths, cache=cache, dry_run=True)
    assert (plan.rows_held, plan.rows_missing) == (0, len(paths))
    assert plan.bytes_to_store > 4 * 107 * len(paths)
    assert not cache.exists()
    extract(paths, cache=cache)
    assert extract(paths, cache=cache, dry_run=True).rows_held == len(paths)
    with pytest.raises(CacheError, match="if_cached='error'"):
        extract(paths, cache=cache, if_cached="error")
    extract(paths[:3], cache=cache, if_cached="overwrite")
    assert len(counted) == len(paths) + 3


def test_processes_give_the_same_rows_in_the_same_order(cells):
    np.testing.assert_array_equal(extract(cells, n_jobs=2).X, extract(cells).X)


def test_no_more_than_a_few_images_are_in_memory(monkeypatch):
    alive, most = [], 0

    class Watched(engine_file.HandcraftedEngine):
        def stream(self, inputs, batch_size):
            def noted():
                nonlocal most
                for image in inputs:
                    alive.append(1)
                    most = max(most, len(alive))
                    yield image

            for row in super().stream(noted(), batch_size):
                alive.pop()
                yield row

    monkeypatch.setattr(extraction_file, "HandcraftedEngine", Watched)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(200)]
    extract(images, "colour", segmentation="none")
    assert most <= 4


def test_lengths_are_in_micrometres_only_where_every_scale_is_known(cells, tmp_path):
    cache = tmp_path / "cache"
    pixels = extract(cells, "shape", cache=cache, unit="px")
    scaled = extract(cells, "shape", cache=cache)
    assert (pixels.spec.unit, scaled.spec.unit) == ("px", "um")
    place = scaled.feature_names.index("cell_area_um2")
    scale = cells.frame["um_per_px"].to_numpy()
    np.testing.assert_allclose(scaled.X[:, place], pixels.X[:, place] * scale**2, rtol=1e-6)
    assert [store.spec.unit for store in list_stores(cache)] == ["px"]
    bare = lf.CellDataset.from_arrays(list(cells.images))
    assert extract(bare, "shape").spec.unit == "px"
    with pytest.raises(ValueError, match="um_per_px"):
        extract(bare, "shape", unit="um")
    with pytest.raises(ValueError, match="'unit'"):
        extract(bare, "shape", unit="mm")


def test_a_head_on_micrometres_refuses_pixels(cells):
    head = lf.fit_head(extract(cells), "logistic_regression", tune=False, calibrate=False)
    with pytest.raises(SpecMismatchError, match="unit: 'um' != 'px'"):
        head.predict(extract(cells, unit="px"))


def test_every_space_has_a_store_of_its_own(cells, tmp_path):
    cache = tmp_path / "cache"
    spaces = [
        {"families": "colour"},
        {"families": "shape"},
        {"families": ["shape", "colour"]},
        {"families": "colour", "segmentation": "background"},
        {"families": "texture"},
        {"families": "texture", "texture": lf.TextureSettings(grey_levels=16)},
    ]
    for space in spaces:
        lf.extract_handcrafted(cells[:2], cache=cache, progress=False, **space)
    stores = list_stores(cache)
    assert len(stores) == len(spaces)
    assert len({store.spec.digest for store in stores}) == len(spaces)
    one = tmp_path / "one.h5"
    extract(cells[:2], "colour", cache=one)
    with pytest.raises(SpecMismatchError, match="families"):
        extract(cells[:2], "shape", cache=one)
    with pytest.raises(SpecMismatchError, match="features: "):
        lf.extract_features(cells[:2], cache=one, weights="random", progress=False)


def test_the_order_of_families_makes_no_other_space():
    assert lf.HandcraftedSpec(families=("colour", "shape")) == lf.HandcraftedSpec(
        families=("shape", "colour")
    )


def test_every_setting_is_in_the_digest():
    base = lf.HandcraftedSpec(families=("texture", "shape"))
    other = {
        "families": ("texture",),
        "segmentation": "otsu",
        "texture": lf.TextureSettings(lbp_radii=(1,)),
        "unit": "um",
        "version": 1,
        "preparation": Preparation("invert").to_json(),
    }
    assert set(other) == {field.name for field in dataclasses.fields(base)}
    changed = [dataclasses.replace(base, **{name: value}) for name, value in other.items()]
    digests = {spec.digest for spec in [base, *changed]}
    assert len(digests) == len(other) + 1
    for spec in [base, *changed]:
        assert space_from_json(spec.to_json()) == spec
        assert not spec.is_interchangeable_with(lf.FeatureSpec())
        assert not lf.FeatureSpec().is_interchangeable_with(spec)


def test_the_digest_is_frozen():
    assert lf.HandcraftedSpec(families="colour", version=1).to_json() == (
        '{"families":["colour"],"kind":"handcrafted","segmentation":"default","texture":null,'
        '"unit":"px","version":1}'
    )


@pytest.mark.parametrize(
    "wrong",
    [
        '{"kind":"handcrafted"}',
        '{"kind":"handcrafted","version":99}',
        '{"kind":"handcrafted","version":1,"hue":3}',
        '{"kind":"handcrafted","version":1,"families":["smell"]}',
        '{"kind":"handcrafted","version":1,"texture":{"lbp_radii":[1000000]}}',
        '{"kind":"smell"}',
    ],
)
def test_a_newer_or_wrong_spec_is_refused(wrong):
    with pytest.raises(ValueError, match=r"newer leukfeat|families|lbp_radii|version None"):
        space_from_json(wrong)


def test_wrong_settings_are_named(cells):
    with pytest.raises(ValueError, match="families"):
        extract(cells, "smell")
    with pytest.raises(ValueError, match="families"):
        lf.extract_handcrafted(cells, ())
    with pytest.raises(ValueError, match="segmentation"):
        extract(cells, segmentation="magic")
    with pytest.raises(ValueError, match="'shape' family"):
        extract(cells, "shape", segmentation="none")
    with pytest.raises(ValueError, match="errors"):
        extract(cells, errors="ignore")
    with pytest.raises(TypeError, match="texture"):
        extract(cells, "texture", texture={"lbp_radii": (1,)})


def test_background_of_exact_black_is_the_mask(shared_data):
    paths = sorted((shared_data / "cnmc").glob("*.bmp"))
    if not paths:
        pytest.skip("no C-NMC cells in ../shared/data")
    found = extract(list(map(str, paths)), "shape")
    area = found.X[:, found.feature_names.index("cell_area_px2")]
    foreground = found.controls["foreground_area"].to_numpy()
    np.testing.assert_allclose(area, foreground, rtol=0.02)
    ratio = found.X[:, found.feature_names.index("nucleus_cell_ratio")]
    assert ((ratio > 0.4) & (ratio <= 1)).all()
    plain = extract(list(map(str, paths)), "shape", segmentation="background")
    assert not any(name.startswith("nucleus") for name in plain.feature_names)


def test_an_image_without_a_cell_gives_zeros():
    found = extract([np.full((60, 60, 3), 230, np.uint8)], "texture", "shape", "colour")
    assert not found.X.any()


def test_the_store_says_what_measured(cells, tmp_path):
    extract(cells[:2], cache=tmp_path / "one.h5")
    with StoreReader(str(tmp_path / "one.h5")) as store:
        assert store.spec.label == "handcrafted"
        assert "scikit-image" in store.sessions()[0]


def test_many_images_without_a_cell_are_said(cells, paths, caplog):
    for name in paths[2:4]:
        assert cv2.imwrite(name, np.full((90, 90, 3), 200, np.uint8))
    with caplog.at_level("WARNING", logger="leukfeat"):
        found = extract(paths, "shape")
    assert np.flatnonzero(~found.X.any(axis=1)).tolist() == [2, 3]
    assert f"In 2 of 10 images no cell was found, first in {paths[2]!r}" in caplog.text
    caplog.clear()
    with caplog.at_level("WARNING", logger="leukfeat"):
        extract([*cells.images[:9], np.full((90, 90, 3), 200, np.uint8)], "shape")
        extract([np.zeros((90, 90, 3), np.uint8)], "colour", segmentation="none")
    assert caplog.text == ""
    with caplog.at_level("WARNING", logger="leukfeat"):
        extract([cells.images[0], np.full((90, 90, 3), 200, np.uint8)], "colour")
    assert "In 1 of 2 images no cell was found, first in row 1" in caplog.text


def test_a_pixel_svm_is_refused_with_what_to_do(cells):
    with pytest.raises(ValueError, match=r"segment each image with it.* shape_features"):
        extract(cells, "shape", segmentation=PixelSVM())
