import tomllib

import pytest

from leukfeat.recipes import Recipe, list_recipes, load_recipe
from leukfeat.recipes.schema import HABITS
from leukfeat.recipes.variants import wanted_variants

MINIMAL = """
format = 1
name = "own"
title = "My own"
kind = "features"
summary = "What it does."
citation = "Where it stands."
[features]
backbones = ["resnet50"]
[head]
names = ["svm"]
"""


def with_changes(*changes: tuple[str, str]) -> str:
    text = MINIMAL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_of_the_library_is_valid_and_says_where_it_is_from(name):
    recipe = load_recipe(name)
    assert recipe.name == name
    assert len(recipe.summary) > 40
    assert recipe.citation
    assert all(figure.source and figure.dataset and figure.split for figure in recipe.published)
    assert recipe.variants


def test_the_grid_of_resrandsvm_is_seven_by_three_by_four():
    recipe = load_recipe("resrandsvm")
    assert len(recipe.variants) == len(set(recipe.variants)) == 84
    assert "resnet50 + random_forest + svm" in recipe.variants


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(MINIMAL)
    recipe = load_recipe(path)
    assert recipe.variants == ("svm",)
    assert recipe.split.theirs == "random"
    assert load_recipe(recipe) is recipe
    path.write_text(with_changes(('"svm"', '"svn"')).replace("kind", "knid"))
    with pytest.raises(ValueError, match=r"own\.toml is no recipe.*knid"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("format = 1", "format = 2")], "format = 1"),
        ([("format = 1", "")], "format = 1"),
        ([('kind = "features"', 'kind = "feature"')], "'kind'"),
        ([('name = "own"', 'name = "../own"')], "'name'"),
        ([('name = "own"', 'name = "/etc/own"')], "'name'"),
        ([("[head]", '[data]\npath = "/etc/passwd"\n[head]')], "unknown keys"),
        ([("[head]", "[heads]")], "unknown keys"),
        ([('backbones = ["resnet50"]', "")], "features.backbones"),
        ([("[head]", "pooling = 'max'\n[head]")], "features.pooling"),
        ([("[head]", "mask = 'cell'\n[head]")], "features.mask"),
        ([("[head]", "views = 8\n[head]")], "features.views"),
        ([("[head]", "handcrafted = 3\n[head]")], "features.handcrafted"),
        ([("[head]", "[features.handcrafted]\nfamily = ['shape']\n[head]")], "family"),
        (
            [("[head]", "[features.handcrafted]\nfamilies = ['form']\n[head]")],
            "features.handcrafted.families",
        ),
        (
            [("[head]", "[features.handcrafted]\nsegmentation = 'snakes'\n[head]")],
            "features.handcrafted.segmentation",
        ),
        (
            [("[head]", "[features.handcrafted]\nsegmentation = 'none'\n[head]")],
            "features.handcrafted.segmentation",
        ),
        (
            [("[head]", "[features.handcrafted]\nstandardised_size = 1\n[head]")],
            "features.handcrafted.standardised_size",
        ),
        (
            [("[head]", "[features.handcrafted]\nstandardised_size = 64\n[head]")],
            "features.handcrafted.standardised_size",
        ),
        ([("[head]", '[as_published]\nhabits = ["standardise_before_split"]\n[head]')], "habits"),
        (
            [
                ('kind = "features"', 'kind = "fine_tune"'),
                ("[head]", "[fine_tune]\nstages = 1\n[features.handcrafted]\n[head]"),
            ],
            "features.handcrafted",
        ),
        ([('backbones = ["resnet50"]', "backbones = []")], "features.backbones"),
        ([('backbones = ["resnet50"]', 'backbones = "resnet50"')], "backbones"),
        ([('names = ["svm"]', 'names = ["voting"]')], "members"),
        ([('names = ["svm"]', 'names = ["svm"]\ntunes = true')], "tunes"),
        ([("[head]", "[cnn]\nepochs = 2\n[head]")], r"must not have a table \[cnn\]"),
        ([('[features]\nbackbones = ["resnet50"]', "")], r"needs a table \[features\]"),
        ([("[head]", '[selection]\nmethods = ["lasso"]\n[head]')], "selection.methods"),
        ([("[head]", "[selection]\nn_features = 0\n[head]")], "n_features"),
        ([("[head]", '[split]\ntheirs = "subject"\n[head]')], "split.theirs"),
        ([("[head]", "[split]\nn_splits = 1\n[head]")], "n_splits"),
        ([("[head]", 'metrics = ["f1"]\n[head]')], "unknown keys"),
        ([("[features]", 'metrics = ["f1"]\n[features]')], "'metrics'"),
        ([("[head]", '[as_published]\nhabits = ["peek"]\n[head]')], "habits"),
        ([("[features]", "features = 3\n[feature]")], "."),
        ([('title = "My own"', "title = 5")], "'title' of the recipe must be text. Got 5"),
        ([('name = "own"', "name = 5")], "'name' of the recipe must be text"),
        ([("[features]", "as_published = true\n[features]")], "'as_published'.*--as-published"),
        ([("[features]", "published = 'x'\n[features]")], r"\[\[published\]\]"),
        ([("[head]", "crop = -1\n[head]")], "'features.crop' .* 1 pixel or more"),
        ([("[head]", "input_size = 'big'\n[head]")], "'features.input_size' .* a whole number"),
        ([("[head]", "views = true\n[head]")], "'features.views' .* a whole number or text"),
        ([("[head]", "layers = []\n[head]")], "'features.layers'"),
        ([('names = ["svm"]', 'names = ["svm", "svm"]')], "different names"),
        ([('names = ["svm"]', 'names = ["svm"]\ntune = "no"')], "'head.tune' .* true or false"),
        ([("[head]", "[selection]\nn_features = 2.5\n[head]")], "'selection.n_features'"),
        ([("[head]", "[selection]\nmethods = []\n[head]")], "'selection.methods'"),
        ([("[head]", '[split]\nn_splits = "3"\n[head]')], "'split.n_splits' .* a whole number"),
        (
            [("[head]", '[as_published]\nhabits = ["select_before_split"]\n[head]')],
            r"'as_published.habits' .* a table \[selection\]",
        ),
        (
            [
                ('kind = "features"', 'kind = "fine_tune"'),
                ('["resnet50"]', '["resnet50", "vgg16"]'),
                ("[head]", "[fine_tune]\nstages = 1\n[head]"),
            ],
            "'features.backbones' .* one network",
        ),
        (
            [
                ('kind = "features"', 'kind = "fine_tune"'),
                ("[head]", '[fine_tune]\nstages = 1\n[selection]\nmethods = ["pca"]\n[head]'),
            ],
            r"must not have a table \[selection\]",
        ),
        (
            [("[head]", "[selection]\nn_features = 10\n[head]")],
            "'selection.n_features' .* left out",
        ),
        (
            [("[head]", '[selection]\nmethods = ["none"]\nn_features = 10\n[head]')],
            "'selection.n_features' .* left out",
        ),
        *(
            (
                [
                    (
                        'backbones = ["resnet50"]',
                        f"{line}\n[features.handcrafted]\nfamilies = ['colour']",
                    )
                ],
                f"'features.{line.split()[0]}' .* left out where no network is given",
            )
            for line in (
                "layers = ['conv3']",
                "crop = 100",
                "pooling = 'gem'",
                "views = 'dihedral'",
                "input_size = 64",
                "mask = 'background'",
            )
        ),
        (
            [
                ('kind = "features"', 'kind = "fine_tune"'),
                ("[head]", "crop = 100\n[fine_tune]\ncrop = 300\n[head]"),
            ],
            r"'features.crop' .* that of \[fine_tune\], 300.* Got 100",
        ),
        (
            [("[features]", 'metrics = ["accuracy", "accuracy"]\n[features]')],
            "'metrics' .* different",
        ),
        (
            [("[features]", 'dataset = "cnmc2019"\n[features]')],
            "must be 'cnmc-2019' .did you mean that",
        ),
        (
            [("[features]", 'dataset = "taleqany"\n[features]')],
            "must be 'taleqani' .did you mean that",
        ),
    ],
)
def test_what_is_wrong_is_named(changes, message):
    text = with_changes(*changes)
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(tomllib.loads(text))


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ({"metric": "accuracy", "value": 97.07}, "divide percentages"),
        ({"metric": "accuracy", "value": 0.9, "source": ""}, "source"),
        ({"metric": "accuracy", "value": 0.9, "variant": "resnet"}, "published.variant"),
        ({"metric": "acuracy", "value": 0.9}, "'published.metric' .*'acuracy'"),
        (
            {"metric": "accuracy", "value": 0.9, "task": "all-vs-normall"},
            "'task' .* must be one of .*'all-vs-normall'",
        ),
        ({"metric": "accuracy", "value": True}, r"'published\[0\].value' .* a number"),
        ({"metric": "accuracy", "value": 0.9, "cells": "many"}, r"'published\[0\].cells'"),
    ],
)
def test_a_published_figure_needs_its_source(figure, message):
    whole = {"source": "somewhere", "dataset": "cnmc-2019", "split": "random", **figure}
    content = {**tomllib.loads(MINIMAL), "published": [whole]}
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(content)


