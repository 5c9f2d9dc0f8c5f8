"""The dataset keeps rows together and refuses what it cannot mean."""

import numpy as np
import pandas as pd
import pytest

from leukfeat.data.dataset import CellDataset

PIXELS = np.zeros((5, 4, 4, 3), np.uint8)


def dataset(**changes):
    given = {
        "labels": ["hem", "all", "all", "hem", "all"],
        "subjects": ["H1", "1", "1", "H2", "2"],
        "class_names": ["hem", "all"],
        "positive": "all",
        "fold": ["a", "a", "b", "b", "b"],
    } | changes
    return CellDataset.from_arrays(PIXELS, **given)


def test_class_order_is_the_given_one_not_the_sorted_one():
    cells = dataset()
    assert cells.class_names == ("hem", "all")
    assert cells.y.tolist() == [0, 1, 1, 0, 1]


def test_class_names_default_to_sorted_labels_and_to_categories():
    assert dataset(class_names=None).class_names == ("all", "hem")
    labels = pd.Series(["b", "a", "b", None, "a"]).astype(
        pd.CategoricalDtype(["b", "a"], ordered=True)
    )
    cells = dataset(labels=labels, class_names=None, positive="a")
    assert cells.class_names == ("b", "a")
    assert cells.y.tolist() == [0, 1, 0, -1, 1]


@pytest.mark.parametrize("labels", [[0, 1, 1, 0, 1], [False, True, True, False, True]])
def test_numbers_and_booleans_are_labels_too(labels):
    cells = dataset(labels=labels, class_names=None, positive=None)
    assert cells.y.tolist() == [0, 1, 1, 0, 1]


def test_rows_stay_together_when_selected():
    cells = dataset(um_per_px=[0.1, 0.2, 0.3, 0.4, 0.5])
    some = cells[np.array([4, 0])]
    assert some.subjects.tolist() == ["2", "H1"]
    assert some.column("um_per_px").tolist() == [0.5, 0.1]
    assert some.y.tolist() == [1, 0]
    assert cells.select(label="hem", fold="b").subjects.tolist() == ["H2"]
    assert cells.select(subject=["1", "2"]).y.tolist() == [1, 1, 1]
    assert len(cells[1:3]) == 2
    assert len(cells[cells.y == 0]) == 2


def test_groups_default_to_subjects_row_by_row():
    cells = dataset(group=[None, "1+2", "1+2", None, "1+2"])
    assert cells.groups.tolist() == ["H1", "1+2", "1+2", "H2", "1+2"]
    assert dataset().groups.tolist() == dataset().subjects.tolist()


def test_unlabelled_cells_are_minus_one_and_all_unlabelled_is_none():
    assert dataset(labels=["hem", None, "all", float("nan"), "all"]).y.tolist() == [0, -1, 1, -1, 1]
    assert dataset(labels=None, positive=None, class_names=None).y is None


def test_summary_counts_cells_and_subjects():
    summary = dataset().summary()
    assert summary.loc["all", "cells"] == 3
    assert summary.loc["all", "subjects"] == 2
    assert "3" in dataset()._repr_html_()


def test_concat_needs_the_same_classes():
    joined = dataset().concat(dataset(labels=None))
    assert joined.y.tolist() == [0, 1, 1, 0, 1, -1, -1, -1, -1, -1]
    with pytest.raises(ValueError, match="same class names in the same order"):
        dataset().concat(dataset(class_names=["all", "hem"]))


def test_the_frame_given_out_is_a_copy():
    cells = dataset()
    frame = cells.frame
    frame.loc[0, "subject"] = "other"
    assert cells.subjects[0] == "H1"


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros((4, 4, 3), np.float32), "must be RGB uint8"),
        (np.zeros((4, 4), np.uint8), "must be RGB uint8"),
        (np.zeros((4, 4, 4), np.uint8), "must be RGB uint8"),
        (17, "must be a path or an RGB uint8 array"),
    ],
)
def test_what_is_no_image_is_refused(image, says):
    with pytest.raises(ValueError, match=says):
        CellDataset.from_arrays([image])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"labels": ["hem", "all"]}, "2 entries but there are 5 images"),
        ({"labels": ["hem", "all", "all", "hem", "x"]}, "'x'.*not among the class names"),
        ({"labels": [0, 1, 1, 0, 2]}, "Labels must be -1 or from 0 to 1"),
        ({"positive": "ALL"}, "'positive' must be one of"),
        ({"class_names": ["hem", "hem", "all"]}, "holds a name twice"),
    ],
)
def test_wrong_labels_are_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        dataset(**changes)


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match="needs a column 'image'"):
        CellDataset(pd.DataFrame({"path": ["a"]}))
    with pytest.raises(ValueError, match="has no column 'site'"):
        dataset().column("site")


def test_label_column_of_a_frame_must_hold_indices():
    frame = pd.DataFrame({"image": ["a.bmp", "b.bmp"], "label": ["hem", "all"]})
    with pytest.raises(ValueError, match=r"use CellDataset\.from_arrays"):
        CellDataset(frame, class_names=["hem", "all"])


def test_an_empty_dataset_is_a_dataset():
    cells = CellDataset.from_arrays([])
    assert len(cells) == 0
    assert cells.images == []


def test_concat_keeps_what_both_skipped_and_warns_of_shared_names():
    one, two = (
        CellDataset.from_arrays(PIXELS[:3], [0, 1, 1], ["1", "2", "3"], name=name) for name in "ab"
    )
    two.skipped = pd.DataFrame({"path": ["bad.png"], "reason": ["empty"]})
    with pytest.warns(UserWarning, match=r"3 subjects bear the same name .*prefix_subjects"):
        joined = one.concat(two)
    assert joined.skipped["path"].tolist() == ["bad.png"]
    apart = one.concat(two.prefix_subjects("b/"))
    assert set(apart.subjects) == {"1", "2", "3", "b/1", "b/2", "b/3"}


def test_classes_are_renamed():
    cells = CellDataset.from_arrays(
        PIXELS[:3], ["HEM", "ALL", "ALL"], class_names=["HEM", "ALL"], positive="ALL"
    )
    renamed = cells.rename_classes({"HEM": "hem", "ALL": "all"})
    assert (renamed.class_names, renamed.positive) == (("hem", "all"), "all")
    assert cells.class_names == ("HEM", "ALL")
    with pytest.raises(ValueError, match="'normal' is no class"):
        cells.rename_classes({"normal": "hem"})
    with pytest.raises(ValueError, match="one name"):
        cells.rename_classes({"HEM": "ALL"})


@pytest.mark.parametrize("names", [None, ["0", "1"], ["hem", "all"]])
def test_a_missing_label_among_numbers_leaves_the_others_what_they_are(names):
    cells = dataset(labels=[0, 1, None, 0, 1], class_names=names, positive=None)
    assert cells.y.tolist() == [0, 1, -1, 0, 1]
    assert cells.class_names == tuple(names or ["0", "1"])
