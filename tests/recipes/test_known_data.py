import numpy as np
import pytest

from leukfeat import FeatureSet
from leukfeat.recipes import known_data, list_recipes, load_recipe
from leukfeat.recipes.known_data import recognise


def features_of(counts, subjects=None):
    y = np.repeat(np.arange(len(counts)), list(counts.values()))
    names = None if subjects is None else np.array([f"S{i % subjects}" for i in range(len(y))])
    return FeatureSet(np.zeros((len(y), 1)), y, subjects=names, class_names=tuple(counts))


def test_counts_add_up():
    for known in known_data().values():
        if known.class_counts:
            assert sum(known.class_counts.values()) == known.cells


def test_every_data_set_of_a_recipe_is_known():
    for name in list_recipes():
        recipe = load_recipe(name)
        assert not recipe.dataset or recipe.dataset in known_data()


def test_a_whole_copy_is_recognised_by_its_classes():
    cnmc = known_data()["cnmc-2019"]
    whole = features_of({"hem": 3389, "all": 7272}, subjects=73)
    assert recognise(whole) is cnmc
    assert cnmc.differences(whole) == ""
    assert recognise(features_of({"hem": 648, "all": 1219})).name == "cnmc-2019-preliminary"
    assert recognise(features_of({"cat": 3, "dog": 4})) is None


def test_made_cells_are_of_no_known_set_and_a_part_is_of_the_one_that_its_loader_names():
    from leukfeat import make_cells

    assert recognise(make_cells(10, 20, size=16)) is None
    part = FeatureSet(
        np.zeros((20, 1)), np.arange(20) % 2, class_names=("hem", "all"), name="C-NMC 2019 train"
    )
    assert recognise(part).name == "cnmc-2019"
    part.name = "C-NMC 2019 prelim"
    assert recognise(part).name == "cnmc-2019-preliminary"


@pytest.mark.parametrize(
    ("counts", "subjects", "said"),
    [
        ({"hem": 3389, "all": 7271}, 73, "10,660 of 10,661 images, 7,271 of 7,272 all"),
        ({"hem": 3389, "all": 7272}, 70, "70 of 73 subjects"),
        ({"hem": 3389, "all": 7272}, None, "0 of 73 subjects"),
    ],
)
def test_what_a_copy_lacks_is_said(counts, subjects, said):
    assert known_data()["cnmc-2019"].differences(features_of(counts, subjects)) == said
