"""The commands do what the calls do; errors are messages and exit codes."""

import json
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import pytest

from leukfeat.cli import main
from leukfeat.cli.advice import in_options
from leukfeat.data import CellDataset, load_folder, make_cells
from leukfeat.data.procedural import write_cnmc_tree
from leukfeat.features.store import StoreReader
from leukfeat.imaging import fit_preparation, read_preparation

pytestmark = pytest.mark.usefixtures("small_network")

GIVEN = ["--weights", "random", "--layers", "conv2", "--subject-pattern", "(?P<subject>[^_]+)_"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, printed.err


def strict_json(text):
    def refuse(name):
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--heads", "svm,randomforest"], "Did you mean 'random_forest'"),
        (["--split", "patient"], "--split must be one of group, random"),
        (["--engine", "openvin"], "'--engine': must be auto, keras or openvino"),
        (["--layout", "tree"], "'--layout': must be auto, csv"),
        (["--device", "TPU"], "'--device': --device must be 'auto'"),
    ],
)
def test_a_wrong_question_is_told_before_the_extraction(folder, tmp_path, capsys, asked, said):
    cache = tmp_path / "cache"
    code, _, err = run(capsys, "evaluate", folder, "--cache", cache, *GIVEN, *asked)
    assert code == 2
    assert said in " ".join(err.replace("│", " ").split())
    assert not cache.exists()


def test_pooling_mask_and_input_size_are_part_of_the_space(folder, tmp_path, capsys):
    arguments = ["extract", folder, "--cache", tmp_path, *GIVEN, "--dry-run", "--json"]
    _, plain, _ = run(capsys, *arguments)
    more = ["--pooling", "gem", "--mask", "background", "--input-size", "64"]
    _, other, _ = run(capsys, *arguments, *more)
    assert json.loads(plain)["spec"] != json.loads(other)["spec"]


def test_a_preparation_is_read_from_a_file(folder, model, tmp_path, capsys):
    file, cache = tmp_path / "chain.toml", tmp_path / "cache"
    file.write_text('[[steps]]\nname = "shades_of_gray"\npower = 6\n')
    given = [folder, *GIVEN, "--cache", cache, "--preparation", file]
    code, out, _ = run(capsys, "extract", *given, "--json")
    assert code == 0
    (store,) = cache.glob("*.h5")
    with StoreReader(store) as reader:
        assert reader.spec.preparation == json.loads(out)["spec"]["preparation"]
        assert "shades_of_gray" in reader.spec.preparation
    path = tmp_path / "a.leukfeat"
    head = ["--head", "logistic_regression", "--positive", "all", "--out", path]
    code, _, _ = run(capsys, "fit", *given, *head)
    assert code == 0
    table = tmp_path / "table.csv"
    file.unlink()  # what it said is in the model
    code, _, _ = run(capsys, "predict", path, folder, "--out", table)
    assert code == 0
    assert len(pd.read_csv(table)) == 60
    code, _, err = run(capsys, "extract", *given)
    assert code == 1
    assert "chain.toml" in err
    assert "Traceback" not in err
    code, _, err = run(capsys, "evaluate", folder, "--model", model, "--preparation", file)
    assert code == 2
    assert "--preparation" in err


def test_what_is_learnt_from_training_cells_is_a_file(folder, tmp_path, capsys):
    steps, file = tmp_path / "steps.toml", tmp_path / "stain.json"
    steps.write_text('steps = ["gray_world", {name = "macenko", percentile = 2.0}]')
    given = [folder, "--steps", steps, "-o", file]
    code, out, _ = run(capsys, "prepare", *given, "--n-images", 10, "--json")
    assert code == 0
    said = json.loads(out)
    chain = read_preparation(file)
    assert (said["images"], said["steps"]) == (10, ["gray_world", "macenko"])
    assert said["digest"] == chain.digest
    cells = load_folder(folder)
    assert chain == fit_preparation(
        cells, "gray_world", ("macenko", {"percentile": 2.0}), n_images=10
    )
    code, out, _ = run(
        capsys,
        "extract",
        folder,
        *GIVEN,
        "--cache",
        tmp_path / "c",
        "--preparation",
        file,
        "--json",
    )
    assert code == 0
    assert json.loads(out)["spec"]["preparation"] == chain.to_json()
    code, out, _ = run(capsys, "prepare", folder, "-o", file, "--steps", "reinhard, median_blur")
    assert code == 0
    assert "reinhard fitted on 59 images -> median_blur" in out
    for wrong, status, says in (
        (["--steps", "invert"], 1, "No step of"),
        (["--steps", tmp_path / "none.toml"], 1, "no preparation file"),
        (["--steps", "macenko", "-o", tmp_path / "a.toml"], 2, "must end in .json"),
    ):
        code, _, err = run(capsys, "prepare", folder, "-o", file, *wrong)
        assert code == status
        assert says in err


