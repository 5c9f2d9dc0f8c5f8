"""Which published figures stand beside which data."""

import numpy as np
import pytest

from leukfeat import CellDataset, FeatureSet
from leukfeat.recipes import load_recipe
from leukfeat.recipes.comparable import comparable_figures


@pytest.mark.parametrize(
    "class_names",
    [("Benign", "Early", "Pre", "Pro"), ("a", "b", "c")],
    ids=["a known set of another task", "an unknown set of three classes"],
)
def test_a_figure_of_another_task_never_stands_in_the_table(class_names):
    data = CellDataset.from_arrays(
        [np.zeros((4, 4, 3), np.uint8)] * 8,
        np.arange(8) % len(class_names),
        class_names=class_names,
    )
    found, notes = comparable_figures(load_recipe("resnet50-svm"), data, procedural=False)
    assert found == {}
    assert all("another task" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "class_names", "stands"),
    [
        ("liu-hu", ("healthy", "leukemic"), False),
        ("liu-hu", ("M1", "M2"), True),
        ("resnet50-svm", ("healthy", "leukemic"), True),
        ("mallick", ("normal", "AML"), False),
        ("mallick", ("ALL", "AML"), True),
    ],
)
def test_figures_of_two_other_classes_do_not_stand_beside_leukemia(name, class_names, stands):
    data = FeatureSet(np.zeros((4, 1)), np.arange(4) % 2, class_names=class_names)
    recipe = load_recipe(name)
    found, notes = comparable_figures(recipe, data, procedural=False)
    assert len(found) == (len(recipe.published) if stands else 0)
    assert len(notes) == (0 if stands else len(recipe.published))


@pytest.mark.parametrize(
    ("class_names", "stands", "assumed"),
    [
        (("lymphocyte", "monocyte"), False, False),
        (("Lymphocytes", "Monocytes"), False, False),
        (("Early", "Pre"), False, False),
        (("a", "b"), True, True),
        (("lymphocyte", "blast"), True, True),
        (("Normal", "ALL"), True, False),
        (("hem", "all"), True, False),
    ],
)
def test_cell_types_never_stand_beside_leukemia_and_what_is_assumed_is_said(
    class_names, stands, assumed
):
    data = FeatureSet(np.zeros((4, 1)), np.arange(4) % 2, class_names=class_names)
    found, notes = comparable_figures(load_recipe("resnet50-svm"), data, procedural=False)
    assert bool(found) is stands
    assert any("is assumed" in note for note in notes) is assumed
    if not stands:
        assert all("another task" in note for note in notes)
