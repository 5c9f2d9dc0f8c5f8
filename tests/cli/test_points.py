"""Operating points, conformal sets and a model card, as `evaluate` and `fit` are asked for them."""

import json

import pandas as pd
import pytest

import leukfeat as lf
from leukfeat.cli import main
from leukfeat.data import make_cells

pytestmark = pytest.mark.usefixtures("small_network")

CELLS = ["--subject-pattern", "(?P<subject>[^_]+)_", "--positive", "all"]
GIVEN = ["--weights", "random", "--layers", "conv2", *CELLS]


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
    cells = make_cells(16, 64, size=48, random_state=7)
    return write_folder(tmp_path_factory.mktemp("elsewhere"), cells, prefix="Other")


def test_points_sets_and_a_card_of_heads(others, cache, tmp_path, capsys):
    asked = ["evaluate", others, *GIVEN, "--cache", cache, "--heads", "naive_bayes,knn"]
    asked += ["--n-splits", "2", "--at-sensitivity", "0.8", "--at-specificity", "0.7"]
    asked += ["--conformal-level", "0.6", "--model-card", tmp_path / "card.md"]
    code, out, err = run(capsys, *asked, "-o", tmp_path / "found")
    assert code == 0, err
    assert "| naive_bayes | sensitivity 0.8 | all |" in out
    assert "| knn | specificity 0.7 | all |" in out
    assert "| knn | 0.6 | hem |" in out
    found = json.loads((tmp_path / "found" / "result.json").read_text(encoding="utf-8"))
    points = found["operating_points"]
    assert [(row["head"], row["wanted"], row["level"]) for row in points] == [
        ("naive_bayes", "sensitivity", 0.8),
        ("knn", "sensitivity", 0.8),
        ("naive_bayes", "specificity", 0.7),
        ("knn", "specificity", 0.7),
    ]
    # As the call in Python gives them.
    cells = lf.load_folder(others, positive="all", subject_pattern=CELLS[1])
    features = lf.extract_features(cells, weights="random", layers="conv2", input_size=48)
    same = lf.cross_validate_heads(features, ["naive_bayes", "knn"], n_splits=2)
    row = same["knn"].operating_points(specificity=0.7).iloc[0]
    assert points[3]["sensitivity"] == pytest.approx(row["sensitivity"])
    assert points[3]["threshold"] == pytest.approx(row["threshold"])
    held = same["knn"].conformal_sets(level=0.6)["holds"].tolist()
    sets = pd.read_csv(tmp_path / "found" / "conformal_at_level.csv")
    assert sets.loc[sets["head"] == "knn", "holds"].tolist() == pytest.approx(held)
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert card.startswith("# Model card: naive_bayes")
    # Every file is named, and is there.
    written = [line for line in err.split() if str(tmp_path) in line]
    files = [*(tmp_path / "found").iterdir(), tmp_path / "card.md"]
    assert sorted(written) == sorted(map(str, files))
    assert {file.name for file in files} >= {"heads.png", "roc.png", "operating_points.csv"}


def test_a_level_that_so_few_subjects_cannot_promise_is_refused(others, cache, capsys):
    asked = ["evaluate", others, *GIVEN, "--cache", cache, "--heads", "naive_bayes"]
    asked += ["--n-splits", "2", "--conformal-level", "0.95"]
    code, out, err = run(capsys, *asked, "--json")
    assert code == 0, err
    assert "at most 0.666" in json.loads(out)["conformal_at_level"][0]["refused"]
    _, out, _ = run(capsys, *asked)
    assert "Conformal sets: " in out
    assert "| naive_bayes | 0.95 |" not in out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--at-sensitivity", "95"], "must lie between 0 and 1"),
        (["--conformal-level", "1"], "must lie between 0 and 1"),
        (["--model-card", "no/such/folder/card.md"], "--model-card: There is no folder"),
    ],
)
def test_a_wrong_point_is_refused_before_the_extraction(others, tmp_path, capsys, asked, said):
    kept = tmp_path / "cache"
    code, _, err = run(capsys, "evaluate", others, *GIVEN, "--cache", kept, *asked)
    assert (code, said in err) == (2, True), err
    assert not kept.exists()


def test_a_single_test_chooses_no_threshold_but_fit_does(folder, others, model, tmp_path, capsys):
    code, _, err = run(capsys, "evaluate", others, "--model", model, "--at-sensitivity", "0.9")
    assert code == 2
    assert "`leukfeat fit --at-sensitivity 0.95` chooses it in training" in err
    made = tmp_path / "sensitive.leukfeat"
    asked = ["fit", folder, *GIVEN, "--head", "logistic_regression", "-o", made]
    code, out, err = run(capsys, *asked, "--at-sensitivity", "0.95")
    assert code == 0, err
    head = lf.load_model(made).head
    assert head.threshold == ("sensitivity", 0.95)
    assert f"from a probability of {head.threshold_:.3f} on, where sensitivity is 0.95" in out
    code, _, err = run(capsys, *asked, "--at-sensitivity", "0.9", "--at-specificity", "0.9")
    assert (code, "either --at-sensitivity or" in err) == (2, True)


@pytest.mark.filterwarnings("ignore:no subjects")
def test_a_model_on_cells_without_subjects_is_written_too(others, model, tmp_path, capsys):
    out, card = tmp_path / "found", tmp_path / "card.md"
    asked = ["evaluate", others, "--model", model, "--positive", "all", "-o", out]
    code, _, err = run(capsys, *asked, "--model-card", card)
    assert code == 0, err
    assert {file.name for file in out.iterdir()} >= {"report.html", "roc.png", "confusion.png"}
    assert not (out / "per_subject.png").exists()
    assert "subjects not known" in card.read_text(encoding="utf-8")