def test_advice_is_given_in_options(folder, tmp_path, capsys):
    cells = tmp_path / "cells"
    shutil.copytree(folder, cells)
    (cells / "all" / "S0_bad.png").write_bytes(b"no image")
    code, _, err = run(capsys, "extract", cells, "--cache", tmp_path / "cache", *GIVEN)
    assert code == 1
    assert "S0_bad.png" in err
    assert "--skip-bad-images" in err
    assert "errors=" not in err


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
    assert "positive class" not in err


def test_heads_that_decide_together(folder, tmp_path, capsys):
    model = tmp_path / "both.leukfeat"
    heads = ["--ensemble", "naive_bayes, logistic_regression", "--strategy", "soft_vote"]
    given = ["fit", folder, "-o", model, *heads, "--nested", "2", "--positive", "all", *GIVEN]
    code, out, err = run(capsys, *given, "--json")
    assert code == 0, err
    found = strict_json(out)
    assert found["weights"] == {"naive_bayes": 0.5, "logistic_regression": 0.5}
    assert found["remarks"][0].startswith("weights (soft_vote): ")
    if found["difference"]:
        assert found["difference"]["folds"] == 2
    else:
        assert "not compared with its best member" in found["remarks"][1]
    code, out, err = run(capsys, "predict", model, folder, "--device", "CPU")
    assert code == 0, err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--ensemble", "svm"], "two heads or more"),
        (["--ensemble", "svm,vsm"], "Did you mean 'svm'?"),
        (["--ensemble", "svm,knn", "--head", "mlp"], "either --head or --ensemble"),
        (["--ensemble", "svm,knn", "--nested", "1"], "--nested must be 0, or 2 or more"),
        (["--nested", "2"], "--nested can be given with --ensemble only"),
        (["--head", "vsm"], "Did you mean 'svm'?"),
    ],
)
def test_options_of_fit_that_do_not_fit(folder, tmp_path, capsys, given, says):
    code, _, err = run(capsys, "fit", folder, "-o", tmp_path / "m", *given)
    assert code == 2
    assert says in " ".join(err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("The 'source' parameter is 'a'.", "DATA is 'a'."),
        ("The 'errors' entry (they are then listed in .skipped).", "(they are then listed)."),
        ("pass layout='folder' or layout='images'", "pass --layout folder or --layout images"),
        ("'positive' must be one of the class names", "--positive must be one of"),
        ("holds ['positive', 'split']", "holds ['positive', 'split']"),
        ("'subject_pattern' is wrong", "--subject-pattern is wrong"),
        ("or drop (audit.without_copies(cells)).", "(in Python: audit.without_copies(cells))"),
        ("finding it (give positive=...)", "(give --positive)"),
        ("give n_splits=3 or less", "give --n-splits 3 or less"),
        ("device='GPU:1' is not there", "--device GPU:1 is not there"),
        ("make room or give another 'cache', and", "make room or give another --cache, and"),
        ("and 'calibration' belong together", "and --calibration belong together"),
        (
            "write one with leukfeat.calibrate_int8(training_cells, FILE) and give calibration=FILE",
            "write one with 'leukfeat calibrate TRAINING_CELLS -o FILE' and give --calibration FILE",
        ),
        ("Got calibration=None.", "Got no --calibration."),
        (
            "calibrate_int8, predict(cells, calibration=FILE).",
            "'leukfeat predict MODEL CELLS --calibration FILE'.",
        ),
        (
            "in training: fit_head(..., threshold=('sensitivity', 0.95)).",
            "in training: leukfeat fit --at-sensitivity 0.95.",
        ),
        ("threshold=('specificity', 0.9) is for two", "--at-specificity 0.9 is for two"),
    ],
)
def test_python_s_words_are_put_as_options(message, said):
    assert said in in_options(message)


