"""Whatever the cells, no patient and no image stands on both sides, and each cell is tested once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leukfeat import FeatureSet
from leukfeat.splitting import make_splits, merge_groups

THOROUGH = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@st.composite
def cells(draw, *, subjects_known=None):
    """Subjects of one class or of two, some sharing an image, in any order."""
    n_subjects = draw(st.integers(4, 12))
    sizes = draw(st.lists(st.integers(1, 8), min_size=n_subjects, max_size=n_subjects))
    subjects = np.repeat([f"s{i}" for i in range(n_subjects)], sizes)
    n = len(subjects)
    # The first two are of one class, the next two of the other: both can always be trained on.
    kinds = [0, 0, 1, 1, *(draw(st.sampled_from([0, 1, None])) for _ in range(n_subjects - 4))]
    y = np.concatenate(
        [
            [kind] * size if kind is not None else draw(_labels(size))
            for kind, size in zip(kinds, sizes, strict=True)
        ]
    )
    ids = np.array([f"image{i}" for i in range(n)], object)
    for _ in range(draw(st.integers(0, 3))):
        first, second = draw(st.integers(0, n - 1)), draw(st.integers(0, n - 1))
        if y[first] == y[second]:
            ids[second] = ids[first]
    folds = np.array([f"f{draw(st.integers(0, 2))}" for _ in range(n)], object)
    order = np.array(draw(st.permutations(range(n))))
    known = draw(st.booleans()) if subjects_known is None else subjects_known
    return FeatureSet(
        np.zeros((n, 1)),
        y[order],
        subjects=subjects[order] if known else None,
        ids=ids[order],
        columns=pd.DataFrame({"fold": folds[order]}),
    )


def _labels(size):
    return st.lists(st.integers(0, 1), min_size=size, max_size=size)


def assert_nothing_is_on_both_sides(data, train, test):
    assert len(train)
    assert len(test)
    assert not set(train) & set(test)
    assert not set(data.ids[train]) & set(data.ids[test])
    if data.subjects is not None:
        # Nor through a chain of subjects that share images with each other.
        groups = merge_groups(data.subjects, data.ids)
        assert not set(groups[train]) & set(groups[test])
    assert set(data.y[train]) == set(data.y)


def splits_or_refusal(data, **settings):
    """Return the splits, or the words of a refusal: too few groups to train and test on."""
    try:
        return make_splits(data, **settings), ""
    except ValueError as refusal:
        return None, str(refusal)


@THOROUGH
@given(cells(), st.integers(2, 4), st.integers(1, 2), st.integers(0, 5))
def test_group_splits_test_every_cell_once_and_leak_nothing(data, n_splits, n_repeats, seed):
    given = {"n_splits": n_splits, "n_repeats": n_repeats, "random_state": seed}
    splits, refusal = splits_or_refusal(data, **given)
    if splits is None:
        assert len(refusal) > 40  # says what is lacking
        return
    assert len(splits) == n_splits * n_repeats
    for train, test in splits:
        assert_nothing_is_on_both_sides(data, train, test)
        assert len(train) + len(test) == len(data)
    for repeat in range(n_repeats):
        tested = np.concatenate([one.test for one in splits if one.repeat == repeat])
        assert sorted(tested) == list(range(len(data)))
    again = make_splits(data, **given)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(splits, again, strict=True))


@pytest.mark.parametrize(
    "given_settings",
    [{"n_splits": 2}, {"split": "official", "embargo": True}, {"split": "leave_one_out"}],
    ids=["group", "official", "leave_one_out"],
)
def test_of_the_cells_drawn_enough_can_be_split(given_settings):
    counts = {True: 0, False: 0}

    @settings(max_examples=100, deadline=None, derandomize=True, database=None)
    @given(cells())
    def count(data):
        counts[splits_or_refusal(data, **given_settings)[0] is not None] += 1

    count()
    assert counts[True] > 10, counts


@THOROUGH
@given(cells(subjects_known=True))
def test_an_official_split_that_leaks_is_refused_and_an_embargo_mends_it(data):
    splits, refusal = splits_or_refusal(data, split="official", embargo=True)
    column = data.column("fold")
    groups = merge_groups(data.subjects, data.ids)
    crossing = any(
        set(groups[column == fold]) & set(groups[column != fold]) for fold in set(column)
    )
    if crossing and len(set(column)) > 1:
        # Or an earlier fold cannot be trained on at all.
        with pytest.raises(ValueError, match=r"embargo=True|leaves no training cell"):
            make_splits(data, split="official")
    if splits is None:
        assert len(refusal) > 40
        return
    for one in splits:
        assert_nothing_is_on_both_sides(data, *one)
        assert set(one.test) == set(np.flatnonzero(column == one.name))
        # Dropped from training is only what shares a group with the test side.
        dropped = np.setdiff1d(np.flatnonzero(column != one.name), one.train)
        assert np.isin(groups[dropped], groups[one.test]).all()


@THOROUGH
@given(cells())
def test_leaving_one_out_leaves_a_whole_group_out(data):
    splits, refusal = splits_or_refusal(data, split="leave_one_out")
    if splits is None:
        assert len(refusal) > 40
        return
    for train, test in splits:
        assert_nothing_is_on_both_sides(data, train, test)
        assert len(set(splits.groups[test])) == 1
    tested = np.concatenate([test for _, test in splits])
    assert sorted(tested) == list(range(len(data)))
