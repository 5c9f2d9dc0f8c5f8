"""`leukfeat reproduce` lists, runs, writes, goes on, and says what could not be run."""

import json

import cv2
import pytest

from leukfeat import make_cells
from leukfeat.cli import main
from leukfeat.recipes import list_recipes

RECIPE = """
format = 1
name = "quick"
title = "A quick <b>recipe</b>"
kind = "features"
summary = "Small inputs."
citation = "None"
metrics = ["accuracy", "auroc"]
[features]
backbones = ["resnet50"]
layers = ["conv2"]
input_size = 32
[head]
names = ["logistic_regression"]
tune = false
[split]
theirs = "random"
[[published]]
metric = "accuracy"
value = 0.99
source = "a made figure"
dataset = "not stated"
split = "random"
"""


@pytest.fixture
def quick(tmp_path):
    path = tmp_path / "quick.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cells")
    cells = make_cells(24, 96, size=32)
    for i, (image, label, subject) in enumerate(
        zip(cells.images, cells.y, cells.subjects, strict=True)
    ):
        path = root / cells.class_names[label] / f"{subject}_{i}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image[:, :, ::-1])
    return root


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["reproduce", *map(str, arguments)])
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, printed.err


def test_without_names_the_recipes_are_listed(capsys):
    code, out, _ = run(capsys)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(list_recipes())


def test_a_recipe_on_ones_own_cells(quick, folder, tmp_path, capsys):
    out_folder = tmp_path / "out"
    arguments = [quick, "--data", folder, "--subject-pattern", "(?P<subject>[^_]+)_"]
    arguments += ["--weights", "random", "--n-splits", "2", "--out", out_folder, "--json"]
    code, out, err = run(capsys, *arguments)
    assert code == 0, err
    (one,) = json.loads(out)["recipes"]
    assert {found["mode"] for found in one["results"]} == {"theirs", "group"}
    assert all(found["n_subjects"] == 24 for found in one["results"])
    page = (out_folder / "report.html").read_text()
    assert "A quick &lt;b&gt;recipe" in page
    assert "0.990 (data not stated)" in page
    assert "a made figure" in (out_folder / "report.md").read_text()
    assert {"quick.json", "quick.md", "quick.html"} <= {p.name for p in out_folder.iterdir()}
    _, again, _ = run(capsys, *arguments)
    assert json.loads(again)["recipes"][0]["results"] == one["results"], "times included"


def test_what_cannot_be_run_does_not_stop_the_others(quick, tmp_path, capsys):
    two = tmp_path / "two.toml"
    two.write_text(RECIPE.replace('"quick"', '"two"').replace("resnet50", "vgg16"))
    arguments = [two, "ldsvm", "--weights", f"resnet50={quick}", "--n-splits", "2"]
    code, out, err = run(capsys, *arguments, "--out", tmp_path / "out", "--json")
    assert code == 1
    found = json.loads(out)
    assert [one["recipe"] for one in found["recipes"]] == ["ldsvm"]
    assert "vgg16" in found["failed"]["two"]
    assert "two: could not be run" in err


@pytest.mark.parametrize(
    "error", [FloatingPointError("training has diverged"), MemoryError("64 GB"), ImportError("x")]
)
def test_whatever_stops_one_recipe_the_others_are_run(error, quick, tmp_path, capsys, monkeypatch):
    from leukfeat import recipes

    original = recipes.run_recipe

    def failing(recipe, *arguments, **settings):
        if recipe.name == "quick":
            raise error
        return original(recipe, *arguments, **settings)

    monkeypatch.setattr(recipes, "run_recipe", failing)
    arguments = [quick, "mallick", "--n-splits", "2", "--out", tmp_path / "out", "--json"]
    code, out, _ = run(capsys, *arguments)
    assert code == 1
    found = json.loads(out)
    assert [one["recipe"] for one in found["recipes"]] == ["mallick"]
    assert found["failed"] == {"quick": str(error)}


def test_one_variant_of_a_grid(tmp_path, capsys):
    arguments = ["ldsvm", "--variant", "decision*", "--n-splits", "2", "--out", tmp_path, "--json"]
    code, out, err = run(capsys, *arguments)
    assert code == 0, err
    (one,) = json.loads(out)["recipes"]
    assert {found["variant"] for found in one["results"]} == {"decision_tree"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["resnet"], 1, "There is no recipe 'resnet'"),
        (["cnn", "--weights", "a.h5", "--weights", "b.h5"], 2, "--weights is given once"),
        (["cnn", "--data", "nowhere"], 1, "nowhere"),
        (["--claim", "relu"], 1, "the claims are ['standardisation-raises-accuracy'"),
    ],
)
def test_errors(arguments, code, said, tmp_path, capsys):
    found, _, err = run(capsys, *arguments, "--out", tmp_path)
    assert found == code
    assert said in " ".join(err.replace("│", " ").split())


def test_claims_are_told_masks_epochs_and_runs(folder, tmp_path, capsys, monkeypatch):
    from leukfeat import recipes

    given = {}

    def fake(cells, **settings):
        given.update(settings, n_cells=len(cells))
        return recipes.ClaimsResult([], ["made"])

    monkeypatch.setattr(recipes, "try_claims", fake)
    image = next(folder.rglob("*.png"))
    table = tmp_path / "masks.csv"
    table.write_text(f"image,mask\n{image},{image}\n")
    arguments = ["--claims", "--data", folder, "--masks", table, "--epochs", "3", "--n-runs", "2"]
    code, out, err = run(capsys, *arguments, "--out", tmp_path / "out")
    assert code == 0, err
    assert "## Claims put to the test" in out
    assert given["n_cells"] == 96
    assert given["masks"].frame["mask"].tolist() == [str(image)]
    assert given["cnn"] == {"epochs": 3}
    assert given["n_runs"] == 2
    assert given["output"] == tmp_path / "out"
    assert given["names"] is None
    arguments = ["--claim", "relu-fits-closer", "--claim", "irrelevant-features-hurt"]
    code, out, err = run(capsys, *arguments, "--data", folder, "--out", tmp_path / "out")
    assert code == 0, err
    assert given["names"] == ["relu-fits-closer", "irrelevant-features-hurt"]


def test_data_that_are_not_there_say_how_to_get_them_and_what_a_copy_holds(tmp_path, capsys):
    wanted = ["tcia.2019.dc64i46r", "fold_0/all", "10,661 images of 73 subjects", "hem 3,389"]
    (tmp_path / "empty").mkdir()
    for name in ("none", "empty"):
        arguments = ["resnet50-svm", "--data", tmp_path / name, "--out", tmp_path / "out"]
        code, _, err = run(capsys, *arguments)
        assert code == 1
        assert name in err
        assert all(word in " ".join(err.split()) for word in wanted)
    for recipe, said in (("ldsvm", "GSE9476"), ("mallick", "a column 'label'")):
        code, _, err = run(capsys, recipe, "--data", tmp_path / "none.csv", "--out", tmp_path)
        assert code == 1
        assert said in err
    _, _, err = run(capsys, "liu-hu", "--data", tmp_path / "none", "--out", tmp_path)
    assert "not known here" in err