def test_fit_says_which_class_it_took_for_the_positive_one(folder, tmp_path, capsys):
    arguments = ["fit", folder, "-o", tmp_path / "m.leukfeat", "--head", "naive_bayes", *GIVEN]
    code, _, err = run(capsys, *arguments)
    assert code == 0, err
    assert "'hem', the last by name, is taken" in err
    assert "--positive" in err


def test_predict_writes_a_table(folder, model, tmp_path, capsys):
    table = tmp_path / "predictions.csv"
    code, out, err = run(capsys, "predict", model, folder, "-o", table, "--json")
    assert code == 0, err
    written = pd.read_csv(table)
    assert len(written) == 60
    assert {"label", "p_all", "distance", "far"} <= set(written.columns)
    assert len(json.loads(out)["cells"]) == 60
    assert "60 of 60 images, or their subjects, were in the training" in err


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


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """New images of two patients in one folder, without labels; one cannot be read."""
    root = tmp_path_factory.mktemp("new")
    for i, image in enumerate(make_cells(4, 6, size=64, random_state=9).images):
        cv2.imwrite(str(root / f"new{i % 2}_{i}.png"), image[:, :, ::-1])
    (root / "new1_bad.png").write_bytes(b"no image")
    return root


def test_new_patients_are_predicted_and_summed_up(flat, model, tmp_path, capsys):
    pattern = ["--subject-pattern", r"(?P<subject>\w+?)_"]
    table = tmp_path / "new.csv"
    given = ["predict", model, flat, *pattern, "--skip-bad-images"]
    code, out, err = run(capsys, *given, "-o", table)
    assert code == 0, err
    assert "left out: " in err
    assert "new1_bad.png" in err
    assert "new-subjects.csv" in out
    cells, subjects = pd.read_csv(table), pd.read_csv(tmp_path / "new-subjects.csv")
    assert subjects["subject"].tolist() == ["new0", "new1"]
    assert subjects["cells"].tolist() == [3, 4]
    assert subjects["unread"].tolist() == [0, 1]
    assert cells.loc[cells["label"].isna(), "subject"].tolist() == ["new1"]
    _, out, _ = run(capsys, *given)
    assert "mean_p_all" in out
    code, out, _ = run(capsys, *given, "--json")
    found = strict_json(out)
    assert found["skipped"][0]["path"].endswith("new1_bad.png")
    assert [one["p_all"] for one in found["cells"]][-1] is None
    assert len(found["subjects"]) == 2


def test_export_takes_cells_of_other_classes(folder, flat, model, tmp_path, capsys):
    cells, table = tmp_path / "cells", tmp_path / "table.csv"
    shutil.copytree(folder / "all", cells / "blast")
    code, _, err = run(capsys, "export", cells, "-o", table, "--model", model)
    assert code == 0, err
    written = pd.read_csv(table)
    assert set(written["label"]) == {"blast"}
    assert set(written["predicted"]) <= {"hem", "all"}
    assert {"probability_hem", "probability_all", "distance", "far", "digest"} <= {*written}
    assert written["reason"].str.contains("was in the training").all()
    code, _, err = run(capsys, "export", flat, "-o", table)
    assert code == 1
    assert "new1_bad.png" in err
    assert "--skip-bad-images" in err
    code, _, err = run(capsys, "export", flat, "-o", table, "--skip-bad-images")
    assert code == 0, err
    assert "left out: " in err
    assert (pd.read_csv(table)["digest"].str.len() == 64).all()


def test_what_nobody_foresaw_is_one_line(capsys, monkeypatch):
    import leukfeat.data

    def broken(*_, **__):
        raise AttributeError("'NoneType' object has no attribute 'x'")

    monkeypatch.setattr(leukfeat.data, "load_cells", broken)
    monkeypatch.setattr("leukfeat.cli.options.classifier_from", lambda path: None)
    code, _, err = run(capsys, "predict", "a.leukfeat", ".")
    assert code == 1
    assert "LEUKFEAT_DEBUG=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("LEUKFEAT_DEBUG", "1")
    with pytest.raises(AttributeError):
        main(["predict", "a.leukfeat", "."])


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
    assert "colour only" in (tmp_path / "figures" / "report.html").read_text()


