"""A network in 8 bits: calibrated on named cells, kept as one file, a feature space of its own."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import SpecMismatchError, WeightsError
from leukfeat.features.engines import choice
from leukfeat.features.int8_file import write_calibration
from leukfeat.imaging.pixel_key import pixel_key

pytest.importorskip("openvino")
pytest.importorskip("nncf")

SMALL = {"weights": "random", "layers": "conv2", "input_size": 32, "progress": False}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def cells():
    return lf.make_cells(n_subjects=8, n_cells=48, size=48, random_state=0)


@pytest.fixture(scope="module")
def made(cells, tmp_path_factory):
    return lf.calibrate_int8(
        cells[:40], tmp_path_factory.mktemp("int8") / "a.int8", n_images=24, **SMALL
    )


def eight_bits(cells, calibration, **settings):
    return lf.extract_features(
        cells, precision="int8", calibration=calibration, **(SMALL | settings)
    )


def test_rows_are_near_those_in_float32_and_not_the_same(cells, made):
    rows = eight_bits(cells, made.path).X
    float32 = lf.extract_features(cells, **SMALL).X
    apart = np.linalg.norm(rows - float32, axis=1) / np.linalg.norm(float32, axis=1)
    assert 0 < np.median(apart) < 0.2
    assert made.difference == pytest.approx(np.median(apart), rel=0.5)
    np.testing.assert_array_equal(rows, eight_bits(cells, made.path).X)


def test_it_names_the_images_that_were_measured(cells, made):
    known = {pixel_key(image).hex() for image in cells[:40].images}
    assert len(made.images) == 24
    assert set(made.images) <= known
    assert made.versions.keys() >= {"nncf", "openvino"}


def test_it_is_a_feature_space_of_its_own(cells, made, tmp_path):
    rows = eight_bits(cells[:6], made.path, cache=tmp_path)
    lf.extract_features(cells[:6], cache=tmp_path, **SMALL)
    assert len([*tmp_path.glob("*.h5")]) == 2
    assert rows.spec.calibration == made.digest
    assert lf.FeatureSpec.from_json(rows.spec.to_json()) == rows.spec
    float32 = lf.extract_features(cells[:6], **SMALL)
    assert not rows.spec.is_interchangeable_with(float32.spec)
    other = lf.calibrate_int8(cells[40:], tmp_path / "b.int8", **SMALL)
    assert other.digest != made.digest
    assert not rows.spec.is_interchangeable_with(
        dataclasses.replace(rows.spec, calibration=other.digest)
    )


def test_other_settings_than_it_was_made_for_are_refused(cells, made):
    with pytest.raises(SpecMismatchError, match="crop"):
        eight_bits(cells, made.path, crop=40)
    with pytest.raises(SpecMismatchError, match="layers"):
        eight_bits(cells, made.path, layers="conv3")
    assert eight_bits(cells[:2], made.path, views="dihedral").shape == (2, 256)


def test_one_without_the_other_is_refused(cells, made):
    with pytest.raises(ValueError, match="calibrate_int8"):
        lf.extract_features(cells, precision="int8", **SMALL)
    with pytest.raises(ValueError, match=r"a calibration is given.*Say precision='int8' too"):
        lf.extract_features(cells, calibration=made.path, **SMALL)
    with pytest.raises(FileNotFoundError, match=r"no\.int8.*leukfeat\.calibrate_int8"):
        lf.extract_features(cells, precision="int8", calibration="no.int8", **SMALL)
    with pytest.raises(ValueError, match="openvino"):
        eight_bits(cells, made.path, engine="keras")
    with pytest.raises(ValueError, match="n_images"):
        lf.calibrate_int8(cells, "a.int8", n_images=0, **SMALL)


def test_replacing_a_calibration_is_said(tmp_path, caplog):
    given = {"spec": lf.FeatureSpec(), "images": [], "difference": 0.1, "versions": {}}
    first = write_calibration(tmp_path / "a.int8", b"<net/>", b"1", **given)
    write_calibration(tmp_path / "a.int8", b"<net/>", b"1", **given)
    assert not caplog.text
    write_calibration(tmp_path / "a.int8", b"<net/>", b"2", **given)
    assert "a.int8" in caplog.text
    assert first.digest[:16] in caplog.text


def test_a_model_finds_the_network_by_its_digest(cells, made, tmp_path, monkeypatch):
    features = eight_bits(cells, made.path)
    head = lf.fit_head(features, "logistic_regression", tune=False)
    path = lf.save_model(lf.CellClassifier(head, features), tmp_path / "a.leukfeat")
    wanted = head.predict_proba(features)[:, 1]
    model = lf.load_model(path)
    found = model.predict(cells, progress=False)["p_all"]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path / "another machine"))
    with pytest.raises(WeightsError, match="calibration=FILE"):
        model.predict(cells, progress=False)
    again = model.predict(cells, calibration=made.path, progress=False)["p_all"]
    np.testing.assert_allclose(again, wanted, atol=1e-6)


@pytest.mark.parametrize("change", ["cut", "byte", "foreign", "newer", "text"])
def test_damaged_and_foreign_files_are_named(made, tmp_path, change):
    path = tmp_path / "bad.int8"
    content = Path(made.path).read_bytes()
    if change == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif change == "text":
        path.write_text("no calibration")
    else:
        with zipfile.ZipFile(made.path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        if change == "byte":
            members["model.bin"] = members["model.bin"][:-1] + b"\x7f"
        elif change == "newer":
            note = json.loads(members["int8.json"])
            members["int8.json"] = json.dumps({**note, "format": 99}).encode()
        else:
            members["../x"] = b""
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(zipfile.ZipInfo(name), data)
    with pytest.raises(WeightsError, match=r"bad\.int8"):
        lf.read_calibration(path)
    with pytest.raises(FileNotFoundError, match="no int8 calibration"):
        lf.read_calibration(tmp_path / "none.int8")


def test_without_nncf_the_extra_is_named_and_a_calibration_still_serves(cells, made, monkeypatch):
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ImportError, match=r"leukfeat\[int8\]"):
        lf.calibrate_int8(cells, "a.int8", **SMALL)
    assert len(eight_bits(cells[:2], made.path)) == 2


def test_a_plan_refuses_int8_without_its_extra_as_the_run_does(cells, made, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(choice, "_loaded", choice._loaded.__class__())
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "openvino" else find_spec(name)
    )
    for dry_run in (False, True):
        with pytest.raises(ImportError, match=r"^precision='int8' needs.*leukfeat\[fast\]"):
            eight_bits(cells[:2], made.path, dry_run=dry_run)


def test_a_model_is_given_its_network_on_the_command_line(
    cells, made, tmp_path, monkeypatch, capsys
):
    import cv2

    from leukfeat.cli import main

    head = lf.fit_head(eight_bits(cells, made.path), "logistic_regression", tune=False)
    model = str(tmp_path / "m.leukfeat")
    lf.save_model(lf.CellClassifier(head, eight_bits(cells, made.path)), model)
    cv2.imwrite(str(tmp_path / "cell.png"), cells.images[0][..., ::-1])
    # Another machine has no copy, and keeps one once it was given the file.
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path / "another"))
    given = ["predict", model, str(tmp_path / "cell.png")]
    for more, code in (([], 1), (["--calibration", made.path], 0), ([], 0)):
        with pytest.raises(SystemExit) as end:
            main([*given, *more])
        said = capsys.readouterr().err
        assert end.value.code == code, said
        assert ("leukfeat predict MODEL CELLS --calibration FILE" in said) == (code == 1)


def test_the_command_prints_json_alone(cells, tmp_path):
    import cv2

    for i, image in enumerate(cells.images[:8]):
        cv2.imwrite(str(tmp_path / f"{i}.png"), image[..., ::-1])
    options = ["--weights", "random", "--layers", "conv2", "--input-size", "32"]
    program = "from leukfeat.cli import main; main()"
    command = [sys.executable, "-c", program, "calibrate", str(tmp_path), *options]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "c.int8"), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images"] == 8