@pytest.mark.parametrize(
    "dataset", ["gse9477", "cnmc-2019-test", "our hospital", "all-idb2", "pbc"]
)
def test_names_of_other_data_sets_are_as_good_as_any(dataset):
    assert Recipe.from_dict({**tomllib.loads(MINIMAL), "dataset": dataset}).dataset == dataset


def test_settings_of_the_cnn_are_checked_as_everywhere():
    content = {**tomllib.loads(MINIMAL), "kind": "cnn", "cnn": {"dropout": 1.5}}
    del content["features"], content["head"]
    with pytest.raises(ValueError, match="dropout"):
        Recipe.from_dict(content)
    content["cnn"] = {"dropuot": 0.5}
    with pytest.raises(ValueError, match=r"\[cnn\].*dropuot"):
        Recipe.from_dict(content)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("augmentation", True, "'cnn.augmentation' of the recipe must be a table or false"),
        ("augmentation", {"flop": 1}, "'augmentation' .* some of .*'flip'"),
        ("batch_norm", "yes", "'cnn.batch_norm' .* true or false"),
        ("l2", "a", "'cnn.l2' of the recipe must be a number"),
        ("learning_rate", float("inf"), "'learning_rate' .* a finite number"),
        ("filters", [1.5], "'cnn.filters' .* a list, each a whole number"),
    ],
)
def test_a_wrong_setting_of_the_cnn_is_named_with_what_it_may_be(setting, value, message):
    content = {**tomllib.loads(MINIMAL), "kind": "cnn", "cnn": {setting: value}}
    del content["features"], content["head"]
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(content)


