"""Whole fields: cells classified, and intervals that hold both kinds of error."""

import json

import cv2
import numpy as np
import pytest

from leukfeat.classifier import (
    CellClassifier,
    ClassifierErrors,
    FindingErrors,
    analyse_smear,
    count_intervals,
)
from leukfeat.data import CellDataset
from leukfeat.data.procedural import make_smear
from leukfeat.heads import fit_head
from leukfeat.imaging import find_cells, read_qupath, write_qupath


@pytest.fixture(scope="module")
def classifier(cell_features):
    return CellClassifier(fit_head(cell_features, "logistic_regression", tune=False), cell_features)


@pytest.fixture(scope="module")
def smear():
    return make_smear(5, 20, 2, size=(520, 680), um_per_px=0.15, touching=0.0, random_state=0)


GIVEN = {"side": 64, "background": "remove", "progress": False}
ERRORS = ClassifierErrors(sensitivity=0.9, n_sensitivity=40, specificity=0.85, n_specificity=40)
FINDING = FindingErrors(precision=0.95, n_precision=90, recall=0.97, n_recall=90)


def test_every_white_cell_is_classified(classifier, smear):
    analysis = analyse_smear(smear.image, classifier, errors=ERRORS, **GIVEN)
    table = analysis.to_frame()
    assert analysis.n_cells == len(table) == 5
    assert set(table["label"]) <= {"all", "hem"}
    assert {"top", "p_all", "distance", "far", "number"} <= set(table)
    assert table.columns.is_unique
    assert analysis.suspicious_class == "all"
    assert analysis.n_called == (table["label"] == "all").sum()
    assert analysis.suspicious.low <= analysis.suspicious.estimate <= analysis.suspicious.high
    assert len(analysis.flagged) == table["far"].sum()
    assert analysis.cells.class_names == classifier.class_names
    drawn = analysis.overlay(smear.image)
    assert (drawn != smear.image).any()
    assert "5 white cells" in repr(analysis)


def test_white_cells_that_touch_are_analysed_one_by_one(classifier):
    size = {"size": (520, 680), "um_per_px": 0.15}
    n_cells = []
    for seed in range(4):
        crowded = make_smear(5, 20, 2, touching=0.4, random_state=seed, **size)
        analysis = analyse_smear(crowded.image, classifier, errors=ERRORS, finding=FINDING, **GIVEN)
        n_cells.append(analysis.n_cells)
        assert analysis.suspicious.high + analysis.healthy.high >= analysis.n_cells
    assert 17 <= sum(n_cells) <= 21


def test_without_error_rates_there_is_no_interval(classifier, smear):
    analysis = analyse_smear(smear.image, classifier, **GIVEN)
    assert not analysis.suspicious.known
    assert analysis.suspicious.estimate + analysis.healthy.estimate == 5


def test_an_empty_field(classifier):
    empty = np.full((120, 160, 3), 230, np.uint8)
    analysis = analyse_smear(empty, classifier, errors=ERRORS, **GIVEN)
    assert analysis.n_cells == len(analysis.to_frame()) == len(analysis.flagged) == 0
    assert (analysis.suspicious.low, analysis.suspicious.high) == (0, 0)
    assert (analysis.overlay(empty) == empty).all()


def test_a_strange_cell_is_flagged(classifier, smear):
    strange = smear.image.copy()
    cv2.circle(strange, (260, 200), 40, (60, 10, 190), -1)
    analysis = analyse_smear(strange, classifier, **GIVEN)
    assert analysis.flagged["far"].all()
    places = analysis.to_frame()
    nearest = np.hypot(places["row"] - 200, places["column"] - 260).idxmin()
    assert places.loc[nearest, "far"]


def test_the_scale_reaches_a_head_on_micrometres(smear):
    import leukfeat as lf

    features = lf.extract_handcrafted(lf.make_cells(6, 18, size=64), "shape", progress=False)
    head = fit_head(features, "logistic_regression", tune=False, calibrate=False)
    in_um = CellClassifier(head, features)
    with pytest.raises(ValueError, match="um_per_px"):
        analyse_smear(smear.image, in_um, **GIVEN)
    analysis = analyse_smear(smear.image, in_um, um_per_px=0.15, **GIVEN)
    assert set(analysis.to_frame()["um_per_px"]) == {0.15}


def test_an_unknown_class_is_refused(classifier, smear):
    with pytest.raises(ValueError, match="suspicious"):
        analyse_smear(smear.image, classifier, suspicious="green", **GIVEN)


@pytest.fixture(scope="module")
def three_kinds(cell_features):
    """A classifier of three classes, and a way to fit another on them."""
    from leukfeat.features import FeatureSet

    kinds = np.where(np.arange(len(cell_features)) % 3 == 0, 2, cell_features.y)
    given = {"subjects": cell_features.subjects, "spec": cell_features.spec}
    names = ("blast", "lymphocyte", "platelet")

    def fitted(of_features=None, **settings):
        features = FeatureSet(
            cell_features.X, kinds, class_names=names, positive=of_features, **given
        )
        head = fit_head(features, "naive_bayes", tune=False, calibrate=False, **settings)
        return CellClassifier(head)

    return fitted


