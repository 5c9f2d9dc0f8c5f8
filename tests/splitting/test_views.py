"""Augmented rows: on their cell's side in every split, in no test fold, refused in every test."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, KFold

import leukfeat as lf
from leukfeat.evaluation import leave_pair_out_auroc
from leukfeat.exceptions import LeakageError
from leukfeat.heads import Head
from leukfeat.heads.inner_folds import inner_splits
from leukfeat.heads.training_data import training_data
from leukfeat.imaging import augment_cells
from leukfeat.splitting import SubjectKFold, check_split, make_splits
from leukfeat.splitting.groups import row_groups

SPLITS = [
    {"split": "group", "n_splits": 3, "n_repeats": 2},
    {"split": "group", "by": "site", "n_splits": 2},
    {"split": "random", "n_splits": 4, "n_repeats": 2},
    {"split": "official"},
    {"split": "official", "by": "site", "embargo": True},
    {"split": "leave_one_out"},
    {"split": "leave_one_out", "by": "site", "embargo": True},
]


def make(*, subjects=True, ids=True, groups=True, n_subjects=12, each=4):
    """Features of cells and two views of each, in shuffled order."""
    n = n_subjects * each
    subject = np.repeat([f"s{i}" for i in range(n_subjects)], each)
    y = np.repeat(np.arange(n_subjects) % 2, each)
    own = np.array([f"id{i}" for i in range(n)], object)
    frame = pd.DataFrame(
        {
            "y": np.tile(y, 3),
            "subject": np.tile(subject, 3),
            "id": [*own, *(f"{name}-a" for name in own), *(f"{name}-b" for name in own)],
            "parent_id": [*[None] * n, *own, *own],
            "fold": np.tile(np.repeat(np.arange(n_subjects) // 2 % 3, each), 3),
            "site": np.tile(np.repeat(np.arange(n_subjects) // 2 % 2, each), 3),
        }
    ).sample(frac=1, random_state=0)
    rng = np.random.default_rng(0)
    origin = frame["parent_id"].fillna(frame["id"])
    return lf.FeatureSet(
        rng.normal(size=(len(frame), 3)) + frame["y"].to_numpy()[:, None],
        frame["y"].to_numpy(),
        subjects=frame["subject"].to_numpy(object) if subjects else None,
        groups=origin.to_numpy(object) if groups else None,
        ids=frame["id"].to_numpy(object) if ids else None,
        columns=frame[["parent_id", "fold", "site"]].reset_index(drop=True),
    )


def check(data, train, test):
    parents = data.column("parent_id")
    assert pd.isna(parents[test]).all()
    if data.ids is not None:
        tested = set(data.ids[test])
        assert not tested & set(parents[train][~pd.isna(parents[train])])
        return
    # Without ids the group stands for the cell.
    assert not set(data.groups[test]) & set(data.groups[train])


@pytest.mark.parametrize("settings", SPLITS, ids=lambda s: "-".join(map(str, s.values())))
@pytest.mark.parametrize("known", ["subjects", "no subjects", "no groups"])
def test_no_split_tests_a_view_or_parts_it_from_its_cell(settings, known):
    data = make(subjects=known != "no subjects", groups=known != "no groups")
    splits = make_splits(data, **settings)
    is_cell = pd.isna(data.column("parent_id"))
    for train, test in splits:
        check(data, train, test)
        # A view is lost only where its cell is tested, or dropped by an embargo.
        cells_trained = set(data.ids[train[is_cell[train]]])
        views_trained = data.column("parent_id")[train[~is_cell[train]]].tolist()
        assert sorted(views_trained) == sorted([*cells_trained] * 2)
    for repeat in {one.repeat for one in splits}:
        tested = np.concatenate([one.test for one in splits if one.repeat == repeat])
        assert sorted(tested) == np.flatnonzero(is_cell).tolist()
    assert any("96 of 144 rows are augmented" in note for note in splits.notes)


@pytest.mark.parametrize("settings", [s for s in SPLITS if s.get("by") is None])
def test_cells_are_split_as_they_are_without_their_views(settings):
    data = make()
    is_cell = pd.isna(data.column("parent_id"))
    alone = make_splits(data[is_cell], **settings)
    whole = make_splits(data, **settings)
    rows = np.flatnonzero(is_cell)
    assert {tuple(rows[one.test]) for one in alone} == {tuple(one.test) for one in whole}


def test_images_without_ids_are_read_to_know_whose_view_is_whose():
    cells = lf.make_cells(8, 24, size=48, random_state=0)
    bare = augment_cells(cells).frame.drop(columns=["subject", "group"])
    data = lf.CellDataset(bare, class_names=cells.class_names)
    keys = [image.tobytes() for image in data.images]
    for settings in ({"split": "group", "n_splits": 3}, {"split": "random", "n_splits": 3}):
        for train, test in make_splits(data, **settings):
            assert (test < 24).all()
            assert not set(test + 24) & set(train)
            assert len(train) == 2 * (24 - len(test))
    assert len(set(keys)) == 48
    groups, _, _ = row_groups(data)
    assert (groups[:24] == groups[24:]).all()
    # The scikit-learn splitter knows groups, and with them keeps views and cells together.
    for train, test in SubjectKFold(3).split(groups, data.y, groups):
        assert not set(groups[train]) & set(groups[test])


def test_views_alone_cannot_be_split():
    data = make()
    with pytest.raises(ValueError, match="All 96 rows are augmented"):
        make_splits(data[~pd.isna(data.column("parent_id"))])


def test_a_split_by_hand_is_checked():
    data = make()
    parents, ids = data.column("parent_id"), data.ids
    cells, views = np.flatnonzero(pd.isna(parents)), np.flatnonzero(~pd.isna(parents))
    with pytest.raises(LeakageError, match="96 of 96 test rows are augmented"):
        check_split(cells, views, parents=parents)
    with pytest.raises(LeakageError, match="96 augmented training rows are views of test cells"):
        check_split(views, cells, parents=parents, ids=ids)


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
@pytest.mark.parametrize("split", ["group", "random"])
@pytest.mark.parametrize("cv", [3, GroupKFold(3), KFold(3, shuffle=True, random_state=0)], ids=str)
def test_folds_inside_a_head_test_no_view(split, cv):
    if split == "group" and isinstance(cv, KFold):
        pytest.skip("puts subjects on both sides, which is refused by itself")
    data = make()
    rows = training_data(Head(), data, None, None, positive=None)
    splits, _ = inner_splits(rows, cv, split=split, random_state=0)
    for train, test in splits:
        check(data, train, test)
    tested = np.concatenate([test for _, test in splits])
    assert sorted(tested) == np.flatnonzero(pd.isna(data.column("parent_id"))).tolist()


def test_folds_that_were_given_may_test_no_view():
    data = make()
    order = np.random.default_rng(0).permutation(len(data))
    folds = [(order[72:], order[:72]), (order[:72], order[72:])]
    for split in ("group", "random"):
        with pytest.raises(LeakageError):
            lf.fit_head(data, "logistic_regression", cv=folds, split=split, tune=False)


def test_heads_and_results_count_cells_only():
    data = make()
    n_cells = int(pd.isna(data.column("parent_id")).sum())
    head = lf.fit_head(data, "logistic_regression", tune=False)
    assert set(head.out_of_fold_["row"]) == set(np.flatnonzero(pd.isna(data.column("parent_id"))))
    result = lf.cross_validate_heads(data, "logistic_regression", n_splits=3, tune=False)
    assert result["logistic_regression"]["balanced_accuracy"].n_cells == n_cells
    assert any("never tested" in note for note in result.notes)
    few = data[data.subjects < "s2"]
    settings = {"tune": False, "calibrate": False}
    area = leave_pair_out_auroc(few, "logistic_regression", **settings)
    assert area.n_cells == int(pd.isna(few.column("parent_id")).sum())


def test_an_ensemble_compares_its_members_on_cells_only():
    data = make(n_subjects=16)
    ensemble = lf.fit_ensemble(
        data,
        heads=["logistic_regression", "linear_svm"],
        nested=2,
        cv=2,
        tune=False,
        controls=False,
    )
    assert ensemble.difference_["balanced_accuracy"]["n_cells"] == 64


def test_a_test_that_holds_views_is_refused():
    data = make()
    first, last = data.subjects < "s5", data.subjects >= "s5"
    head = lf.fit_head(data[first], "logistic_regression", tune=False)
    for allow in (False, True):
        with pytest.raises(LeakageError, match=r"40 of 60 rows of the test are augmented.*isna"):
            lf.evaluate(head, data[last], allow_training_cells=allow)
    cells = data[last][pd.isna(data[last].column("parent_id"))]
    assert lf.evaluate(head, cells)["balanced_accuracy"].n_cells == 20


def test_a_cell_whose_view_was_trained_on_has_been_seen():
    data = make(subjects=False, groups=False)
    views = ~pd.isna(data.column("parent_id"))
    settings = {"tune": False, "calibrate": False}
    head = lf.fit_head(data[views], "logistic_regression", **settings)
    with pytest.raises(LeakageError, match="48 test images are identical to training images"):
        lf.evaluate(head, data[~views])