def test_false_stands_for_none_which_toml_does_not_know():
    text = "augmentation = false\npatience = false\nclass_weight = false\ncrop = false"
    content = {**tomllib.loads(MINIMAL), "kind": "cnn", "cnn": tomllib.loads(text)}
    del content["features"], content["head"]
    network = Recipe.from_dict(content).cnn
    assert (network.augmentation, network.patience, network.class_weight) == (None, None, None)
    assert network.batch_norm is True


def test_a_part_of_a_grid_keeps_the_figures_of_what_it_runs():
    whole = load_recipe("resrandsvm")
    one = whole.override({"features": {"backbones": ["resnet50"]}})
    assert len(one.variants) == 12
    assert {figure.variant for figure in one.published} == {"random_forest + svm"}
    assert len(one.published) == len(whole.published)
    alone = one.override({"selection": {"methods": ["random_forest"]}, "head": {"names": ["svm"]}})
    assert {figure.variant for figure in alone.published} == {"svm"}
    assert whole.override({"features": {"backbones": ["vgg16"]}}).published == ()


def test_an_unknown_variant_of_a_large_grid_names_its_parts_and_not_all_names():
    with pytest.raises(ValueError, match="'variants' holds 'foo'") as error:
        wanted_variants(load_recipe("resrandsvm"), "foo")
    said = str(error.value)
    assert "84 of network + selection + head, as in 'resnet152 + anova + adaboost'" in said
    assert "selection anova, pca, random_forest; head adaboost, svm, mlp, naive_bayes" in said
    assert len(said) < 400


def test_override_merges_tables_and_checks_them():
    recipe = load_recipe("cnn")
    changed = recipe.override({"cnn": {"epochs": 3, "input_size": [64, 64]}, "metrics": ["auroc"]})
    assert (changed.cnn.epochs, changed.cnn.input_size) == (3, (64, 64))
    assert changed.cnn.filters == recipe.cnn.filters
    assert changed.metrics == ("auroc",)
    with pytest.raises(ValueError, match="epochs"):
        recipe.override({"cnn": {"epochs": 0}})
    with pytest.raises(ValueError, match=r"no table \[head\]"):
        recipe.override({"head": {"tune": False}})


def test_unknown_names_list_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="resnet50-svm"):
        load_recipe("resnet-svm")
    with pytest.raises(FileNotFoundError, match=r"none\.toml"):
        load_recipe(tmp_path / "none.toml")
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (1 << 21))
    with pytest.raises(ValueError, match="bytes"):
        load_recipe(huge)


def test_every_habit_is_used_and_explained():
    used = {habit for name in list_recipes() for habit in load_recipe(name).habits}
    assert used == set(HABITS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a=" + b"[" * 20_000, "nested too deep"),
        (b"a = [" * 3, "is no recipe that can be run"),
        (b"name = 'caf\xe9'", "is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_toml_is_named(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        load_recipe(path)
    assert "mine.toml" in str(error.value)
    assert error.value.__suppress_context__


def test_a_file_of_more_than_a_megabyte_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("#" * (1 << 20) + "\n")
    with pytest.raises(ValueError, match=r"mine\.toml. has more than 1048576 bytes"):
        load_recipe(path)
