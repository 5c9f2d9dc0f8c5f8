import json

import h5py
import numpy as np
import pytest

from leukfeat import CellDataset, FeatureSet, make_cells
from leukfeat.exceptions import WeightsError
from leukfeat.recipes import load_recipe, make_expression_matrix, routes, run_recipe
from leukfeat.recipes.circumstances import training_reason

QUICK = {"features": {"input_size": 32, "layers": ["conv2"]}, "head": {"tune": False}}
QUIET = {"weights": "random", "progress": False, "n_splits": 2}


@pytest.fixture(scope="module")
def result(quick, cells, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return run_recipe(quick, cells, output=folder, cache=folder / "features", **QUIET), folder


def test_the_table_has_both_ways_beside_what_was_published(result):
    table = result[0].table
    assert list(table.columns[:5]) == [
        "variant",
        "figure",
        "published",
        "by their split",
        "by group",
    ]
    accuracy = table[table["figure"] == "accuracy"].iloc[0]
    assert (
        accuracy["published"]
        == "0.990 (data not stated); 0.900 (other system, other data); 0.871 (other system, other data)"
    )
    assert accuracy["cells"] == 96
    assert accuracy["subjects"] == 24
    honest = result[0]["logistic_regression", "group"]
    assert accuracy["by group"] == str(honest["accuracy"])
    assert set(honest.controls) == {"majority", "colour only", "size only"}


def test_by_group_no_subject_is_on_both_sides_and_by_their_split_some_are(result):
    for mode, shared in (("group", False), ("theirs", True)):
        predictions = result[0]["logistic_regression", mode].predictions
        folds = [set(predictions.subjects[predictions.fold == k]) for k in (0, 1)]
        assert bool(folds[0] & folds[1]) is shared


def test_each_reason_cites_a_number_of_the_run(result):
    run, _ = result
    gap, controls, published, size = run.reasons
    honest = run["logistic_regression", "group"]["accuracy"].estimate
    assert f"by group {honest:.3f}" in gap
    assert f"{run['logistic_regression', 'theirs']['accuracy'].estimate:.3f}" in gap
    assert (
        f"majority {run['logistic_regression', 'group'].controls['majority']['accuracy'].estimate:.3f}"
        in controls
    )
    assert "not stated: 0.990 (data: not stated). These are 96 cells of 24 subjects" in published
    assert gap.startswith("By their split accuracy is ")
    assert any("0.900 of another system (ResRandSVM" in source for source in run.sources())
    assert str(run["logistic_regression", "group"]["accuracy"]) in published
    assert size == (
        "C-NMC 2019, training set has 10,661 images of 73 subjects; this run has 96 of 24 subjects."
    )


def test_a_vote_is_compared_with_its_members_and_columns_are_counted():
    recipe = load_recipe("ldsvm").override({"head": {"tune": False}})
    run = run_recipe(recipe, make_expression_matrix(40, 150), progress=False, n_splits=2)
    vote = run["voting", "group"]["accuracy"].estimate
    (said,) = (reason for reason in run.reasons if "the vote has" in reason)
    assert f"accuracy {vote:.3f}:" in said
    for name in ("logistic_regression", "decision_tree", "svm"):
        one = run[name, "group"]["accuracy"].estimate
        assert f"{vote - one:+.3f} (" in said
        assert f"to {name}'s {one:.3f}" in said
    assert any("150 columns, of which anova keeps 100" in reason for reason in run.reasons)
    assert not any("one patient" in note for note in run.notes)


def test_a_network_that_has_not_learnt_is_called_so(cells, tmp_path):
    tiny = {"input_size": (16, 16), "filters": (2,), "dense": (), "epochs": 2, "patience": None}
    recipe = load_recipe("cnn").override({"cnn": tiny})
    run = run_recipe(recipe, cells, output=tmp_path, **QUIET)
    (said,) = (reason for reason in run.reasons if "trained for" in reason)
    assert "2.0 epochs a fold" in said
    assert f"on those of the other side {run['cnn', 'group']['accuracy'].estimate:.3f}" in said
    again = run_recipe(recipe, cells, output=tmp_path, **QUIET)
    assert again.reasons == run.reasons
    learnt = {"epochs": 5.0, "training_accuracy": 0.55}
    assert "hardly learnt" in training_reason(learnt, run["cnn", "group"])[0]
    learnt["training_accuracy"] = 0.95
    assert "hardly learnt" not in training_reason(learnt, run["cnn", "group"])[0]


def test_what_is_not_known_or_there_is_refused_before_anything_is_read(
    cells, monkeypatch, tmp_path
):
    def refuse(*arguments, **settings):
        raise AssertionError("cells were read")

    monkeypatch.setattr(routes, "extract_columns", refuse)
    recipe = load_recipe("resnet50-svm").override({"head": {"names": ["svn"]}})
    with pytest.raises(ValueError, match=r"'head.names' of the recipe must be among .*'svn'"):
        run_recipe(recipe, cells, **QUIET)
    vote = load_recipe("ldsvm").override({"head": {"members": ["svm", "voting"]}})
    with pytest.raises(
        ValueError, match=r"'head.members' of the recipe .*'voting' instead"
    ) as error:
        run_recipe(vote, **QUIET)
    assert str(error.value).count("'voting'") == 1
    two = load_recipe("resrandsvm").override({"features": {"backbones": ["resnet50", "vgg61"]}})
    two = two.override({"published": []})
    with pytest.raises(ValueError, match=r"must be one of .*'vgg61'"):
        run_recipe(two, cells, **QUIET)
    two = two.override({"features": {"backbones": ["resnet50", "vgg16"]}})
    missing = {**QUIET, "weights": {"resnet50": "random", "vgg16": tmp_path / "none.h5"}}
    with pytest.raises(WeightsError, match=r"none\.h5"):
        run_recipe(two, cells, **missing)


def test_a_positive_class_that_nobody_named_and_missing_official_folds_are_said(quick):
    named = make_cells(24, 96, size=32)
    arrays = CellDataset.from_arrays(named.images, named.y, named.subjects, class_names=["a", "b"])
    run = run_recipe(quick.override({"split": {"theirs": "official"}}), arrays, **QUIET)
    assert any("the positive class was not given: 'b'" in note for note in run.notes)
    assert any("need a column 'fold'" in note for note in run.notes)


def test_what_was_written_is_the_result(result):
    run, folder = result
    stored = json.loads((folder / "resnet50-svm.json").read_text())
    assert stored == json.loads(json.dumps(run.to_dict()))
    assert (folder / "resnet50-svm.md").read_text() == run.to_markdown()
    assert "| logistic_regression | accuracy | 0.990 (data not stated)" in run.to_markdown()
    assert run.recipe.title in run._repr_html_()


def test_a_second_call_computes_nothing(result, quick, cells, monkeypatch):
    def refuse(*arguments, **settings):
        raise AssertionError("a head was fit again")

    monkeypatch.setattr(routes, "make_estimator", refuse)
    run, folder = result
    again = run_recipe(quick, cells, output=folder, cache=folder / "features", **QUIET)
    for mode in ("theirs", "group"):
        one, other = (r["logistic_regression", mode].predictions for r in (run, again))
        for name in ("y", "predicted", "scores", "subjects", "ids", "cells", "repeat", "fold"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert again.to_markdown() == run.to_markdown()


def test_an_interrupted_run_goes_on(quick, cells, tmp_path, monkeypatch):
    made, original = [], routes.make_estimator

    def dying(*arguments, **settings):
        made.append(1)
        if len(made) == 3:
            raise KeyboardInterrupt
        return original(*arguments, **settings)

    monkeypatch.setattr(routes, "make_estimator", dying)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(quick, cells, output=tmp_path, **QUIET)
    run_recipe(quick, cells, output=tmp_path, **QUIET)
    assert len(made) == 5


def samples(**changes):
    made = make_expression_matrix(40, 30)
    known = {"subjects": made.subjects, "class_names": made.class_names, "positive": made.positive}
    return FeatureSet(made.X, made.y, **{**known, **changes})


def test_what_is_known_of_the_rows_belongs_to_a_stored_fold(one_head, tmp_path):
    given = {"output": tmp_path, "progress": False, "n_splits": 2}

    def found(**changes):
        return run_recipe(one_head, samples(**changes), **given)

    first = found()["logistic_regression", "group"]
    other = found(positive="normal")["logistic_regression", "group"]
    assert other.predictions.positive == 0
    assert first.predictions.positive == 1
    assert other["sensitivity"].estimate != first["sensitivity"].estimate
    renamed = found(class_names=("healthy", "ill"), positive="ill")
    assert renamed["logistic_regression", "theirs"].predictions.class_names == ("healthy", "ill")
    twos = np.array([f"P{i // 2}" for i in range(40)], object)
    by_twos = found(subjects=twos)
    for mode in ("theirs", "group"):
        assert by_twos["logistic_regression", mode].predictions.n_subjects == 20


def test_folds_of_other_versions_are_said(one_head, tmp_path, monkeypatch):
    from leukfeat.recipes import run_folder

    given = {"output": tmp_path, "progress": False, "n_splits": 2}
    monkeypatch.setattr(run_folder, "_versions_now", lambda: {"scikit-learn": "1.0"})
    before = run_recipe(one_head, samples(), **given)
    assert not any("other versions" in note for note in before.notes)
    monkeypatch.setattr(run_folder, "_versions_now", lambda: {"scikit-learn": "2.0"})
    after = run_recipe(one_head, samples(), **given)
    (note,) = (note for note in after.notes if "other versions" in note)
    assert note.startswith("2 of 2 folds were computed earlier, with other versions (2 with ")
    assert "scikit-learn 1.0" in note


def test_a_difference_that_is_not_shown_has_no_cause(result):
    from leukfeat.recipes import reasons

    run, _ = result
    honest = run["logistic_regression", "group"]
    modes = {mode.key: mode for mode in run.modes}

    def said(one):
        found = {"group": honest, "theirs": one}
        (reason,) = reasons._gap(found, (modes["theirs"],), "accuracy", 0.95)
        return reason

    same = said(honest)
    assert "no difference is shown where cells are split at random" in same
    assert "+0.000 (" in same


def test_another_weights_file_in_the_same_place_is_another_fold(cells, tmp_path):
    from leukfeat.recipes.route import RunSettings

    identities = []
    for seed in (0, 1):
        file = tmp_path / "w.weights.h5"
        with h5py.File(file, "w") as weights:
            weights["seed"] = seed
        settings = RunSettings(weights=file, progress=False)
        recipe = load_recipe("abhishek").override({"fine_tune": {"input_size": [32, 32]}})
        (route,) = routes.make_routes(recipe, cells[:2], settings)
        identities.append(route.identity)
    assert identities[0] != identities[1]


def test_a_damaged_fold_is_refused_by_name(quick, cells, tmp_path):
    run_recipe(quick, cells, output=tmp_path, **QUIET)
    fold = next((tmp_path / "resnet50-svm").glob("fold-*.npz"))
    fold.write_bytes(b"not a fold")
    with pytest.raises(ValueError, match=fold.name):
        run_recipe(quick, cells, output=tmp_path, **QUIET)


def test_a_vote_and_its_members():
    samples = make_expression_matrix(40, 60, effect=2.0)
    recipe = load_recipe("ldsvm").override(
        {"head": {"tune": False}, "selection": {"n_features": 20}}
    )
    run = run_recipe(recipe, samples, progress=False, n_splits=2)
    assert run.variants == ("logistic_regression", "decision_tree", "svm", "voting")
    assert run["voting", "group"]["accuracy"].estimate > 0.7


def test_the_cnn_by_both_splits_and_its_checkpoint_is_cleared(cells, tmp_path):
    recipe = load_recipe("cnn").override(
        {"cnn": {"input_size": [32, 32], "filters": [4, 4], "dense": [], "epochs": 1}}
    )
    run = run_recipe(recipe, cells, output=tmp_path, **QUIET)
    assert not any("epochs" in note for note in run.notes)
    assert run["cnn", "group"].predictions.n_cells == len(cells)
    assert "majority" in run["cnn", "group"].controls
    assert not list((tmp_path / "cnn").glob("training-*"))
    assert len(list((tmp_path / "cnn").glob("fold-*.npz"))) == 4


def test_fewer_epochs_are_said(cells, tmp_path):
    tiny = {"input_size": [32, 32], "filters": [4, 4], "dense": [], "epochs": 3, "patience": None}
    recipe = load_recipe("cnn").override({"cnn": tiny, "split": {"theirs": "group"}})
    run = run_recipe(recipe, cells, epochs=1, **QUIET)
    assert run.recipe.cnn.epochs == 1
    assert "at most 1 epoch, not the 3 of the recipe" in run.notes
    with pytest.raises(ValueError, match="'epochs' must be an integer of at least 1"):
        run_recipe(recipe, cells, epochs=0, **QUIET)


def test_without_data_it_says_so_and_how_to_get_them(monkeypatch):
    recipe = load_recipe("ldsvm").override(
        {"head": {"names": ["logistic_regression"], "members": [], "tune": False}}
    )
    run = run_recipe(recipe, progress=False, n_splits=2)
    assert "procedural" in run.notes[0]
    assert "GSE9476" in run.notes[0]


def test_data_that_are_not_there_or_of_another_kind(cells, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tcia\.2019.*fold_0/all"):
        run_recipe("resnet50-svm", tmp_path / "none", **QUIET)
    with pytest.raises(ValueError, match="takes a path or a FeatureSet"):
        run_recipe("ldsvm", cells, **QUIET)
    with pytest.raises(ValueError, match="takes a path or a CellDataset"):
        run_recipe("cnn", make_expression_matrix(8, 4), **QUIET)
    with pytest.raises(ValueError, match="no labels"):
        run_recipe("cnn", CellDataset.from_arrays(cells.images[:4]), **QUIET)
    with pytest.raises(ValueError, match="'weights' names none for the backbone 'resnet50'"):
        run_recipe("resnet50-svm", cells, weights={"vgg16": "random"}, progress=False)


def test_figures_that_so_many_classes_do_not_have_are_said_before_anything_is_run(one_head):
    made = make_expression_matrix(40, 30)
    four = FeatureSet(
        made.X, np.arange(40) % 4, subjects=made.subjects, class_names=("a", "b", "c", "d")
    )
    wrong = one_head.override({"metrics": ["sensitivity", "specificity"]})
    with pytest.raises(ValueError, match=r"'metrics' .* figures that 4 classes have"):
        run_recipe(wrong, four, progress=False, n_splits=2)
    some = one_head.override({"metrics": ["accuracy", "sensitivity"]})
    run = run_recipe(some, four, progress=False, n_splits=2)
    assert (
        "not in the table, being figures of two classes where there are 4: sensitivity" in run.notes
    )


def test_only_the_variants_that_are_asked_for_are_run(cells, monkeypatch, tmp_path):
    recipe = load_recipe("resrandsvm").override(
        {
            "features": {"backbones": ["resnet50", "vgg16"], **QUICK["features"]},
            "selection": {"n_features": 8},
        }
    )
    given = {**QUIET, "weights": {"resnet50": "random"}, "cache": tmp_path}
    run = run_recipe(recipe, cells, variants="resnet50 + random_forest + *ay*", **given)
    assert run.variants == ("resnet50 + random_forest + naive_bayes",)
    assert "1 of the 24 variants of the recipe were run" in run.notes
    assert any("of which random_forest keeps 8, chosen" in reason for reason in run.reasons)
    with pytest.raises(ValueError, match=r"'variants' holds 'vgg19 .*', which is none of"):
        run_recipe(recipe, cells, variants=["vgg19 + *"], **given)


def test_without_subjects_the_reason_does_not_claim_a_split_by_patient(quick, cells):
    nameless = CellDataset(
        cells.frame.drop(columns=["subject"]), class_names=cells.class_names, positive="all"
    )
    run = run_recipe(quick, nameless, **QUIET)
    assert "no more than identical images" in run.reasons[0]
    assert any("no subjects" in note for note in run.notes)


def test_a_tuned_backbone_is_tuned_in_every_fold_anew(cells, tmp_path, monkeypatch):
    seen, original = [], routes.fine_tune_backbone

    def noting(images, *arguments, **settings):
        seen.append(set(images.ids))
        return original(images, *arguments, **settings)

    monkeypatch.setattr(routes, "fine_tune_backbone", noting)
    recipe = load_recipe("abhishek").override(
        {
            "features": {"backbones": ["mobilenetv2"], "input_size": 32},
            "fine_tune": {"input_size": [32, 32], "epochs": 1},
            "split": {"theirs": "group"},
        }
    )
    run = run_recipe(recipe, cells, output=tmp_path, **QUIET)
    predictions = run["random_forest", "group"].predictions
    assert [mode.key for mode in run.modes] == ["group"]
    assert predictions.n_cells == len(cells)
    assert len(seen) == 2
    for fold, trained_on in enumerate(seen):
        assert not trained_on & set(predictions.ids[predictions.fold == fold])