def test_of_many_classes_none_is_suspicious_by_its_name(three_kinds, smear):
    """The last by name was counted, with an interval: platelets, of a model of eight classes."""
    with pytest.raises(ValueError, match=r"'suspicious'.*blast, lymphocyte, platelet"):
        analyse_smear(smear.image, three_kinds(), errors=ERRORS, **GIVEN)
    for classifier, given in (
        (three_kinds(), {"suspicious": "blast"}),
        (three_kinds(positive="blast"), {}),
        (three_kinds("blast"), {}),
    ):
        analysis = analyse_smear(smear.image, classifier, **given, **GIVEN)
        assert analysis.suspicious_class == analysis.cells.positive == "blast"
    last = analyse_smear(smear.image, three_kinds(positive="platelet"), **GIVEN)
    assert last.suspicious_class == "platelet"


def test_corrected_cells_are_analysed_as_they_are(classifier, smear, tmp_path):
    """Corrections could be read back, and nothing took them."""
    found = find_cells(smear.image, types="all", side=64, background="remove", subject="P9")
    write_qupath(found, tmp_path / "a.geojson")
    held = json.loads((tmp_path / "a.geojson").read_text())
    del held["features"][1]
    (tmp_path / "a.geojson").write_text(json.dumps(held))
    given = {"side": 64, "background": "remove", "subject": "P9"}
    corrected = read_qupath(tmp_path / "a.geojson", smear.image, **given)
    whole = analyse_smear(smear.image, classifier, **GIVEN).to_frame()
    analysis = analyse_smear(
        smear.image, classifier, cells=corrected, errors=ERRORS, progress=False
    )
    table = analysis.to_frame()
    assert table["number"].tolist() == [1, 3, 4, 5]
    assert set(table["subject"]) == {"P9"}
    assert table["p_all"].tolist() == pytest.approx(whole.drop(1)["p_all"].tolist(), abs=1e-6)
    assert analysis.suspicious.known
    assert (analysis.overlay(smear.image) != smear.image).any()
    with pytest.raises(ValueError, match="leave 'side', 'background' out"):
        analyse_smear(smear.image, classifier, cells=corrected, **GIVEN)
    alone = CellDataset.from_arrays([*corrected.images])
    with pytest.raises(ValueError, match="find_cells"):
        analyse_smear(smear.image, classifier, cells=alone, progress=False)


def test_the_interval_covers_the_truth():
    """Fields drawn with known errors: the 90 % interval holds the true number often enough."""
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(80):
        cells = int(rng.integers(20, 80))
        positive = int(rng.integers(0, cells + 1))
        found = rng.binomial([positive, cells - positive], FINDING.recall)
        called = rng.binomial(found[0], ERRORS.sensitivity)
        called += rng.binomial(found[1], 1 - ERRORS.specificity)
        false = rng.poisson(found.sum() * (1 - FINDING.precision) / FINDING.precision)
        called += rng.binomial(false, called / max(found.sum(), 1))
        interval, _ = count_intervals(
            called, found.sum() + false, ERRORS, FINDING, level=0.9, random_state=seed
        )
        covered += positive in interval
    assert covered / 80 > 0.82


@pytest.mark.parametrize("share", [0, 1])
def test_the_interval_covers_fields_in_which_no_cell_or_every_cell_is_suspicious(share):
    """With rates that were themselves measured on few: 0 was missed in a quarter of such fields."""
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(100):
        sensitivity, specificity = rng.binomial([40, 25], [0.87, 0.8]) / [40, 25]
        measured = ClassifierErrors(
            sensitivity=sensitivity, n_sensitivity=40, specificity=specificity, n_specificity=25
        )
        found = int(rng.binomial(150, FINDING.recall))
        called = rng.binomial(found, 0.87 if share else 0.2)
        false = rng.binomial(found, 1 - FINDING.precision)
        called += rng.binomial(false, called / found)
        intervals = count_intervals(called, found + false, measured, FINDING, random_state=seed)
        covered += 150 * share in intervals[0]
        assert 0 <= intervals[0].low <= intervals[0].estimate <= intervals[0].high
    assert covered >= 88


def test_worse_rates_widen_the_interval():
    sure = ClassifierErrors(
        sensitivity=0.99, n_sensitivity=1e4, specificity=0.99, n_specificity=1e4
    )
    exact = FindingErrors(precision=1, n_precision=1e6, recall=1, n_recall=1e6)
    narrow, rest = count_intervals(10, 40, sure, exact)
    assert narrow.low >= 8
    assert narrow.high <= 12
    assert rest.estimate + narrow.estimate == pytest.approx(40, abs=1)
    assert count_intervals(10, 40, ERRORS, exact)[0].width > narrow.width
    assert count_intervals(10, 40, sure, FINDING)[0].width > narrow.width


def test_rates_are_checked():
    with pytest.raises(ValueError, match="no better than chance"):
        ClassifierErrors(sensitivity=0.5, n_sensitivity=9, specificity=0.4, n_specificity=9)
    with pytest.raises(ValueError, match="recall"):
        FindingErrors(precision=0.9, n_precision=9, recall=1.2, n_recall=9)
    with pytest.raises(ValueError, match="called"):
        count_intervals(5, 4, ERRORS, FINDING)
