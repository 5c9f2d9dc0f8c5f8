"""The table [preparation] of a recipe holds for every kind of it."""

import json

import numpy as np
import pytest

from leukfeat import make_cells
from leukfeat.imaging import Preparation, fit_preparation
from leukfeat.recipes import load_recipe, run_recipe
from leukfeat.recipes.route import RunSettings
from leukfeat.recipes.routes import make_routes
from leukfeat.recipes.schema import Recipe
from leukfeat.recipes.steps import PreparationStep

CHAIN = Preparation("gray_world", ("median_blur", {"size": 3}))
STEPS = {"steps": ["gray_world", {"name": "median_blur", "size": 3}]}
QUIET = RunSettings(weights="random", progress=False)


@pytest.fixture(scope="module")
def cells():
    return make_cells(16, 32, size=64)


def features_recipe(**tables):
    return Recipe.from_dict(
        {
            "format": 1,
            "name": "prepared",
            "title": "t",
            "kind": "features",
            "citation": "c",
            "summary": "s",
            "features": {
                "backbones": ["resnet50"],
                "layers": ["conv2"],
                "input_size": 32,
                "handcrafted": {"families": ["colour"]},
            },
            "head": {"names": ["logistic_regression"], "tune": False},
            "split": {"n_splits": 2},
            **tables,
        }
    )


def test_networks_and_measurements_are_of_prepared_images(cells):
    (route,) = make_routes(features_recipe(preparation=STEPS), cells, QUIET)
    assert [part.preparation for part in route.data.spec.parts] == [CHAIN.to_json()] * 2
    (plain,) = make_routes(features_recipe(), cells, QUIET)
    assert not np.allclose(route.data.X, plain.data.X)
    assert route.identity != plain.identity


@pytest.mark.parametrize("name", ["cnn", "random-forest", "abhishek"])
def test_images_that_are_read_first_are_prepared(cells, name):
    recipe = load_recipe(name)
    plain = next(iter(make_routes(recipe, cells, QUIET)))
    prepared = next(iter(make_routes(recipe.override({"preparation": STEPS}), cells, QUIET)))
    assert prepared.data.preparation == CHAIN.to_json()
    assert plain.data.preparation is None
    assert not np.array_equal(plain.data.X, prepared.data.X)
    # Another identity, so that folds done without it are not taken for these.
    assert prepared.identity != plain.identity


def test_a_result_says_what_was_fitted(cells):
    fitted = fit_preparation(make_cells(2, 4, size=64, random_state=9), "reinhard")
    step = {"steps": json.loads(fitted.to_json())["steps"]}
    recipe = features_recipe(preparation=step, features={"handcrafted": {"families": ["colour"]}})
    result = run_recipe(recipe, cells, n_splits=2, progress=False)
    assert any("'reinhard' was fitted on 4 images" in note for note in result.notes)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"steps": ["sharpen"]}, r"'preparation.steps' of the recipe.*'sharpen'"),
        ({"steps": ["macenko"]}, r"'preparation.steps' of the recipe.*fit_preparation"),
        ({"steps": []}, "at least one step"),
        ({"steps": 3}, "list 'steps'"),
        ({}, r"\[preparation\] of the recipe lacks \['steps'\]"),
        ({"steps": ["invert"], "text": "{}"}, r"unknown keys \['text'\]"),
    ],
)
def test_a_wrong_table_is_named(wrong, says):
    with pytest.raises(ValueError, match=says):
        features_recipe(preparation=wrong)


def test_it_stands_in_one_place_and_not_beside_a_matrix():
    with pytest.raises(ValueError, match=r"'cnn.preparation' of the recipe must be left out"):
        load_recipe("cnn").override({"cnn": {"preparation": CHAIN.to_json()}})
    with pytest.raises(ValueError, match=r"'matrix' must not have a table \[preparation\]"):
        load_recipe("ldsvm").override({"preparation": STEPS})
    assert PreparationStep(**STEPS).text == CHAIN.to_json()