def test_the_order_of_the_classes_can_be_said(folder, tmp_path, capsys):
    given = ["export", folder, "-o", tmp_path / "a.csv"]
    code, _, err = run(capsys, *given, "--class-names", "hem")
    assert code == 1
    assert "one of the --class-names ['hem']" in err
    code, _, err = run(capsys, *given, "--class-names", "hem,hem")
    assert code == 2
    given = ["--head", "naive_bayes", "--class-names", "hem, all", "--json"]
    code, out, err = run(capsys, "fit", folder, "-o", tmp_path / "m", *given, *GIVEN)
    assert code == 0, err
    assert json.loads(out)["class_names"] == ["hem", "all"]


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


def test_other_classes_are_refused_before_a_night_of_extraction(folder, model, tmp_path, capsys):
    cells, cache = tmp_path / "cells", tmp_path / "cache"
    shutil.copytree(folder / "all", cells / "blast")
    shutil.copytree(folder / "hem", cells / "normal")
    code, _, err = run(capsys, "evaluate", cells, "--model", model, "--cache", cache)
    assert code == 1
    assert "rename the folders, or the labels in the table" in " ".join(err.split())
    assert not cache.exists()


def test_cells_of_one_patient_are_said_to_be_that(folder, tmp_path, capsys):
    cells = tmp_path / "cells"
    for name in ("all", "hem"):
        shutil.copytree(folder / name, cells / name)
    one = [*GIVEN[:-1], "(?P<subject>P1)_"]
    for image in cells.rglob("*.png"):
        image.rename(image.with_name(f"P1_{image.name}"))
    code, _, err = run(capsys, "evaluate", cells, *one, "--heads", "naive_bayes")
    assert code == 1
    assert "all of one group (P1)" in err
    shutil.rmtree(cells / "hem")
    code, _, err = run(capsys, "evaluate", cells, *one, "--heads", "naive_bayes")
    assert code == 1
    assert "needs cells of two classes or more. Got 1 class: all" in err


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


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_polite_end_keeps_what_is_computed(name, folder, tmp_path):
    # The signal comes in the middle of the second of four batches.
    code = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from leukfeat.features.engines.keras_engine import KerasEngine
stream = KerasEngine.stream
def interrupted(self, inputs, batch_size):
    for place, row in enumerate(stream(self, inputs, batch_size)):
        if place == 20:
            os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        yield row
