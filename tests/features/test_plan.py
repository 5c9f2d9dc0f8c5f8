"""A dry run: what is missing, what it takes, and what this machine has not for it."""

import dataclasses
import os

import pytest

import leukfeat as lf
from leukfeat.exceptions import WeightsError
from leukfeat.features import extraction_run
from leukfeat.features.engines import installed_engines


def extract(cells, cache=None, **settings):
    return lf.extract_features(cells, cache=cache, weights="random", progress=False, **settings)


def test_dry_run_finds_files_that_are_cut_short(write_images, tmp_path):
    whole, *rest = write_images(3)
    cut = []
    for i, path in enumerate(rest * 6):
        cut.append(str(tmp_path / f"cut{i}.png"))
        with open(path, "rb") as source, open(cut[-1], "wb") as target:
            target.write(source.read()[:-20])
    plan = extract([whole, *cut], tmp_path / "cache", dry_run=True)
    assert (plan.rows_missing, plan.unreadable) == (1, 12)
    assert "cut0.png" in plan.problems[0]
    assert "cut short" in plan.problems[0]
    assert "cut9.png" in str(plan)
    assert "cut10.png" not in str(plan)
    assert "and 2 more" in str(plan)


def test_dry_run_tells_what_is_missing_and_writes_nothing(engine, write_images, tmp_path):
    paths = write_images(10)
    extract(paths[:4], tmp_path / "cache")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    engine.computed = 0
    plan = extract([*paths, paths[9], str(tmp_path / "gone.png")], tmp_path / "cache", dry_run=True)
    assert (plan.images, plan.rows_held, plan.rows_missing, plan.unreadable) == (12, 4, 6, 1)
    assert plan.bytes_to_read == sum(os.path.getsize(path) for path in paths[4:])
    assert 6 * 4 * 2048 < plan.bytes_to_store < 6 * 4 * 2200
    assert plan.seconds > 0
    assert "4 rows held, 6 to compute" in str(plan)
    assert plan.spec.digest[:12] in str(plan)
    assert "must be fetched" in str(dataclasses.replace(plan, fetch_weights=True))
    assert "must be fetched" not in str(dataclasses.replace(plan, fetch_weights=False))
    assert engine.computed == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}


def test_the_time_of_a_plan_is_measured_once_something_ran(engine, write_images, tmp_path):
    paths = write_images(80)
    guessed = extract(paths, dry_run=True)
    assert not guessed.measured
    assert guessed.start_seconds > 1
    assert "nothing measured" in str(guessed)
    extract(paths)
    plan = extract(paths, dry_run=True)
    assert plan.measured
    assert plan.seconds > plan.start_seconds
    assert "images/s, as in the last extraction with this network" in str(plan)
    extract(paths, tmp_path / "cache")
    held = extract(paths, tmp_path / "cache", dry_run=True)
    assert (held.seconds, held.start_seconds) == (0, 0)
    assert "nothing to compute" in str(held)


def test_the_time_of_a_plan_is_that_of_its_device(engine, write_images, monkeypatch):
    monkeypatch.setattr(extraction_run, "load_engine", lambda spec, source, device: engine)
    monkeypatch.setattr(extraction_run, "check_engine", lambda spec, source, device: None)
    paths = write_images(80)
    extract(paths, device="CPU")
    assert extract(paths, device="CPU", dry_run=True).measured
    assert not extract(paths, device="GPU", dry_run=True).measured


def refusal(paths, *cache, **settings):
    with pytest.raises((ValueError, ImportError, WeightsError)) as refused:
        extract(paths, *cache, **settings)
    return type(refused.value), str(refused.value)


@pytest.mark.parametrize("name", ["openvino", "keras"])
def test_a_plan_refuses_a_device_as_the_run_does(name, write_images):
    if name not in installed_engines():
        pytest.skip(f"{name} is not installed")
    given = {"engine": name, "device": "GPU:99"}
    paths = write_images(2)
    assert refusal(paths, dry_run=True, **given) == refusal(paths, **given)
    assert "device='GPU:99' is not there" in refusal(paths, dry_run=True, **given)[1]
