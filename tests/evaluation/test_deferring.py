import json
import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from leukfeat import cross_validate_heads, evaluate
from leukfeat.metrics import conformal_thresholds, prediction_sets


@pytest.fixture(scope="module")
def result(features):
    return _cross_validated(features, n_splits=4)


def _cross_validated(features, head=None, **settings):
    head = LogisticRegression() if head is None else head
    return next(iter(cross_validate_heads(features, head, **settings).results.values()))


def test_sets_are_calibrated_on_the_other_folds(result):
    p = result.predictions
    held, cuts, fewest = np.zeros(len(p), bool), [], []
    for fold in range(4):
        rest = p.fold != fold
        limits = conformal_thresholds(p.scores[rest], p.y[rest], p.subjects[rest], level=0.8)
        sets = prediction_sets(p.scores[~rest], limits)
        held[~rest] = sets[np.arange(len(sets)), p.y[~rest]]
        cuts.append(limits)
        fewest.append([len(np.unique(p.subjects[rest & (p.y == c)])) for c in range(2)])
    table = result.conformal_sets(level=0.8)
    assert table["class"].tolist() == ["hem", "all"]
    assert table["subjects"].tolist() == np.min(fewest, 0).tolist()
    assert table["threshold"].to_numpy() == pytest.approx(np.mean(cuts, 0))
    for c, row in table.iterrows():
        rates = [held[p.subjects == s].mean() for s in np.unique(p.subjects[p.y == c])]
        assert row["holds"] == pytest.approx(np.mean(rates))
        assert row["holds_low"] < row["holds"] < row["holds_high"]
    assert (table["holds"] > 0.75).all()
    assert table["classes"].between(0.7, 2).all()


def test_a_single_test_is_checked_one_subject_at_a_time(features):
    train = np.isin(features.subjects, np.unique(features.subjects)[::2])
    head = LogisticRegression().fit(features.X[train], features.y[train])
    table = evaluate(head, features[~train]).conformal_sets(level=0.8)
    there = features[~train]
    of_class = [len(np.unique(there.subjects[there.y == c])) for c in range(2)]
    assert table["subjects"].tolist() == [n - 1 for n in of_class]
    assert table["holds"].mean() > 0.75


def test_in_many_drawn_tests_the_promise_is_kept(make_features):
    head = LogisticRegression().fit(make_features(seed=99).X, make_features(seed=99).y)
    held = []
    for seed in range(20):
        tested = evaluate(head, make_features(seed=seed, between=1.0, n_subjects=24))
        held.append(tested.conformal_sets(level=0.8)["holds"].mean())
    assert 0.79 < np.mean(held) < 0.9


def test_what_cannot_be_promised_is_refused_by_name(result, make_features):
    with pytest.raises(ValueError, match=r"from 14 calibration subjects of class all: at most 0.9"):
        result.conformal_sets(level=0.95)
    json.dumps(result.to_dict(), allow_nan=False, default=str)
    by_level = {one["level"]: one for one in result.to_dict()["conformal_sets"]}
    assert "at most 0.933" in by_level[0.95]["refused"]
    assert len(by_level[0.8]["classes"]) == 2
    text = result.to_markdown()
    assert "A coverage of 0.95 cannot be promised" in text
    assert "| 0.8 | hem | 15 |" in text
    unknown = _cross_validated(make_features(subjects=False), split="random", n_splits=3)
    with pytest.raises(ValueError, match="needs the subject of every cell, and none is known"):
        unknown.conformal_sets()
    assert unknown.to_markdown().count("needs the subject of every cell") == 1


def test_the_error_falls_when_doubtful_cells_are_left_open(result):
    table = result.risk_coverage()
    p = result.predictions
    assert table["coverage"].iloc[-1] == 1
    assert table["error"].iloc[-1] == pytest.approx((p.y != p.predicted).mean())
    assert table["error"].iloc[9] < table["error"].iloc[-1]
    half = table.iloc[9]
    sure = p.scores[np.arange(len(p)), p.predicted]
    decided = sure >= half["confidence"]
    assert half["coverage"] == pytest.approx(decided.mean())
    assert half["error"] == pytest.approx((p.y != p.predicted)[decided].mean())
    assert half["low"] < half["error"] < half["high"]
    assert len(result.to_dict()["risk_coverage"]) == len(table)
    axes = result.plot_risk_coverage().axes[0]
    assert axes.get_ylabel() == "error among them"


def test_without_probabilities_nothing_is_said_of_sureness(features):
    bare = _cross_validated(features, LinearSVC(), n_splits=3)
    with pytest.raises(ValueError, match="gives no probabilities, which sureness is told by"):
        bare.risk_coverage()
    assert bare.to_dict()["risk_coverage"] == []
    assert "Left to a person" not in bare.to_markdown()


def test_repeats_and_three_classes(make_features):
    features = make_features(classes=("a", "b", "c"), n_subjects=45)
    table = _cross_validated(features, n_splits=3, n_repeats=2).conformal_sets(level=0.8)
    assert table["class"].tolist() == ["a", "b", "c"]
    assert (table["holds"] > 0.7).all()
    assert (table[["one_class", "no_class"]].sum(axis=1) <= 1).all()


def test_the_level_that_a_refusal_names_can_be_had(make_features):
    uneven = make_features(n_subjects=24)
    few = uneven[~np.isin(uneven.subjects, sorted({s for s in uneven.subjects if s[0] == "A"})[4:])]
    found = _cross_validated(few, n_splits=3)
    with pytest.raises(ValueError, match="calibration subjects of class all: at most") as refused:
        found.conformal_sets(level=0.95)
    at_most = float(re.search(r"at most ([0-9.]+[0-9])", str(refused.value)).group(1))
    table = found.conformal_sets(level=at_most)
    assert (
        int(re.search(r"from (\d+) calib", str(refused.value)).group(1)) == table["subjects"].min()
    )


def test_nothing_is_calibrated_on_the_tested_subject(features):
    found = _cross_validated(features, split="random", n_splits=3)
    with pytest.raises(ValueError, match="need a split by subject"):
        found.conformal_sets(level=0.8)
    with pytest.raises(ValueError, match="need a split by subject"):
        found.operating_points(sensitivity=0.9)
