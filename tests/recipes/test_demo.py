"""The demo runs from nothing, says which weights it had, and writes what it found."""

import json

import numpy as np
import pytest

from leukfeat.data import CellDataset, make_cells
from leukfeat.exceptions import WeightsError
from leukfeat.recipes.demo import run_demo

HEADS = ["logistic_regression", "svm"]


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Few small cells and a small network: the demo's size is not what is tested."""
    import leukfeat.recipes.demo as module

    whole = module.extract_features

    def small(cells, **settings):
        return whole(cells, layers="conv2", input_size=48, **settings)

    monkeypatch.setattr(module, "extract_features", small)
    monkeypatch.setitem(module.DEMO_SETTINGS, "n_cells", 80)
    monkeypatch.setitem(module.DEMO_SETTINGS, "n_subjects", 12)
    monkeypatch.setitem(module.DEMO_SETTINGS, "size", 64)
    monkeypatch.setenv("LEUKFEAT_OFFLINE", "1")


def test_from_nothing(tmp_path):
    said = []
    demo = run_demo(out=tmp_path / "out", heads=HEADS, progress=False, say=said.append)
    assert "seeded random weights" in demo.weights_note
    assert demo.weights_note in said
    assert {path.name for path in demo.files} == {
        "cells.png",
        "gap.png",
        "results.md",
        "results.json",
        "report.html",
    }
    assert all(path.stat().st_size > 100 for path in demo.files)
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(found["by_subject"]["heads"]) == set(HEADS)
    assert 0.5 < found["oracle_auroc"] < 1
    text = (tmp_path / "out" / "results.md").read_text()
    for words in ("seeded random weights", "colour only", "random split", "Ceiling"):
        assert words in text


def test_the_same_seed_gives_the_same_numbers(tmp_path):
    one, two = (
        run_demo(out=tmp_path / name, heads=["svm"], progress=False, random_state=3)
        for name in ("a", "b")
    )
    assert one.meter.gap.estimate == two.meter.gap.estimate
    np.testing.assert_array_equal(one.features.X, two.features.X)


def test_own_cells_without_subjects(tmp_path):
    cells = make_cells(12, 60, size=64, random_state=1)
    own = CellDataset.from_arrays(cells.images, cells.y, class_names=["hem", "all"])
    demo = run_demo(own, weights="random", out=tmp_path, heads=["svm"], progress=False)
    assert demo.meter is None
    assert demo.oracle_auroc is None
    assert "no subjects" in demo.to_markdown()


def test_own_cells_without_labels_are_refused(tmp_path):
    cells = CellDataset.from_arrays(make_cells(4, 8, size=64).images)
    with pytest.raises(ValueError, match="has no labels"):
        run_demo(cells, out=tmp_path)


def test_a_wrong_weights_file_is_no_reason_to_use_others(tmp_path):
    (tmp_path / "weights.h5").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not HDF5"):
        run_demo(weights=tmp_path / "weights.h5", out=tmp_path, progress=False)


def test_few_cells_where_they_are_asked_for(tmp_path):
    demo = run_demo(n_cells=100, out=tmp_path / "out", heads=["svm"], progress=False)
    assert len(demo.cells) == 100


def test_a_number_of_cells_is_for_procedural_ones(tmp_path):
    with pytest.raises(ValueError, match=r"'n_cells'.*96 or more. Got 95"):
        run_demo(n_cells=95, out=tmp_path / "out")
    cells = make_cells(4, 8, size=32)
    with pytest.raises(ValueError, match="beside cells of your own"):
        run_demo(cells, n_cells=200, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
