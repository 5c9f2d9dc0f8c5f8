import gzip

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

from leukfeat import FeatureSet
from leukfeat.exceptions import LeakageError
from leukfeat.splitting import make_splits


def cells(**columns):
    """24 cells of 8 subjects, one class a subject; two subjects of class 1 share an image."""
    subjects = np.repeat([f"s{i}" for i in range(8)], 3)
    y = np.repeat([0, 1], 12)
    ids = np.array([f"image{i}" for i in range(24)], object)
    ids[15] = ids[12]  # s5 shares an image with s4
    frame = pd.DataFrame({"fold": np.repeat(["f0", "f1", "f0", "f1", "f0", "f1", "f0", "f1"], 3)})
    return FeatureSet(
        np.zeros((24, 2)), y, subjects=subjects, ids=ids, columns=frame.assign(**columns)
    )


def test_group_splits_keep_subjects_and_identical_images_together():
    splits = make_splits(cells(), n_splits=3, n_repeats=2)
    assert [(one.repeat, one.fold) for one in splits] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)
    ]  # fmt: skip
    for train, test in splits:
        assert len({"s4", "s5"} & set(cells().subjects[test])) in (0, 2)
        assert not set(cells().ids[train]) & set(cells().ids[test])
    assert splits.notes == ()


def test_splits_are_a_cv_of_scikit_learn():
    features = cells()
    scores = cross_val_score(DummyClassifier(), features, features.y, cv=make_splits(features))
    assert len(scores) == 5


def test_without_subjects_identical_images_stay_together_and_a_note_says_it():
    features = cells()
    features = FeatureSet(features.X, features.y, ids=features.ids)
    splits = make_splits(features, n_splits=4)
    assert splits.notes == ("no subjects: cells of one patient may stand on both sides",)
    for _, test in splits:
        assert len({12, 15} & set(test)) in (0, 2)


def test_random_must_be_asked_for_and_says_what_it_is():
    splits = make_splits(cells(), split="random", n_splits=3)
    subjects = cells().subjects
    assert any(set(subjects[train]) & set(subjects[test]) for train, test in splits)
    assert splits.notes == ("random split: cells of one patient stand on both sides",)
    one_each = FeatureSet(cells().X, cells().y, subjects=[f"p{i}" for i in range(len(cells()))])
    assert make_splits(one_each, split="random", n_splits=3).notes == ()


def test_official_folds_that_leak_are_refused_with_the_subjects():
    with pytest.raises(LeakageError, match=r"fold 'f0' shares .* 3 training cells of s5.*embargo"):
        make_splits(cells(), split="official")


def test_embargo_drops_from_training_only():
    splits = make_splits(cells(), split="official", embargo=True)
    subjects = cells().subjects
    assert [one.name for one in splits] == ["f0", "f1"]
    assert set(subjects[splits[0].test]) == {"s0", "s2", "s4", "s6"}
    assert set(subjects[splits[0].train]) == {"s1", "s3", "s7"}
    assert set(subjects[splits[1].train]) == {"s0", "s2", "s6"}
    assert "f0: 2 subjects of class 0" in splits.notes


def test_official_folds_that_do_not_leak_need_no_embargo():
    features = cells()
    features.ids[15] = "image15"
    assert len(make_splits(features, split="official")) == 2


def test_a_fold_column_must_be_there_and_filled():
    features = FeatureSet(np.zeros((2, 1)), [0, 1])
    with pytest.raises(ValueError, match="no column 'fold'"):
        make_splits(features, split="official")
    with pytest.raises(ValueError, match="3 cells have no 'fold'"):
        make_splits(cells(fold=["f0"] * 9 + ["f1"] * 12 + [None] * 3), split="official")
    with pytest.raises(ValueError, match="two or more values"):
        make_splits(cells(fold="f0"), split="official")


def test_leave_one_out_by_column_and_by_subject():
    sites = np.tile(["A", "A", "B"], 8)
    with pytest.raises(LeakageError, match="site 'A' shares"):
        make_splits(cells(site=sites), split="leave_one_out", by="site")
    sites = np.repeat(["A", "B", "A", "B", "A", "A", "B", "B"], 3)
    splits = make_splits(cells(site=sites), split="leave_one_out", by="site")
    assert [one.name for one in splits] == ["A", "B"]
    splits = make_splits(cells(), split="leave_one_out")
    assert len(splits) == 7  # s4 and s5 are one group
    assert "s0" in [one.name for one in splits]


def test_holding_out_every_cell_of_a_class_is_an_error():
    with pytest.raises(ValueError, match="leaves no training cell of class 0"):
        make_splits(
            cells(site=np.repeat(["A", "B"], 12)), split="leave_one_out", by="site", embargo=True
        )


def test_grouping_by_a_coarser_column():
    slides = np.repeat(["x", "y", "z", "w"], 6)
    for train, test in make_splits(cells(slide=slides), n_splits=2, by="slide"):
        assert not set(slides[train]) & set(slides[test])


def test_labels_are_needed():
    with pytest.raises(ValueError, match="has no labels"):
        make_splits(FeatureSet(np.zeros((2, 1))))
    with pytest.raises(ValueError, match="1 of 2 cells have no label"):
        make_splits(FeatureSet(np.zeros((2, 1)), [0, -1]))
    with pytest.raises(ValueError, match="Got 'subject' instead"):
        make_splits(cells(), split="subject")


