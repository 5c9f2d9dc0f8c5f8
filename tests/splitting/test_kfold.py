import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, cross_val_score
from sklearn.tree import DecisionTreeClassifier

from leukfeat.splitting import SubjectKFold


def few_hem_subjects():
    """Six subjects a class, as uneven as real ones, every one of a single class."""
    sizes = {"H1": 250, "H2": 9, "H3": 40, "H4": 30, "H5": 12, "H6": 70}
    sizes |= {"1": 757, "2": 30, "3": 60, "4": 55, "5": 90, "6": 20}
    subjects = np.repeat(list(sizes), list(sizes.values()))
    return np.char.startswith(subjects, "H").astype(int), subjects


@pytest.mark.parametrize("seed", range(10))
def test_every_fold_has_every_class(seed):
    y, subjects = few_hem_subjects()
    for train, test in SubjectKFold(6, random_state=seed).split(y, y, subjects):
        assert not set(subjects[train]) & set(subjects[test])
        assert set(y[train]) == set(y[test]) == {0, 1}


def test_folds_are_whole_where_stratified_group_kfold_leaves_gaps():
    stock_gaps = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        sizes = np.exp(rng.normal(3, 1.3, 9)).astype(int) + 1
        groups = np.repeat(np.arange(9), sizes)
        mixed, own = rng.random(9) < 0.3, rng.integers(0, 2, 9)
        y = np.where(mixed[groups], rng.integers(0, 2, len(groups)), own[groups])
        n_splits = min(len(set(groups[y == label])) for label in (0, 1))
        if n_splits < 2:
            continue
        stock = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
        stock_gaps += any(len(set(y[test])) < 2 for _, test in stock.split(y, y, groups))
        for train, test in SubjectKFold(n_splits, random_state=seed).split(y, y, groups):
            assert set(y[train]) == set(y[test]) == {0, 1}
    assert stock_gaps > 10


def test_cells_are_shared_out_evenly():
    rng = np.random.default_rng(0)
    sizes = rng.integers(9, 300, 73)
    subjects = np.repeat(np.arange(73), sizes)
    y = (subjects < 26).astype(int)
    for _, test in SubjectKFold(5).split(y, y, subjects):
        assert abs(len(test) / len(y) - 0.2) < 0.03
        assert abs(y[test].mean() - y.mean()) < 0.05


def test_same_seed_same_folds_other_seed_other_folds():
    y, subjects = few_hem_subjects()
    first, again, other = (
        np.stack(SubjectKFold(3, random_state=seed).folds(y, subjects)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_repeats_differ_and_partition():
    y, subjects = few_hem_subjects()
    splitter = SubjectKFold(3, n_repeats=2)
    tests = [test for _, test in splitter.split(y, y, subjects)]
    assert len(tests) == splitter.get_n_splits() == 6
    for repeat in (tests[:3], tests[3:]):
        np.testing.assert_array_equal(np.sort(np.concatenate(repeat)), np.arange(len(y)))
    assert {tuple(t) for t in tests[:3]} != {tuple(t) for t in tests[3:]}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_training_never_lacks_a_class(data):
    n_groups = data.draw(st.integers(4, 12))
    label = data.draw(st.lists(st.integers(0, 2), min_size=n_groups, max_size=n_groups))
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=n_groups, max_size=n_groups))
    counts = np.bincount(label)
    if (counts[counts > 0] < 2).any():
        return
    y, groups = np.repeat(label, sizes), np.repeat(np.arange(n_groups), sizes)
    n_splits = data.draw(st.integers(2, min(4, n_groups)))
    for train, test in SubjectKFold(n_splits).split(y, y, groups):
        assert set(y[train]) == set(y)
        assert len(test)
        for value in set(label):
            if label.count(value) >= n_splits:
                assert value in y[test]


def test_without_groups_every_row_stands_alone_and_folds_are_stratified():
    y = np.repeat([0, 1, 2], [50, 30, 10])
    for _, test in SubjectKFold(5).split(y, y):
        np.testing.assert_array_equal(np.bincount(y[test]), [10, 6, 2])


def test_a_class_of_one_subject_is_named():
    y = np.array(["all"] * 4 + ["hem"] * 3)
    subjects = ["1", "1", "2", "3", "H7", "H7", "H7"]
    with pytest.raises(ValueError, match=r"Class 'hem' has 3 cells, all of one group \(H7\)"):
        list(SubjectKFold(2).split(y, y, subjects))


def test_more_folds_than_groups():
    y = np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="n_splits=5 and 4 groups"):
        list(SubjectKFold(5).split(y, y, ["a", "b", "c", "d"]))


def test_lengths_and_parameters_are_checked():
    with pytest.raises(ValueError, match="3 rows, 2 entries in 'y'"):
        list(SubjectKFold(2).split(np.zeros(3), [0, 1]))
    with pytest.raises(ValueError, match=r"'n_splits' must be an integer >= 2. Got 1"):
        list(SubjectKFold(1).split(np.zeros(3), [0, 1, 0]))
    with pytest.raises(ValueError, match="Got None"):
        list(SubjectKFold(2).split(np.zeros(3)))


def test_scikit_learn_uses_it():
    y, subjects = few_hem_subjects()
    X = y[:, None] + np.random.default_rng(0).normal(size=(len(y), 2))
    scores = cross_val_score(
        DecisionTreeClassifier(random_state=0), X, y, groups=subjects, cv=SubjectKFold(3)
    )
    assert len(scores) == 3


def test_a_row_without_group_is_its_own():
    groups = np.array(["a", "a", "b", None, "c", "c", "d", np.nan], object)
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    (folds,) = SubjectKFold(2).folds(y, groups)
    assert folds[0] == folds[1]
    assert folds[4] == folds[5]
    assert sorted(set(folds.tolist())) == [0, 1]


def test_classes_smaller_than_the_number_of_folds_fill_every_fold():
    for seed in range(10):
        (folds,) = SubjectKFold(3, random_state=seed).folds(np.array([0, 0, 1, 1]))
        assert set(folds.tolist()) == {0, 1, 2}


def test_one_group_alone_is_said_to_be_alone():
    with pytest.raises(ValueError, match=r"All 6 cells are of one group \(S1\).*other subjects"):
        SubjectKFold(5).folds(["all"] * 6, ["S1"] * 6)
    with pytest.raises(ValueError, match="n_splits=2 or less"):
        SubjectKFold(5).folds(["all"] * 6, ["S1", "S2"] * 3)
