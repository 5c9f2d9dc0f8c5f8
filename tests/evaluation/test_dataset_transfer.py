import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import FeatureSet, evaluate
from leukfeat.evaluation import leave_one_dataset_out
from leukfeat.exceptions import LeakageError


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
    with pytest.raises(LeakageError, match="identical images"):
        leave_one_dataset_out(twice, LogisticRegression())