@pytest.fixture(scope="module")
def cnmc_manifest(shared_data):
    path = shared_data / "cnmc" / "cnmc2019_manifest.csv.gz"
    with gzip.open(path, "rt") as file:
        frame = pd.read_csv(file, dtype=str)
    return frame[frame["split"] == "train"].reset_index(drop=True)


@pytest.mark.real_data
class TestCnmc:
    @pytest.fixture
    def features(self, cnmc_manifest):
        return FeatureSet(
            np.zeros((len(cnmc_manifest), 1)),
            (cnmc_manifest["label"] == "all").to_numpy(),
            subjects=cnmc_manifest["subject"].to_numpy(),
            ids=cnmc_manifest["sha256"].to_numpy(),
            columns=cnmc_manifest[["fold"]],
        )

    def test_subjects_that_share_images_are_merged(self, features):
        groups = make_splits(features).groups
        members = pd.Series(features.subjects).groupby(groups).unique()
        merged = {frozenset(found) for found in members if len(found) > 1}
        assert merged == {
            frozenset({"20", "21"}),
            frozenset({"51", "75", "78"}),
            frozenset({"H2", "H4", "H5", "H6"}),
            frozenset({"H3", "H10"}),
        }

    def test_every_side_of_every_fold_has_both_classes(self, features):
        for train, test in make_splits(features, n_splits=5, n_repeats=4):
            assert set(features.y[train]) == set(features.y[test]) == {0, 1}
            assert abs(len(test) / len(features) - 0.2) < 0.05
            assert not set(features.ids[train]) & set(features.ids[test])

    def test_official_folds_leak_and_fold_1_has_three_hem_subjects(self, features):
        with pytest.raises(LeakageError, match="embargo=True"):
            make_splits(features, split="official")
        splits = make_splits(features, split="official", embargo=True)
        assert "fold_1: 3 subjects of class 0" in splits.notes
        assert [len(one.test) for one in splits] == [3527, 3581, 3553]
        for train, test in splits:
            assert not set(splits.groups[train]) & set(splits.groups[test])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"split": "random", "by": "fold"}, "has no meaning with it"),
        ({"split": "random", "embargo": True}, "embargo=True belongs to"),
        ({"split": "group", "embargo": True}, "embargo=True belongs to"),
    ],
)
def test_what_a_split_cannot_use_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        make_splits(cells(), **given)


def named_cells(y, subjects=None, **columns):
    """Cells of the classes hem and all."""
    frame = pd.DataFrame(columns) if columns else None
    return FeatureSet(
        np.arange(len(y))[:, None], y, subjects=subjects, class_names=["hem", "all"], columns=frame
    )


@pytest.mark.parametrize("split", ["group", "random"])
def test_numbers_of_folds_that_cannot_be(split):
    features = named_cells([0, 0, 1, 1], ["H1", "H2", "1", "2"])
    for wrong in (1, 0, 2.5, True):
        with pytest.raises(ValueError, match=rf"'n_splits' must be .*Got {wrong} .*give 5"):
            make_splits(features, split=split, n_splits=wrong)
    with pytest.raises(ValueError, match=r"'n_repeats' must be .*Got 0 .*Give 1"):
        make_splits(features, split=split, n_splits=2, n_repeats=0)


def test_too_few_subjects_are_counted_a_class():
    features = named_cells([0] * 4 + [1] * 3, ["H1", "H1", "H2", "H3", "1", "2", "2"])
    says = r"5 groups.*3 with class 'hem', 2 with class 'all'; give n_splits=5 or less"
    with pytest.raises(ValueError, match=says):
        make_splits(features, n_splits=6)
    with pytest.raises(ValueError, match=r"Class 'all' has 3 cells, all of one group \(1\)"):
        make_splits(named_cells(features.y, [*features.subjects[:4], "1", "1", "1"]))
    with pytest.raises(ValueError, match=r"n_splits=5 and 4 of class hem, 3 of class all cells"):
        make_splits(features, split="random")
    with pytest.raises(ValueError, match="Got 4 of class hem, 1 of class all cells: leave"):
        make_splits(features[:5], split="random")


def test_what_is_held_out_is_named():
    features = named_cells([0, 0, 0, 1, 1, 1], list("aabccc"), site=["A"] * 3 + ["B"] * 3)
    says = r"Holding out subject 'c' leaves no training cell of class all: 3 .* one subject \(c\)"
    with pytest.raises(ValueError, match=says + r".*split='group'"):
        make_splits(features, split="leave_one_out")
    with pytest.raises(ValueError, match=r"site 'A' leaves .* class hem: .* 2 subjects \(a, b\)"):
        make_splits(features, split="leave_one_out", by="site")
    with pytest.raises(ValueError, match=r"To hold out 'subject' .* Got c in all 3 cells"):
        make_splits(features[3:], split="leave_one_out")
    splits = make_splits(named_cells([0, 1, 0, 1], list("abcd"), site=list("AABB")),
                         split="leave_one_out", by="site")  # fmt: skip
    assert "A: 1 subjects of class hem" in splits.notes
