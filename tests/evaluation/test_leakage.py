import json

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from leukfeat.evaluation import leakage_meter
from leukfeat.evaluation.leakage import LeakageMeter
from leukfeat.metrics import Interval


def test_a_strong_subject_effect_shows_as_a_gap(make_features):
    meter = leakage_meter(make_features(effect=0.4, between=2.0), KNeighborsClassifier())
    assert meter.gap.low > 0.05
    assert "flatters" in meter.verdict
    assert (
        meter.random[meter.head]["auroc"].estimate > meter.by_subject[meter.head]["auroc"].estimate
    )
    assert meter.gap.estimate == pytest.approx(
        meter.random[meter.head]["auroc"].estimate - meter.by_subject[meter.head]["auroc"].estimate
    )
    held = json.loads(json.dumps(meter.to_dict(), allow_nan=False))
    assert held["gap"]["estimate"] == meter.gap.estimate
    for shown in (meter.to_markdown(), meter._repr_html_(), repr(meter)):
        assert f"{meter.gap.estimate:+.3f}" in shown


def test_without_a_subject_effect_there_is_no_gap(make_features):
    gaps = [
        leakage_meter(
            make_features(between=0.0, seed=seed, controls=False), KNeighborsClassifier(15)
        ).gap
        for seed in range(12)
    ]
    assert max(abs(gap.estimate) for gap in gaps) < 0.03
    assert sum(0 in gap for gap in gaps) >= 10


def test_control_heads_are_metered_too_and_drawn(make_features):
    meter = leakage_meter(
        make_features(between=1.5), "logistic_regression", tune=False, cv=3, n_splits=3
    )
    text = meter.to_markdown()
    assert "| colour only |" in text
    p = meter.by_subject["logistic_regression"].predictions
    assert f"AUROC of {p.n_cells:,} cells of 40 subjects; 95 % intervals by subject" in text
    meter.by_subject.notes = ("what must be known",)
    assert "\n- what must be known\n" in meter.to_markdown()
    figure = meter.plot()
    said = figure.get_supxlabel()
    assert "40 subjects" in said
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert any(f"gap {meter.gap.estimate:+.3f}" in t for t in texts)


def test_without_subjects_there_is_nothing_to_measure(make_features):
    with pytest.raises(ValueError, match="needs the subject of each cell"):
        leakage_meter(make_features(subjects=False), KNeighborsClassifier())


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (
            Interval(estimate=0.1, low=0.05, high=0.15),
            "flatters KNeighborsClassifier: AUROC +0.100 (+0.050 to +0.150). The figure to report",
        ),
        (
            Interval(estimate=-0.1, low=-0.15, high=-0.05),
            "scores lower than a split by subject: AUROC -0.100",
        ),
        (
            Interval(estimate=0.1, low=-0.05, high=0.25),
            "No difference between the splits is shown: AUROC +0.100 (-0.050 to +0.250); that a "
            "random split flatters by up to 0.250 is not ruled out. The figure to report is that "
            "by subject, 0.",
        ),
        (
            Interval(estimate=0.1, low=np.nan, high=np.nan, note="one subject"),
            "by +0.100, and whether by chance is not known: one subject. The figure to report",
        ),
    ],
)
def test_the_verdict_covers_every_outcome(make_features, monkeypatch, gap, said):
    features = make_features(controls=False)
    meter = leakage_meter(features, KNeighborsClassifier(15), n_splits=2)
    monkeypatch.setattr(LeakageMeter, "gap", gap)
    assert said in meter.verdict


def test_a_figure_that_does_not_exist_is_refused_before_anything_is_fit(make_features):
    with pytest.raises(ValueError, match=r"one of .*'auroc'.* Got 'auc' instead"):
        leakage_meter(make_features(controls=False), KNeighborsClassifier(), metric="auc")


def test_a_head_of_one_answer_has_no_gap_by_construction(make_features):
    cells = make_features(n_subjects=16)
    meter = leakage_meter(cells, DummyClassifier(strategy="constant", constant=1), n_splits=2)
    assert (meter.gap.estimate, meter.gap.known) == (0, False)
    assert "0 by construction" in meter.gap.note
    assert "shows nothing of the splits" in meter.verdict
    json.dumps(meter.to_dict(), allow_nan=False)
    assert meter.plot().axes
    metered = leakage_meter(cells, "naive_bayes", metric="auroc", n_splits=2, tune=False)
    (row,) = [r for r in metered.to_markdown().splitlines() if r.startswith("| majority")]
    assert row.endswith("| 0 by construction: the same answer for every cell |")
    (own,) = [r for r in metered.to_markdown().splitlines() if r.startswith("| naive_bayes")]
    assert "by construction" not in own
    assert "nan" not in repr(meter) + meter.to_markdown()
    one_a_fold = leakage_meter(cells, DummyClassifier(strategy="most_frequent"), n_splits=2)
    assert one_a_fold.gap.estimate != 0
    assert "of the folds' shares of the classes" in one_a_fold.verdict
