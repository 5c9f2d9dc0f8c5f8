"""The commands do what the calls do; errors are messages and exit codes."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from leukfeat.cli import main
from leukfeat.data import make_cells


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Procedural cells in a folder a class, the subject in the file name."""
    root = tmp_path_factory.mktemp("my cells")
    cells = make_cells(10, 60, size=64, random_state=0)
    for i, (image, label, subject) in enumerate(
        zip(cells.images, cells.y, cells.subjects, strict=True)
    ):
        path = root / cells.class_names[label] / f"{subject}_{i}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), image[:, :, ::-1])
    return root


GIVEN = ["--weights", "random", "--layers", "conv2", "--subject-pattern", "(?P<subject>[^_]+)_"]


@pytest.fixture(autouse=True)
def _small_network(monkeypatch):
    """Shrink the network's input: these tests are about the commands."""
    import leukfeat.features as features

    whole = features.extract_features

    def small(cells, **settings):
        return whole(cells, **({"input_size": 48} | settings), progress=False)

    monkeypatch.setattr(features, "extract_features", small)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, printed.err


@pytest.fixture(scope="module")
def model(folder, tmp_path_factory):
    from leukfeat import CellClassifier, extract_features, fit_head, load_folder, save_model

    cells = load_folder(folder, class_names=["hem", "all"], subject_pattern="(?P<subject>[^_]+)_")
    given = {"weights": "random", "layers": "conv2", "input_size": 48, "progress": False}
    features = extract_features(cells, **given)
    head = fit_head(features, "logistic_regression", tune=False)
    return save_model(CellClassifier(head, features), tmp_path_factory.mktemp("m") / "a.leukfeat")


def test_extract_then_again_from_the_cache(folder, tmp_path, capsys):
    cache = tmp_path / "cache"
    arguments = ["extract", folder, "--cache", cache, "--weights", "random", "--layers", "conv2"]
    code, out, _ = run(capsys, *arguments, "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["rows_missing"] == 60
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    assert json.loads(out)["cells"] == 60
    _, out, _ = run(capsys, *arguments, "--dry-run", "--json")
    assert json.loads(out)["rows_missing"] == 0


def test_fit_writes_a_model_that_predicts(folder, tmp_path, capsys):
    model = tmp_path / "model.leukfeat"
    code, out, err = run(
        capsys,
        "fit",
        folder,
        "-o",
        model,
        "--head",
        "logistic_regression",
        "--positive",
        "all",
        *GIVEN,
    )
    assert code == 0, err
    assert "leukfeat evaluate" in out
    assert model.exists()


def test_predict_writes_a_table(folder, model, tmp_path, capsys):
    table = tmp_path / "predictions.csv"
    code, out, err = run(capsys, "predict", model, folder, "-o", table, "--json")
    assert code == 0, err
    written = pd.read_csv(table)
    assert len(written) == 60
    assert {"label", "p_all", "distance", "far"} <= set(written.columns)
    assert len(json.loads(out)["cells"]) == 60


def test_export_writes_what_is_known_and_what_is_predicted(folder, model, tmp_path, capsys):
    given = ["--subject-pattern", "(?P<subject>[^_]+)_"]
    code, _, err = run(capsys, "export", folder, "-o", tmp_path / "cells.csv", *given)
    assert code == 0, err
    assert {"image", "label", "subject"} <= set(pd.read_csv(tmp_path / "cells.csv").columns)
    table = tmp_path / "predicted.csv"
    code, _, err = run(capsys, "export", folder, "-o", table, "--model", model, *given)
    assert code == 0, err
    written = pd.read_csv(table)
    assert set(written["predicted"]) <= {"hem", "all"}
    assert len(written) == 60


def test_evaluate_compares_heads_by_subject(folder, tmp_path, capsys):
    code, out, err = run(
        capsys,
        "evaluate",
        folder,
        "--heads",
        "logistic_regression",
        "--n-splits",
        "3",
        "--positive",
        "all",
        "-o",
        tmp_path / "figures",
        *GIVEN,
    )
    assert code == 0, err
    assert "split by subject" in out
    assert "colour only" in out
    assert (tmp_path / "figures" / "results.md").exists()


def test_evaluate_refuses_a_model_on_its_training_cells(folder, model, capsys):
    code, _, err = run(
        capsys,
        "evaluate",
        folder,
        "--model",
        model,
        "--layout",
        "folder",
        "--subject-pattern",
        "(?P<subject>[^_]+)_",
    )
    assert code == 1
    assert "training" in err


def test_evaluate_does_not_ignore_settings_beside_a_model(folder, model, capsys):
    code, _, err = run(capsys, "evaluate", folder, "--model", model, "--split", "random")
    assert code == 2
    assert "--split cannot be given with" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["extract", "nowhere", "--cache", "c"], 1, "does not exist"),
        (["extract", "."], 2, "--cache is needed"),
        (["extract"], 2, "Missing argument"),
        (["predict", "none.leukfeat", "."], 1, "no model file"),
        (["no-such-command"], 2, "No such command"),
        (["fit", ".", "-o", "none/such/model"], 2, "no folder"),
    ],
)
def test_errors_are_messages(arguments, code, says, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, out, err = run(capsys, *arguments)
    assert found == code
    assert says in " ".join(err.split())
    assert "Traceback" not in out + err


def test_version_and_help(capsys):
    assert run(capsys, "--version")[1].startswith("leukfeat 0.")
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in ("extract", "fit", "evaluate", "predict", "demo"):
        assert command in out


def test_an_image_that_cannot_be_read(folder, tmp_path, capsys):
    bad = tmp_path / "cells"
    bad.mkdir()
    (bad / "a.png").write_bytes(b"no image")
    cv2.imwrite(str(bad / "b.png"), np.full((64, 64, 3), 80, np.uint8))
    arguments = ["extract", bad, "--cache", tmp_path / "c", "--weights", "random"]
    code, _, err = run(capsys, *arguments, "--layers", "conv2")
    assert code == 1
    assert "a.png" in err
    code, out, err = run(capsys, *arguments, "--layers", "conv2", "--skip-bad-images")
    assert code == 0
    assert "left out: " in err
    assert "1 cells" in out


def test_a_network_of_fit_cnn_is_sent_to_python(folder, model, monkeypatch, capsys):
    import leukfeat.classifier

    monkeypatch.setattr(leukfeat.classifier, "load_model", lambda path: object())
    code, _, err = run(capsys, "predict", model, folder)
    assert code == 1
    assert "holds a network of fit_cnn" in err
