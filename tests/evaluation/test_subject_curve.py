import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat.evaluation import LearningCurve, cross_validate_heads, learning_curve


def test_it_ends_where_cross_validation_is(features):
    curve = learning_curve(features, LogisticRegression(), fractions=(0.3, 1.0))
    whole = cross_validate_heads(features, LogisticRegression())["LogisticRegression"]["auroc"]
    assert curve.table["estimate"].iloc[-1] == pytest.approx(whole.estimate)
    assert curve.table["subjects"].is_monotonic_increasing
    points = curve.table["estimate"].to_numpy()
    assert curve.gain.estimate == pytest.approx(points[-1] - points[0])
    assert curve.gain.low < curve.gain.estimate < curve.gain.high
    assert curve.to_markdown().startswith(curve.verdict)
    assert "to 32 training subjects AUROC" in curve.verdict
    assert curve.to_dict()["verdict"] == curve.verdict
    assert curve.table["subjects"].iloc[-1] == pytest.approx(32)
    assert json.loads(json.dumps(curve.to_dict()))["metric"] == "auroc"
    assert curve.plot().axes[0].get_xlabel() == "training subjects"
    assert "32 training subjects" in repr(curve)


def test_more_subjects_help_where_subjects_differ(make_features):
    gains = []
    for seed in range(8):
        cells = make_features(n_subjects=60, between=1.0, seed=seed)
        table = learning_curve(cells, LogisticRegression(), fractions=(0.1, 1.0)).table
        gains.append(table["estimate"].iloc[1] - table["estimate"].iloc[0])
    assert np.mean(gains) > 0.03


def test_a_power_law_is_continued():
    n = np.array([10.0, 20.0, 40.0])
    table = pd.DataFrame({"subjects": n, "estimate": 1 - 0.5 * n**-0.5, "low": 0.0, "high": 1.0})
    curve = LearningCurve(table, metric="auroc", head="svm")
    assert curve.more_subjects(2) == pytest.approx(1 - 0.5 * 80**-0.5)
    assert curve.verdict == "Whether more patients would help is not told by these points."


def test_what_cannot_be_asked(features, make_features):
    with pytest.raises(ValueError, match="'fractions' must be in"):
        learning_curve(features, LogisticRegression(), fractions=(0, 1))
    with pytest.raises(ValueError, match="needs the subject"):
        learning_curve(make_features(subjects=False), LogisticRegression())


def test_a_curve_that_no_longer_rises_is_not_continued():
    points = {"subjects": [4.0, 10.0, 20.0], "estimate": [0.78, 0.937, 0.934]}
    table = pd.DataFrame({**points, "low": np.nan, "high": np.nan})
    curve = LearningCurve(table, metric="auroc", head="svm", n_cells=10, n_subjects=20)
    assert np.isnan(curve.more_subjects(2))
    assert "the last two do not rise" in curve.to_markdown()


def _mixed(make_features):
    """Thirty subjects, each with cells of both classes."""
    cells = make_features(n_subjects=60)
    cells.subjects = np.array([f"s{int(s[1:]) // 2}" for s in cells.subjects], object)
    cells.groups = cells.subjects
    return cells


def test_subjects_of_several_classes_are_counted_once(make_features):
    cells = _mixed(make_features)
    curve = learning_curve(cells, LogisticRegression(), fractions=(0.25, 0.5, 1.0))
    assert curve.table["subjects"].tolist() == pytest.approx([6, 12, 24])


def test_a_fraction_that_adds_nobody_is_no_point(make_features):
    for cells in (make_features(n_subjects=12), _mixed(make_features)):
        curve = learning_curve(
            cells, LogisticRegression(), fractions=(0.01, 0.02, 0.03, 1.0), n_splits=3
        )
        assert len(curve.table) == 2
        assert curve.table["subjects"].is_unique


def test_cells_without_subject_are_no_subject_of_the_curve(make_features):
    cells = make_features()
    lost = cells.subjects == "H0"
    cells.subjects = np.where(lost, None, cells.subjects)
    cells.groups = cells.subjects
    curve = learning_curve(cells, LogisticRegression(), fractions=(1.0,))
    assert curve.table["subjects"].iloc[0] == pytest.approx(39 * 0.8)
