"""Every recipe of the library runs on procedural cells, its mistakes too, and lands in one table."""

import re

import pytest

from leukfeat import make_cells
from leukfeat.recipes import (
    list_recipes,
    load_recipe,
    make_expression_matrix,
    recipes_overview,
    run_recipe,
)

KNOWN = {
    "abhishek",
    "attention-cnn",
    "cnn",
    "colour-clustering",
    "ldsvm",
    "leukfeat-best",
    "liu-hu",
    "mallick",
    "random-forest",
    "resnet50-svm",
    "resrandsvm",
    "three-heads-ensemble",
}

QUICK = {"ldsvm", "leukfeat-best", "mallick", "random-forest"}
"""What a usual run tests; the kinds of the others have quick tests of their own."""


@pytest.fixture(scope="module")
def cells():
    return make_cells(24, 72, size=48)


def small(name):
    """Return a recipe as it is, but for the sizes of networks, images and grids."""
    recipe = load_recipe(name)
    changes = {"published": []}
    if recipe.features is not None:
        changes["features"] = {}
        if recipe.features.backbones:
            changes["features"] |= {"backbones": ["mobilenetv2"], "input_size": 32}
            changes["features"] |= {"crop": recipe.features.crop and 40}
        if recipe.features.standardises:
            changes["features"]["handcrafted"] = {"standardised_size": 32}
    if recipe.head is not None:
        names = [n for n in recipe.head.names if n not in ("adaboost", "mlp")]
        changes["head"] = {"tune": False, "names": names}
    if recipe.selection.methods != ("none",):
        changes["selection"] = {"n_features": 8}
    if recipe.cnn is not None:
        changes["cnn"] = {"input_size": [32, 32], "filters": [4, 4], "epochs": 1}
        if recipe.cnn.dense:
            changes["cnn"]["dense"] = [4]
    if recipe.fine_tune is not None:
        changes["fine_tune"] = {"input_size": [32, 32], "epochs": 1}
    return recipe.override(changes)


def test_every_system_of_the_literature_is_there():
    assert set(list_recipes()) >= KNOWN


@pytest.mark.parametrize(
    "name",
    [
        name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)
        for name in list_recipes()
    ],
)
def test_a_recipe_runs_by_group_and_as_published(name, cells, tmp_path):
    recipe = small(name)
    data = make_expression_matrix(24, 30) if recipe.kind == "matrix" else cells
    run = run_recipe(
        recipe,
        data,
        weights="random",
        cache=tmp_path,
        as_published=True,
        n_splits=2,
        progress=False,
    )
    assert run.variants == recipe.variants
    keys = [mode.key for mode in run.modes]
    assert (keys[-1] == "as_published") is bool(recipe.habits)
    assert run.modes[-1].habits == recipe.habits
    copies = 3 if "augment_before_split" in recipe.habits else 1
    for variant in run.variants:
        for key in keys:
            found = run[variant, key]
            n = len(data) * (copies if key == "as_published" else 1)
            assert found.predictions.n_cells == n
            assert 0 <= found["accuracy"].estimate <= 1
        honest = run[variant, "group"].predictions
        folds = [set(honest.subjects[honest.fold == k]) for k in (0, 1)]
        assert not folds[0] & folds[1]
    table = recipes_overview([run])
    assert table["variant"].tolist() == list(run.variants)
    assert ("AS PUBLISHED (wrong)" in table) is bool(recipe.habits)
    assert all((table[mode.title] != "").all() for mode in run.modes)
    assert len(run.reasons) >= min(2, len(run.modes))
    for reason in run.reasons:
        assert re.search(r"\d\.\d{3}|[Tt]his run has [\d,]+", reason), reason
