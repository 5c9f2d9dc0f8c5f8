import cv2
import numpy as np
import pandas as pd
import pytest

from leukfeat import make_cells
from leukfeat.evaluation import Evaluation, Predictions, erase_cells
from leukfeat.evaluation.audit.balance import balance_findings, balance_table
from leukfeat.evaluation.audit.clues import clue_findings
from leukfeat.evaluation.audit.erasing import erased_image, stained_mask
from leukfeat.evaluation.audit.file_clues import FILE_COLUMNS, file_clues
from leukfeat.evaluation.audit.identical import identical_pairs, tied_subjects


def _clues(data):
    return dict(zip(FILE_COLUMNS, file_clues(data).tolist(), strict=True))


def test_file_clues():
    image = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)

    def coded(kind, *options):
        return cv2.imencode(kind, image, list(options))[1].tobytes()

    good = _clues(coded(".jpg", cv2.IMWRITE_JPEG_QUALITY, 95))
    poor = _clues(coded(".jpg", cv2.IMWRITE_JPEG_QUALITY, 50))
    assert good["jpeg_table"] < poor["jpeg_table"]
    assert good["format"] == poor["format"] == 2
    bmp, png = _clues(coded(".bmp")), _clues(coded(".png"))
    assert bmp["header_bytes"] == 54
    assert png["header_bytes"] > 0
    assert bmp["jpeg_table"] == png["jpeg_table"] == 0
    assert len({good["format"], bmp["format"], png["format"], _clues(b"no image")["format"]}) == 4
    assert _clues(b"\xff\xd8")["jpeg_table"] == 0


def test_all_pairs_of_copies_but_not_of_many():
    three = identical_pairs(pd.Series(["a", "a", "b", "a"]))
    assert three.tolist() == [[0, 1], [0, 3], [1, 3]]
    many = identical_pairs(pd.Series(["a"] * 60))
    assert len(many) == 59


def test_chains_of_copies_tie_all_subjects():
    cells = pd.DataFrame({"subject": ["H10", "H2", "H2", "H1", None]})
    pairs = np.array([[0, 1], [2, 3], [3, 4]])
    assert tied_subjects(pairs, cells) == [("H1", "H2", "H10")] or tied_subjects(pairs, cells) == [
        ("H1", "H2"),
        ("H10",),
    ]
    assert tied_subjects(pairs, cells)[0][0] == "H1"
    assert tied_subjects(np.array([[3, 4]]), cells) == []


def test_what_the_subjects_support():
    cells = pd.DataFrame(
        {"label": ["hem"] * 10 + ["all"] * 5, "subject": ["H1"] * 9 + ["H2"] + list("abcde")}
    )
    table = balance_table(cells)
    assert table.loc["hem", "subjects"] == 2
    assert table.loc["hem", "largest_share"] == 0.9
    assert table.loc["all", "effective_subjects"] == 5
    assert table.loc["all", "conformal_level"] == pytest.approx(5 / 6)
    assert table.loc["hem", "interval_subjects"] > table.loc["all", "interval_subjects"]


def test_cut_out_cells_leave_nothing_behind():
    for image in make_cells(4, 8, size=64).images:
        mask = stained_mask(image)
        assert mask[image.any(axis=2)].all()
        assert not erased_image(image, np.random.default_rng(0)).any()


def test_in_a_smear_red_cells_stay_and_stained_ones_go():
    image = np.full((120, 120, 3), (235, 225, 230), np.uint8)
    cv2.circle(image, (30, 30), 12, (215, 150, 150), -1)  # a red cell: passes red light
    cv2.circle(image, (80, 80), 20, (90, 50, 130), -1)  # a nucleus: absorbs it
    mask = stained_mask(image)
    assert mask[80, 80]
    assert not mask[30, 30]
    erased = erased_image(image, np.random.default_rng(0))
    assert erased.shape == image.shape
    assert erased[..., 0].min() > 180
    full = np.full((16, 16, 3), (90, 50, 130), np.uint8)
    full[0, 0] = 255
    assert erased_image(full, np.random.default_rng(0)).shape == full.shape


def test_erased_cells_keep_their_labels_and_are_the_same_each_time():
    cells = make_cells(4, 8, size=48)
    a, b = erase_cells(cells), erase_cells(cells)
    np.testing.assert_array_equal(a.y, cells.y)
    np.testing.assert_array_equal(a.subjects, cells.subjects)
    assert all((x == y).all() for x, y in zip(a.images, b.images, strict=True))
    assert "cells erased" in a.name


def _told(scores_of_all, scores_of_hem, cells=10):
    """A clue with one score a subject, each for so many cells."""
    score = np.repeat([*scores_of_hem, *scores_of_all], cells)
    subjects = np.repeat(np.arange(len(scores_of_hem) + len(scores_of_all)), cells).astype(str)
    y = np.repeat([0] * len(scores_of_hem) + [1] * len(scores_of_all), cells)
    predictions = Predictions(
        y=y,
        predicted=(score > 0.5).astype(np.int64),
        scores=np.column_stack([1 - score, score]),
        class_names=("hem", "all"),
        positive=1,
        subjects=subjects.astype(object),
        ids=None,
        cells=np.arange(len(y)),
        repeat=np.zeros(len(y), np.int64),
        fold=np.zeros(len(y), np.int64),
    )
    return Evaluation(predictions, name="colour")


def test_a_clue_that_one_subject_alone_does_not_follow_is_a_shortcut():
    rising = np.linspace(0, 0.4, 18)
    # One subject of the class stands among the others, and one pair more is wrong.
    result = _told([*(0.6 + rising[:-2]), rising[-1] - 0.005, 0.1], rising)
    area = result.interval("auroc", "subjects")
    assert area.estimate > 0.9
    (found,) = clue_findings({"colour": result})
    assert found.severity == "shortcut"
    mixed = np.random.default_rng(0).permutation(np.linspace(0, 1, 36))
    (found,) = clue_findings({"colour": _told(mixed[:18], mixed[18:])})
    assert found.severity == "note"


def test_a_wide_interval_near_one_is_told_for_what_it_is():
    rising = np.linspace(0, 0.4, 18)
    above = [*(0.6 + rising[1:]), rising[8] + 0.001]
    # But for one subject the area is 1 less one pair of cells.
    result = _told(above, [*rising[:-1], 0.605])
    area = result.interval("auroc", "subjects")
    assert area.low <= 0.5 < 0.95 < area.estimate
    (found,) = clue_findings({"colour": result})
    assert found.severity == "shortcut"
    assert "wide, since one subject makes nearly all of the errors" in found.message


@pytest.mark.parametrize("subjects", [None, ["S1", "S2", "S3", "S4"]])
def test_classes_that_are_written_alike_are_a_finding(subjects):
    cells = pd.DataFrame({"label": ["Blast", "blast", "blast", "normal"]})
    cells["subject"] = subjects
    first = balance_findings(balance_table(cells))[0]
    assert (first.kind, first.severity) == ("classes written alike", "warning")
    assert "'Blast' and 'blast'" in first.message
