"""learning-curve, leakage, transfer, shift and explain, as a user gives them."""

import json
import shutil

import cv2
import numpy as np
import pytest

from leukfeat.cli import main
from leukfeat.data import make_cells

pytestmark = pytest.mark.usefixtures("small_network")

CELLS = ["--subject-pattern", "(?P<subject>[^_]+)_", "--positive", "all"]
GIVEN = ["--weights", "random", "--layers", "conv2", *CELLS]
HEAD = ["--head", "naive_bayes"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, " ".join(printed.err.replace("│", " ").split())


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def others(write_folder, tmp_path_factory):
    """Cells of other subjects than those of `folder`, enough for folds."""
    cells = make_cells(16, 64, size=48, random_state=7)
    return write_folder(tmp_path_factory.mktemp("elsewhere"), cells, prefix="Other")


def test_a_learning_curve(others, cache, tmp_path, capsys):
    asked = ["learning-curve", others, *GIVEN, *HEAD, "--cache", cache, "--fractions", "0.5,1"]
    asked += ["--n-splits", "2", "--metric", "accuracy"]
    code, out, err = run(capsys, *asked, "--json", "-o", tmp_path / "curve")
    assert code == 0, err
    found = json.loads(out)
    points = found["points"]
    assert [point["subjects"] for point in points] == sorted(p["subjects"] for p in points)
    assert len(points) == 2
    assert found["metric"] == "accuracy"
    assert (tmp_path / "curve" / "learning_curve.png").stat().st_size > 1000
    kept = json.loads((tmp_path / "curve" / "learning_curve.json").read_text(encoding="utf-8"))
    assert kept == found
    assert f"Written: {tmp_path / 'curve' / 'learning_curve.png'}" in err
    _, text, _ = run(capsys, *asked)
    assert "64 cells of 16 subjects" in text
    assert "| training subjects | accuracy |" in text


def test_the_leakage_meter(others, cache, tmp_path, capsys):
    asked = ["leakage", others, *GIVEN, *HEAD, "--cache", cache, "--n-splits", "2"]
    code, out, err = run(capsys, *asked, "--json", "-o", tmp_path)
    assert code == 0, err
    found = json.loads(out)
    assert found["gap"]["estimate"] == pytest.approx(
        found["random"]["estimate"] - found["by_subject"]["estimate"]
    )
    assert (tmp_path / "leakage.png").exists()
    bare = [word for word in asked if word not in CELLS[:2]]
    code, _, err = run(capsys, *bare)
    assert code == 1
    assert "needs the subject of each cell" in err


def test_transfer_says_how_far_the_cells_are(folder, others, cache, tmp_path, capsys):
    asked = ["transfer", f"here={folder}", f"there={others}", *GIVEN, "--heads", "naive_bayes"]
    code, out, err = run(capsys, *asked, "--cache", cache, "--json", "-o", tmp_path)
    assert code == 0, err
    found = json.loads(out)
    assert set(found["held_out"]) == set(found["far"]) == {"here", "there"}
    assert all(0 <= part <= 1 for part in found["far"].values())
    assert (tmp_path / "transfer.png").exists()
    _, text, _ = run(capsys, *asked, "--cache", cache)
    assert "| here |" in text
    assert "% of the cells of there lie farther" in text
    code, _, err = run(capsys, "transfer", folder, *GIVEN)
    assert (code, "Two datasets or more" in err) == (2, True)
    code, _, err = run(capsys, "transfer", folder, folder, *GIVEN)
    assert (code, "give them names" in err) == (2, True)


def test_transfer_names_the_images_that_two_sets_share(folder, others, cache, tmp_path, capsys):
    there = tmp_path / "there"
    shutil.copytree(others, there)
    shutil.copy(sorted((folder / "all").glob("*.png"))[0], there / "all" / "Other9_again.png")
    asked = ["transfer", f"here={folder}", f"there={there}", *GIVEN, "--heads", "naive_bayes"]
    code, _, err = run(capsys, *asked, "--cache", cache)
    assert code == 1
    assert "1 image of 'here' is in 'there' too" in err
    assert "--embargo" in err
    assert "--split" not in err
    code, _, err = run(capsys, *asked, "--cache", cache, "--embargo")
    assert code == 0, err


def test_shift_refuses_training_cells_and_tests_others(folder, others, model, tmp_path, capsys):
    asked = ["--kinds", "brightness", "--metric", "accuracy", *CELLS]
    code, _, err = run(capsys, "shift", model, folder, *asked)
    assert code == 1
    assert "10 test subjects were in training" in err
    assert "Traceback" not in err
    code, out, err = run(capsys, "shift", model, others, *asked, "--json", "-o", tmp_path)
    assert code == 0, err
    found = json.loads(out)
    assert [point["amount"] for point in found["points"]] == [0.7, 0.85, 1.0, 1.15, 1.3]
    assert found["n_subjects"] == 16
    assert (tmp_path / "shift.png").exists()
    code, _, err = run(capsys, "shift", model, others, "--kinds", "hue")
    assert (code, "--kinds must be among brightness" in err) == (2, True)


def test_explain_writes_a_picture_a_cell(others, model, tmp_path, capsys):
    cells = tmp_path / "cells"
    shutil.copytree(others, cells)
    (cells / "all" / "A_broken.png").write_bytes(b"no image")
    asked = ["explain", model, cells, "-o", tmp_path / "maps", "--limit", "3"]
    code, _, err = run(capsys, *asked)
    assert code == 1
    assert "A_broken.png" in err
    code, out, err = run(capsys, *asked, "--skip-bad-images", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["class"], found["method"]) == ("all", "gradient")
    assert [row["reason"] == "" for row in found["images"]] == [False, True, True]
    assert "The first 3 of 65 images" in err
    for row in found["images"][1:]:
        height, width, _ = cv2.imread(row["file"]).shape
        assert width >= 600
        assert height >= 300
        assert row["label"] in ("hem", "all")
        assert 0 < row["probability"] < 1
        assert row["distance"] > 0
    assert found["images"][0]["label"] is None
    assert set(found["meaning"]) == {"probability", "strongest place", "distance", "evidence"}
    code, _, err = run(capsys, *asked, "--target", "blast")
    assert (code, "must be one of the classes" in err) == (1, True)
    code, _, err = run(capsys, *asked[:-1], "0")
    assert (code, "--limit" in err) == (2, True)
    code, _, err = run(capsys, *asked, "--method", "gradients")
    assert (code, "must be auto, gradient or occlusion" in err) == (2, True)


def test_explain_says_what_it_knows_of_each_cell(folder, model, tmp_path, capsys):
    """Each number with its meaning; a cell far from the training cells, or one of them, is told."""
    cells = tmp_path / "cells"
    cells.mkdir()
    known = sorted((folder / "all").glob("*.png"))[0]
    shutil.copy(known, cells / "a_known.png")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(cells / "b_$noise$.png"), noise)
    asked = ["explain", model, cells, "-o", tmp_path / "maps", "--method", "occlusion"]
    code, out, err = run(capsys, *asked)
    assert code == 0, err
    for name in ("probability", "strongest place", "distance"):
        assert f"- {name}: " in out
    assert "- evidence: " not in out  # the sum over covers that overlap says nothing
    first, second = out.strip().splitlines()[-2:]
    assert "a_known.png: called '" in first
    assert "Was in the training" in first
    assert "b_$noise$.png: called '" in second
    assert "FAR from all training cells" in second
    assert "FAR" not in first
    assert len([*(tmp_path / "maps").glob("*.png")]) == 2


@pytest.mark.parametrize("command", ["learning-curve", "leakage"])
def test_a_wrong_question_is_a_message(command, others, cache, capsys):
    asked = [command, others, *GIVEN, *HEAD, "--cache", cache, "--n-splits", "2"]
    code, _, err = run(capsys, *asked, "--metric", "auc")
    assert code == 1
    assert "--metric must be one of ['accuracy'" in err
    assert "Got 'auc' instead" in err
    code, _, err = run(capsys, command, others, *GIVEN, "--head", "randomforest")
    assert (code, "Did you mean 'random_forest'" in err) == (2, True)


def test_fractions_are_numbers(others, capsys):
    code, _, err = run(capsys, "learning-curve", others, "--fractions", "half")
    assert (code, "--fractions takes numbers" in err) == (2, True)
