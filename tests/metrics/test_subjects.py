import numpy as np
import pytest

from leukfeat.metrics import bootstrap_interval, figures_of_merit, index_subjects, kish


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


def test_cells_without_subject_are_told_from_subjects():
    index = index_subjects(["H1", None, "", "H2", np.nan, "H1"], 6)
    assert (index.count, index.alone) == (5, 3)
    assert index.names[:2] == ("H1", "H2")
    assert index_subjects([None, None], 2).alone == 0, "then nothing is known"


def test_an_interval_counts_them_apart_and_says_so():
    rng = np.random.default_rng(0)
    subjects = np.repeat([f"s{i}" for i in range(24)], 5).astype(object)
    y = np.repeat(np.arange(24) % 2, 5)
    predicted = np.where(rng.random(120) < 0.2, 1 - y, y)
    whole = figures_of_merit(y, predicted, None, subjects)["sensitivity"].interval()
    assert (whole.n_subjects, whole.n_without_subject, whole.note) == (12, 0, "")
    subjects[5:10] = None  # the cells of s1
    subjects[10:15] = ""  # of s2, which are no positive ones
    for over in ("cells", "subjects"):
        figures = figures_of_merit(y, predicted, None, subjects, over=over)
        found = figures["sensitivity"].interval()
        assert (found.n_subjects, found.n_without_subject) == (11, 5)
        assert "5 cells without subject each count as a subject" in found.note
        both = figures["balanced_accuracy"].interval()
        assert (both.n_subjects, both.n_without_subject) == (22, 10)
    sure = bootstrap_interval(lambda rows: float((predicted == y)[rows].mean()), y, subjects)
    assert (sure.n_subjects, sure.n_without_subject) == (22, 10)
