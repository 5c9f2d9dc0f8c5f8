import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import FeatureSet, evaluate
from leukfeat.evaluation import leave_one_dataset_out
from leukfeat.exceptions import LeakageError, UnknownFigureError


@pytest.fixture
def laboratories(make_features):
    return {"a": make_features(seed=1, n_subjects=16), "b": make_features(seed=2, n_subjects=16)}


def test_each_dataset_is_judged_by_the_other(laboratories):
    found = leave_one_dataset_out(laboratories, LogisticRegression())
    fitted = LogisticRegression().fit(laboratories["a"].X, laboratories["a"].y)
    names = FeatureSet(
        laboratories["b"].X,
        laboratories["b"].y,
        subjects=[f"b/{s}" for s in laboratories["b"].subjects],
        class_names=("hem", "all"),
        positive="all",
    )
    expected = evaluate(fitted, names)["auroc"]
    shown = found.held_out["b"]["LogisticRegression"]["auroc"]
    assert shown.estimate == pytest.approx(expected.estimate)
    assert (shown.low, shown.high) == pytest.approx((expected.low, expected.high))
    # The two have subjects of the same names, who are other people.
    assert found.pooled["LogisticRegression"].predictions.n_subjects == 32
    assert set(found.table["head"]) >= {"LogisticRegression", "colour only"}
    json.dumps(found.to_dict(), allow_nan=False)
    assert "| b |" in found.to_markdown()
    assert "<td>" in found._repr_html_()
    assert len(found.plot().axes) == 2


def test_what_cannot_be_joined_is_refused(laboratories, make_features):
    with pytest.raises(ValueError, match="Two datasets or more"):
        leave_one_dataset_out({"a": laboratories["a"]})
    other = make_features(classes=("x", "y"))
    with pytest.raises(ValueError, match="rename_classes"):
        leave_one_dataset_out({**laboratories, "c": other})
    bare = FeatureSet(np.zeros((4, 6)), class_names=("hem", "all"))
    with pytest.raises(ValueError, match="'c' has no labels"):
        leave_one_dataset_out({**laboratories, "c": bare})
    twice = {"a": laboratories["a"], "again": laboratories["a"]}
    with pytest.raises(LeakageError, match="of 'a' are in 'again' too") as refused:
        leave_one_dataset_out(twice, LogisticRegression())
    assert "embargo=True" in str(refused.value)
    assert "split=" not in str(refused.value)


def test_cells_that_are_far_from_all_that_the_heads_know_are_said(make_features):
    here, there = make_features(seed=1, n_subjects=16), make_features(seed=2, n_subjects=16)
    near = leave_one_dataset_out({"here": here, "there": there}, LogisticRegression())
    assert max(near.far.values()) < 0.1
    assert not any("knows nothing" in note for note in near.notes)
    there.X = there.X + np.float32(12)
    found = leave_one_dataset_out({"here": here, "there": there}, LogisticRegression())
    assert found.far == {"here": 1.0, "there": 1.0}
    said = "100 % of the cells of there lie farther"
    assert any(said in note for note in found.held_out["there"]["LogisticRegression"].notes)
    assert said in found.to_markdown()
    assert said in found._repr_html_()
    assert said in found.plot().get_supxlabel().replace("\n", " ")
    assert found.to_dict()["far"]["there"] == 1.0


def test_a_figure_that_is_not_there_is_an_error(laboratories):
    with pytest.raises(UnknownFigureError, match="No figure 'auc'"):
        leave_one_dataset_out(laboratories, LogisticRegression(), metric="auc")


def test_a_dataset_without_subjects_takes_them_from_no_other(laboratories, make_features):
    bare = make_features(seed=3, n_subjects=16, subjects=False)
    found = leave_one_dataset_out({**laboratories, "bare": bare}, LogisticRegression())
    a, c = (found.held_out[name]["LogisticRegression"] for name in ("a", "bare"))
    assert (a.predictions.n_subjects, a["auroc"].n_subjects) == (16, 16)
    assert c["auroc"].n_subjects is None
    assert found.without_subjects == ("bare",)
    said = "bare does not tell its subjects"
    assert any(said in note for note in c.notes)
    assert not any(said in note for note in a.notes)
    assert said in found.to_markdown()
    alone = {"a": laboratories["a"], "b": laboratories["b"]}
    with_two = leave_one_dataset_out(alone, LogisticRegression())
    widths = [r.held_out["a"]["LogisticRegression"]["accuracy"].width for r in (found, with_two)]
    assert widths[0] == pytest.approx(widths[1], rel=0.4), "still by subject"
