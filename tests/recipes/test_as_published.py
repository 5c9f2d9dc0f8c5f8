"""What `as_published` switches on: marked, the same in every run, and worth something."""

import re

import numpy as np
import pytest

from leukfeat.recipes import load_recipe, make_expression_matrix, routes, run_recipe
from leukfeat.recipes.habits import augmented_before_split, with_channels_reversed

QUIET = {"weights": "random", "progress": False, "n_splits": 2}


@pytest.mark.parametrize("habits", [["random_split"], []])
def test_a_split_that_is_run_anyway_is_no_column_of_mistakes(one_head, habits):
    recipe = one_head.override({"habits": habits})
    run = run_recipe(
        recipe, make_expression_matrix(40, 30), as_published=True, progress=False, n_splits=2
    )
    assert [mode.key for mode in run.modes] == ["theirs", "group"]
    assert any("as_published adds nothing here" in note for note in run.notes)
    by_group = recipe.override({"split": {"theirs": "group"}})
    run = run_recipe(
        by_group, make_expression_matrix(40, 30), as_published=True, progress=False, n_splits=2
    )
    assert [mode.key for mode in run.modes] == ["group", "as_published"][: 1 + len(habits)]


def test_the_habits_are_marked_and_worth_something(cells, quick):
    few = quick.override({"habits": ["random_split", "augment_before_split", "bgr"]})
    run = run_recipe(few, cells, as_published=True, **QUIET)
    assert run.modes[-1].title == "AS PUBLISHED (wrong)"
    assert run.modes[-1].habits == ("random_split", "augment_before_split", "bgr")
    wrong = run["logistic_regression", "as_published"].predictions
    assert wrong.n_cells == 3 * len(cells)
    assert any("copies of a test cell" in reason for reason in run.reasons)
    assert set(run.table["cells"]) == {len(cells)}
    assert (
        f"AS PUBLISHED (wrong) stands on {3 * len(cells)} rows, copies included, of the {len(cells)} cells"
        in run.notes
    )
    (gap,) = (reason for reason in run.reasons if reason.startswith("AS PUBLISHED"))
    assert re.search(r"by group 0\.\d+: [+-]0\.\d+ \([+-]0\.\d+ to [+-]", gap)


def test_selection_before_the_split_finds_what_is_not_there():
    nothing = make_expression_matrix(60, 1500, n_informative=0)
    recipe = load_recipe("ldsvm").override(
        {"head": {"names": ["logistic_regression"], "members": [], "tune": False}}
    )
    run = run_recipe(recipe, nothing, as_published=True, progress=False, n_splits=4)
    honest = run["logistic_regression", "group"]["balanced_accuracy"]
    wrong = run["logistic_regression", "as_published"]["balanced_accuracy"]
    assert 0.3 < honest.estimate < 0.7
    assert wrong.estimate > 0.85
    assert any("selected on all cells" in reason for reason in run.reasons)


def test_what_a_forest_selects_before_the_split_is_the_same_in_every_run(tmp_path, monkeypatch):
    recipe = load_recipe("ldsvm").override(
        {
            "selection": {"methods": ["random_forest"], "n_features": 5},
            "head": {"names": ["naive_bayes"], "members": [], "tune": False},
        }
    )
    nothing = make_expression_matrix(40, 120, n_informative=0)
    given = {"as_published": True, "progress": False, "n_splits": 2}

    def scores(**settings):
        run = run_recipe(recipe, nothing, **given, **settings)
        return run["naive_bayes", "as_published"].predictions.scores

    first = scores(output=tmp_path)
    np.testing.assert_array_equal(scores(), first)
    # Folds of another choice, as older versions drew, are not taken for these.
    drawn = routes.selector_steps
    monkeypatch.setattr(routes, "selector_steps", lambda *given: drawn(*given[:3], random_state=99))
    assert (scores(output=tmp_path) != first).any()


def test_channels_are_exchanged(cells, tmp_path):
    from leukfeat.imaging.reading import read_image

    exchanged = with_channels_reversed(cells[:3], tmp_path)
    for before, after in zip(cells.images[:3], exchanged.images, strict=True):
        np.testing.assert_array_equal(read_image(after), before[..., ::-1])
    assert list(exchanged.subjects) == list(cells.subjects[:3])


def test_copies_forget_whose_copies_they_are(cells, tmp_path):
    copies = augmented_before_split(cells[:5], tmp_path, copies=2)
    assert len(copies) == 15
    assert "parent_id" not in copies.frame.columns
    assert "group" not in copies.frame.columns
    assert sorted(copies.y) == sorted([*cells.y[:5]] * 3)
