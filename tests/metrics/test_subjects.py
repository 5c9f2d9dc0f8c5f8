import numpy as np
import pytest

from leukfeat.metrics import index_subjects, kish


def test_codes_follow_the_sorted_names():
    index = index_subjects(np.array(["b", "a", "b", "c"], object), 4)
    assert index.names == ("a", "b", "c")
    np.testing.assert_array_equal(index.codes, [1, 0, 1, 2])
    assert index.known


def test_numbers_and_missing_subjects():
    index = index_subjects([3, None, 3, float("nan")], 4)
    assert index.count == 3
    assert len(set(index.codes)) == 3
    assert index.codes[0] == index.codes[2]
    assert "without subject" in index.names[1]


def test_without_subjects_each_cell_is_a_unit():
    index = index_subjects(None, 3)
    assert not index.known
    np.testing.assert_array_equal(index.codes, [0, 1, 2])


def test_strata_are_classes_only_when_no_subject_holds_two():
    one_each = index_subjects(["a", "a", "b"], 3)
    np.testing.assert_array_equal(one_each.strata(np.array([1, 1, 0])), [1, 0])
    np.testing.assert_array_equal(one_each.strata(np.array([1, 0, 0])), [0, 0])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one entry a cell, 3"):
        index_subjects(["a"], 3)


def test_kish_of_the_cells_of_cnmc_hem():
    assert kish([1, 1, 1]) == 3
    assert kish([5, 0, 0]) == 1
    assert kish([0, 0]) == 0
    assert kish([4, 2]) == 36 / 20
