"""A store of an older leukfeat is used; one of a newer is refused in so many words."""

import contextlib
import dataclasses
import json

import h5py
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import CacheError
from leukfeat.features import space, space_json
from leukfeat.features.handcrafted.texture import TextureSettings
from leukfeat.features.joining import JoinedSpec
from leukfeat.features.settings_json import LATER_SETTINGS, plain_settings
from leukfeat.features.space_json import space_from_json
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter, format_check, layout
from leukfeat.features.store.maintenance import merge_stores, repair_store, verify_store
from leukfeat.heads import control_columns
from leukfeat.imaging.controls import CONTROL_COLUMNS

SPECS = (FeatureSpec, lf.HandcraftedSpec, JoinedSpec, TextureSettings)


def extract(cells, cache, **settings):
    return lf.extract_features(cells, cache=cache, weights="random", progress=False, **settings)


@contextlib.contextmanager
def newer_version():
    """Know deep features by one more setting, as a later version does."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Newer(FeatureSpec):
        sharpening: float = 0.0

    Newer.__name__ = "FeatureSpec"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LATER_SETTINGS["FeatureSpec"], "sharpening", 0.0)
        patch.setattr(space_json, "FeatureSpec", Newer)
        patch.setattr(space, "FeatureSpec", Newer)
        yield Newer


@contextlib.contextmanager
def older_controls(monkeypatch, n_columns=17):
    """Write stores as a version did that measured fewer controls, and numbered no rules."""
    with monkeypatch.context() as patch:
        for module in (format_check, layout):
            patch.setattr(module, "CONTROL_COLUMNS", CONTROL_COLUMNS[:n_columns])
        whole = format_check.dataset_layout
        for module in (format_check, layout):
            patch.setattr(module, "dataset_layout", lambda n, k=n_columns: whole(n, k))
        yield


def old_store(path, monkeypatch, n=4):
    keys = [bytes([i + 1]) * 32 for i in range(n)]
    rows = np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32)
    controls = np.random.default_rng(1).normal(size=(n, 17)).astype(np.float32)
    with older_controls(monkeypatch), StoreWriter(str(path), FeatureSpec()) as writer:
        writer.append(keys, rows, controls, {"keras": "3.6"})
    with h5py.File(path, "r+", libver="latest") as file:
        del file.attrs["controls_version"]
    return rows, controls


def test_every_later_setting_has_its_default_in_the_table():
    for kind in SPECS:
        defaults = {field.name: field.default for field in dataclasses.fields(kind)}
        for name, value in LATER_SETTINGS[kind.__name__].items():
            assert defaults[name] == value, f"{kind.__name__}.{name}"
    assert set(LATER_SETTINGS) == {kind.__name__ for kind in SPECS}


def test_no_other_spec_changes_its_digest_either():
    # Written down before there were later settings; see test_spec.py for those of deep features.
    colour = lf.HandcraftedSpec(families="colour", version=1)
    assert colour.to_json() == (
        '{"families":["colour"],"kind":"handcrafted","segmentation":"default","texture":null,'
        '"unit":"px","version":1}'
    )
    texture = '{"gabor_frequencies":[0.1,0.2,0.4],"gabor_orientations":4,"glcm_distances":[1,2,4]'
    assert texture in lf.HandcraftedSpec(families="texture").to_json()
    deep = FeatureSpec(weights_digest="00")
    joined = JoinedSpec((deep, colour))
    assert joined.to_json() == (
        f'{{"kind":"joined","spaces":[{deep.to_json()},{colour.to_json()}]}}'
    )
    for spec in (deep, colour, joined, lf.HandcraftedSpec()):
        assert space_from_json(spec.to_json()) == spec


def test_a_store_without_the_newest_setting_is_used(engine, write_images, tmp_path):
    paths = write_images(3)
    first = extract(paths, tmp_path / "cache")
    engine.computed = 0
    with newer_version() as newer:
        again = extract(paths, tmp_path / "cache")
        assert engine.computed == 0
        assert np.array_equal(again.X, first.X)
        assert isinstance(again.spec, newer)
        assert again.spec.digest == first.spec.digest
        assert newer(sharpening=0.5).digest != FeatureSpec().digest
        assert space_from_json(newer(sharpening=0.5).to_json()).sharpening == 0.5
        # And back again: what the newer version adds with the setting at its default.
        extract(write_images(4), tmp_path / "cache")
    extract(write_images(4), tmp_path / "cache")
    assert engine.computed == 1


def test_the_digest_is_that_of_what_is_written(tmp_path, engine, write_images):
    extract(write_images(2), tmp_path / "cache")
    (store,) = (tmp_path / "cache").glob("*.h5")
    with h5py.File(store, "r+", libver="latest") as file:
        spec = json.loads(file.attrs["spec"])
        spec["crop"] = 7
        file.attrs["spec"] = np.bytes_(json.dumps(spec).encode())
    with pytest.raises(CacheError, match="does not match its digest"):
        StoreReader(store)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(plain_settings(FeatureSpec()) | {"hue": 1}),
        json.dumps(plain_settings(FeatureSpec()) | {"version": 99}),
        json.dumps(lf.HandcraftedSpec(families="shape").settings() | {"hue": 1}),
        json.dumps(lf.HandcraftedSpec(families="shape").settings() | {"version": 99}),
        json.dumps(
            (given := lf.HandcraftedSpec(families="texture").settings())
            | {"texture": given["texture"] | {"hue": 1}}
        ),
        json.dumps(
            json.loads(JoinedSpec((FeatureSpec(), FeatureSpec(crop=9))).to_json()) | {"hue": 1}
        ),
        '{"kind":"of tomorrow"}',
    ],
)
def test_a_spec_from_the_future_is_refused(text, tmp_path):
    with pytest.raises(ValueError, match="written by a newer leukfeat; install that version"):
        space_from_json(text)


def test_a_store_from_the_future_is_refused(tmp_path):
    path = str(tmp_path / "s.h5")
    with newer_version() as newer, StoreWriter(path, newer(sharpening=1.0)) as writer:
        writer.append([b"k" * 32], np.ones((1, 6), np.float32), np.ones((1, 18), np.float32), {})
    with pytest.raises(CacheError, match=r"unknown settings \['sharpening'\].*newer leukfeat"):
        StoreReader(path)


def test_a_store_with_fewer_controls_is_read_and_added_to(tmp_path, monkeypatch):
    path = tmp_path / "s.h5"
    rows, controls = old_store(path, monkeypatch)
    with StoreReader(path) as store:
        read = store.read(np.arange(4))
        digest = store.content_digest()
    assert not read.damaged.any()
    assert np.array_equal(read.features, rows)
    assert np.array_equal(read.controls[:, :17], controls)
    assert np.isnan(read.controls[:, 17]).all()
    with StoreWriter(str(path), FeatureSpec()) as writer:
        more = np.full((1, 18), 5, np.float32)
        writer.append([b"k" * 32], np.ones((1, 6), np.float32), more, {"keras": "3.15"})
    with StoreReader(path) as store:
        read = store.read(np.arange(5))
        assert [json.loads(text)["keras"] for text in store.sessions()] == ["3.6", "3.15"]
    assert not read.damaged.any()
    assert np.array_equal(read.features[:4], rows)
    assert np.array_equal(read.controls[:4, :17], controls)
    assert np.isnan(read.controls[:4, 17]).all()
    assert (read.controls[4] == 5).all()
    # What it held is the same before and after.
    with StoreWriter(str(path), FeatureSpec()) as writer:
        writer.drop({b"k" * 32})
    with StoreReader(path) as store:
        assert store.content_digest() == digest


def test_maintenance_takes_older_stores(tmp_path, monkeypatch):
    path = tmp_path / "s.h5"
    rows, _ = old_store(path, monkeypatch)
    verify_store(str(path))
    merged = merge_stores([path], tmp_path / "merged.h5")
    assert (merged.rows, merged.rows_damaged) == (4, 0)
    repair_store(str(path))
    for name in (path, tmp_path / "merged.h5"):
        with StoreReader(name) as store:
            assert np.array_equal(store.read(np.arange(4)).features, rows)


def test_controls_by_other_rules_are_not_used(tmp_path, monkeypatch):
    path = tmp_path / "s.h5"
    rows, _ = old_store(path, monkeypatch)
    monkeypatch.setattr(format_check, "CONTROLS_VERSION", 2)
    monkeypatch.setattr(layout, "CONTROLS_VERSION", 2)
    with StoreReader(path) as store:
        read = store.read(np.arange(4))
    assert np.array_equal(read.features, rows)
    assert not read.damaged.any()
    assert np.isnan(read.controls).all()
    with StoreWriter(str(path), FeatureSpec()) as writer:
        more = np.full((1, 18), 5, np.float32)
        writer.append([b"k" * 32], np.ones((1, 6), np.float32), more, {})
    with StoreReader(path) as store:
        controls = store.read(np.arange(5)).controls
    assert np.isnan(controls[:4]).all()
    assert (controls[4] == 5).all()
    monkeypatch.undo()
    with pytest.raises(CacheError, match="newer leukfeat; install that version"):
        StoreReader(path)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ([*CONTROL_COLUMNS, "hue"], r"newer leukfeat \(\['hue'\]\)"),
        (["hue", *CONTROL_COLUMNS[1:]], "other control measurements"),
        (CONTROL_COLUMNS[1:], "other control measurements"),
        (CONTROL_COLUMNS[:9], "'controls' is of another kind"),
        ({"a": 1}, "not named"),
    ],
)
def test_other_control_columns_are_refused(tmp_path, columns, says):
    path = tmp_path / "s.h5"
    with StoreWriter(str(path), FeatureSpec()) as writer:
        writer.append([b"k" * 32], np.ones((1, 6), np.float32), np.ones((1, 18), np.float32), {})
    with h5py.File(path, "r+", libver="latest") as file:
        del file.attrs["control_columns"]
        file.attrs["control_columns"] = np.bytes_(json.dumps(columns).encode())
    with pytest.raises(CacheError, match=says):
        StoreReader(path)


def test_control_heads_say_what_they_miss(engine, write_images, tmp_path):
    features = extract(write_images(4), tmp_path / "cache")
    features.controls.loc[1:2, "border_b"] = np.nan
    # No control head looks at the border.
    assert not control_columns(features.controls).isna().to_numpy().any()
    features.controls.loc[1:2, "height"] = np.nan
    with pytest.raises(ValueError, match=r"2 of 4 cells .*\['height'\].*if_cached='overwrite'"):
        control_columns(features.controls)
    features.y = np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="stored by an older leukfeat"):
        lf.fit_head(features, "logistic_regression", tune=False, calibrate=False, split="random")
