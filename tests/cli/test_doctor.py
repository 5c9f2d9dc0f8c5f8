"""`leukfeat doctor` says what is there, what is missing, and fails where nothing can work."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from leukfeat.cli.doctor import doctor
from leukfeat.features import diagnosis
from leukfeat.features.stock_backbones import BACKBONES


def run(*arguments, code=0):
    app = typer.Typer()
    app.command()(doctor)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.stdout


def test_it_names_packages_engines_and_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path / "not" / "yet"))
    text = run()
    found = json.loads(run("--json"))
    assert found["packages"]["h5py"] in text
    assert found["engines"]
    assert found["cache_folder"] == str(tmp_path / "not" / "yet")
    assert found["cache_is_writable"]
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("offered", [["FP32", "INT8"], ["FP32", "BF16", "INT8"]])
def test_it_says_which_precisions_the_processor_has(offered, monkeypatch):
    core = SimpleNamespace(get_property=lambda place, name: offered)
    openvino = SimpleNamespace(Core=lambda: core)
    monkeypatch.setattr(diagnosis, "installed_engines", lambda: ["openvino", "keras"])
    monkeypatch.setattr(diagnosis, "import_native", lambda name: openvino)
    bfloat16 = ["bfloat16"] if "BF16" in offered else []
    assert json.loads(run("--json"))["precisions"] == ["float32", *bfloat16, "int8"]
    assert ("no instructions for it" in run()) == (not bfloat16)
    monkeypatch.setattr(diagnosis, "installed_engines", lambda: ["keras"])
    assert json.loads(run("--json"))["precisions"] == ["float32"]
    assert "no instructions" not in run()


def test_weights_are_found_where_extraction_looks(monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKFEAT_WEIGHTS_DIR", str(tmp_path))
    file = tmp_path / BACKBONES["resnet50"].imagenet_file
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "empty"))
    assert "resnet50" not in diagnosis.diagnose().weights
    assert any("resnet50" in advice for advice in diagnosis.diagnose().advice)
    file.write_bytes(b"")
    assert diagnosis.diagnose().weights["resnet50"] == str(file)


def test_what_is_missing_becomes_advice(monkeypatch):
    monkeypatch.setattr(diagnosis, "installed_engines", lambda: ["keras"])
    assert any("leukfeat[fast]" in advice for advice in diagnosis.diagnose().advice)
    monkeypatch.setattr(diagnosis, "_usable_cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert any("3 of 4 cores idle" in advice for advice in diagnosis.diagnose().advice)


@pytest.mark.parametrize(
    ("value", "told"), [("xyz", True), ("4", False), ("2,2", False), ("", True)]
)
def test_a_limit_on_threads_that_is_no_number_is_told(monkeypatch, value, told):
    monkeypatch.setattr(diagnosis, "_usable_cores", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert any("is no number of threads" in said for said in diagnosis.diagnose().advice) == told


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_place_that_only_looks_writable_is_not(monkeypatch):
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", "/proc/xx")
    assert "NOT writable" in run(code=1)


@pytest.mark.parametrize("what", ["no engine", "a file"])
def test_what_cannot_work_is_a_problem_and_an_exit_code(monkeypatch, tmp_path, what):
    if what == "no engine":
        monkeypatch.setattr(diagnosis, "installed_engines", list)
    else:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path / "file"))
    assert "problem" in run(code=1)


def test_stores_that_cannot_be_used_are_shown(tmp_path):
    assert "0 in" in run("--cache", tmp_path)
    (tmp_path / "a.h5").write_bytes(b"no store")
    assert "a.h5" in run("--cache", tmp_path, code=1)
