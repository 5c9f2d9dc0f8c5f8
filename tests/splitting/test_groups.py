import numpy as np
import pytest

from leukfeat import FeatureSet
from leukfeat.splitting.groups import merge_groups, name_some, row_groups


def test_chains_of_shared_labels_are_one_group():
    subjects = ["a", "a", "b", "c", "d"]
    images = ["1", "2", "2", "3", "3"]
    np.testing.assert_array_equal(merge_groups(subjects, images), [0, 0, 0, 1, 1])


@pytest.mark.parametrize("missing", [None, "", np.nan])
def test_missing_labels_join_nothing(missing):
    groups = merge_groups([missing, missing, "a", "a"], None)
    np.testing.assert_array_equal(groups, [0, 1, 2, 2])


def test_no_labelling_gives_every_row_its_own_group():
    np.testing.assert_array_equal(merge_groups(None, n_rows=3), [0, 1, 2])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match=r"lengths \[2, 3\]"):
        merge_groups(["a", "b"], ["a", "b", "c"])
    with pytest.raises(ValueError, match="no labelling"):
        merge_groups(None)


def test_row_groups_merges_subjects_that_share_an_image():
    features = FeatureSet(
        np.zeros((4, 1)), subjects=["20", "20", "21", "75"], ids=["p", "q", "q", "r"]
    )
    groups, names, notes = row_groups(features)
    np.testing.assert_array_equal(groups, [0, 0, 0, 1])
    assert names.tolist() == ["20", "20", "21", "75"]
    assert notes == ()


def test_row_groups_says_how_many_subjects_are_missing():
    features = FeatureSet(np.zeros((3, 1)), subjects=["20", None, "21"])
    assert row_groups(features)[2] == (
        "1 of 3 cells have no subject: cells of one patient may stand on both sides",
    )
    assert row_groups(FeatureSet(np.zeros((3, 1))))[2] == (
        "no subjects: cells of one patient may stand on both sides",
    )


def test_name_some_cuts_a_long_list():
    assert name_some(range(9), at_most=2) == "0, 1 and 7 more"