KerasEngine.stream = interrupted
from leukfeat.cli import main
main(sys.argv[2:])
"""
    cache = tmp_path / "cache"
    arguments = ["extract", folder, "--cache", cache, *GIVEN, "--engine", "keras"]
    arguments += ["--input-size", "48", "--batch-size", "16", "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", code, name, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 130, ended.stderr
    assert "What was cached stays cached" in ended.stderr
    (store,) = cache.glob("*.h5")
    with StoreReader(store) as reader:
        assert 16 <= len(reader) < 60


def test_a_network_of_fit_cnn_is_sent_to_python(folder, model, monkeypatch, capsys):
    import leukfeat.classifier

    monkeypatch.setattr(leukfeat.classifier, "load_model", lambda path: object())
    code, _, err = run(capsys, "predict", model, folder)
    assert code == 1
    assert "holds a network of fit_cnn" in err


def test_audit_says_what_would_flatter_and_strict_stops(folder, tmp_path, capsys):
    cells = tmp_path / "cells"
    shutil.copytree(folder, cells)
    pattern = ["--subject-pattern", "(?P<subject>[^_]+)_"]
    code, out, _ = run(capsys, "audit", cells, *pattern, "--no-clues", "--strict", "--json")
    assert code == 0
    assert not json.loads(out)["tied_subjects"]
    one = next((cells / "all").iterdir())
    shutil.copy(one, cells / "all" / "stranger_1.png")
    out_folder = tmp_path / "audit"
    code, out, _ = run(capsys, "audit", cells, *pattern, "--strict", "-o", out_folder, "--json")
    assert code == 3
    assert json.loads(out)["tied_subjects"] == [sorted([one.name.split("_")[0], "stranger"])]
    assert {p.name for p in out_folder.iterdir()} == {"audit.md", "audit.json", "clues.png"}


@pytest.fixture(scope="module")
def prelim(tmp_path_factory):
    root = tmp_path_factory.mktemp("cnmc")
    made = make_cells(8, 32, size=64, random_state=3)
    others = [subject.replace("10", "90") for subject in made.subjects]
    cells = CellDataset.from_arrays(
        made.images, made.y, others, class_names=made.class_names, positive=made.positive
    )
    write_cnmc_tree(cells, root, split="prelim")
    return root / "C-NMC_test_prelim_phase_data"


def test_a_model_is_evaluated_on_the_preliminary_test_set(prelim, model, capsys):
    code, out, err = run(capsys, "evaluate", prelim, "--model", model, "--json")
    assert code == 0, err
    assert json.loads(out)["n_cells"] == 32
    code, whole, err = run(
        capsys, "evaluate", prelim.parent, "--cnmc-split", "prelim", "--model", model, "--json"
    )
    assert code == 0, err
    assert json.loads(whole) == json.loads(out)


@pytest.mark.parametrize("command", ["evaluate", "fit"])
def test_cells_without_labels_are_refused_before_the_extraction(
    prelim, tmp_path, capsys, monkeypatch, command
):
    import leukfeat.features as features

    def extracts(*cells, **settings):
        pytest.fail("these cells must not be extracted")

    monkeypatch.setattr(features, "extract_features", extracts)
    shutil.copytree(prelim, tmp_path / prelim.name)
    more = ["-o", tmp_path / "a.leukfeat"] if command == "fit" else []
    code, _, err = run(capsys, command, tmp_path / prelim.name, *more)
    assert code == 1
    assert "have no labels" in err
    assert "C-NMC_test_prelim_phase_data_labels.csv" in err


def test_a_model_is_not_tested_on_cells_without_labels(prelim, model, tmp_path, capsys):
    shutil.copytree(prelim, tmp_path / prelim.name)
    given = ["--model", model, "--cache", tmp_path / "cache"]
    code, _, err = run(capsys, "evaluate", tmp_path / prelim.name, *given)
    assert code == 1
    assert "have no labels" in err
    assert not (tmp_path / "cache").exists()


def test_advice_about_parts_of_cnmc_is_given_in_options(folder, prelim, capsys):
    code, _, err = run(capsys, "export", folder, "-o", "x.csv", "--cnmc-split", "prelim")
    assert code == 1
    assert "layout" not in err
    code, _, err = run(capsys, "export", prelim, "-o", "x.csv", "--cnmc-split", "final")
    assert code == 1
    assert "--cnmc-split prelim" in err


@pytest.mark.parametrize("command", ["audit", "extract"])
def test_what_is_advised_can_be_done(command, folder, tmp_path, capsys):
    cells = tmp_path / "cells"
    shutil.copytree(folder, cells)
    stranger = next((cells / "all").iterdir())
    shutil.copy(stranger, cells / "all" / "scan copy (2).png")
    more = ["--subject-pattern", r"^(?P<subject>[^_ ]+)_\d+"]
    more += ["--no-clues"] if command == "audit" else ["--cache", tmp_path / "f", *GIVEN[:4]]
    code, _, err = run(capsys, command, cells, *more)
    assert code == 1
    assert "--skip-bad-images" in err
    code, _, err = run(capsys, command, cells, *more, "--skip-bad-images")
    assert code == 0, err
    assert "left out: " in err
    assert "scan copy (2).png" in err


def test_a_pickle_as_a_model_is_refused_without_advice_that_no_command_takes(
    folder, tmp_path, capsys
):
    import joblib

    joblib.dump({}, tmp_path / "a.joblib")
    code, _, err = run(capsys, "predict", tmp_path / "a.joblib", folder)
    assert code == 1
    assert "read by no command" in err
    assert "trusted" not in err


def test_a_strict_audit_stops_for_a_shortcut_too(write_folder, tmp_path, capsys):
    made = make_cells(24, 72, size=64, random_state=1)
    red = [np.array(image, int) for image in made.images]
    for image, label in zip(red, made.y, strict=True):
        image[..., 0] += 60 * label
    cells = CellDataset.from_arrays(
        [np.clip(image, 0, 255).astype(np.uint8) for image in red],
        made.y,
        made.subjects,
        class_names=made.class_names,
        positive=made.positive,
    )
    given = [write_folder(tmp_path, cells), "--subject-pattern", "(?P<subject>[^_]+)_"]
    code, out, _ = run(capsys, "audit", *given, "--strict", "--json")
    assert "The label is told without the cell (colour" in json.loads(out)["verdict"]
    assert not any(f["severity"] == "leak" for f in json.loads(out)["findings"])
    assert code == 3
    code, _, _ = run(capsys, "audit", *given)
    assert code == 0, "not asked to be strict"
