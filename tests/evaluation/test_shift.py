import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from leukfeat import CellDataset, FeatureSet, fit_head, make_cells
from leukfeat.evaluation import shift_image, shift_sweep
from leukfeat.evaluation.shift_verdict import shift_verdicts
from leukfeat.evaluation.shifted_images import AMOUNTS, SHIFTS, UNCHANGED, UNITS
from leukfeat.exceptions import ImageReadError, LeakageError


@pytest.fixture(scope="module")
def cells():
    return make_cells(12, 60, size=48)


def _brightness(given):
    X = np.array([[i.max(), i[i.any(axis=2)].mean()] for i in given.images], np.float32)
    return FeatureSet(
        X, given.y, subjects=given.subjects, class_names=given.class_names, positive="all"
    )


@pytest.mark.parametrize("kind", list(SHIFTS))
def test_images_change_and_the_background_stays_black(cells, kind):
    image = cells.images[0]
    for amount in SHIFTS[kind]:
        changed = shift_image(image, kind, amount)
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        if kind != "scale":
            assert not changed[~image.any(axis=2)].any()
    neutral = {"brightness": 1.0, "stain": 1.0, "blur": 0.0, "scale": 1.0}
    if kind in neutral:
        np.testing.assert_array_equal(shift_image(image, kind, neutral[kind]), image)


def test_more_stain_is_darker_and_a_larger_scale_is_larger(cells):
    image = cells.images[0]
    assert shift_image(image, "stain", 1.3).sum() < image.sum()
    area = image.any(axis=2).sum()
    assert shift_image(image, "scale", 1.25).any(axis=2).sum() > area
    with pytest.raises(ValueError, match="'kind' must be one of"):
        shift_image(image, "hue", 1.0)


def test_a_head_on_brightness_falls_with_brightness(cells):
    features = _brightness(cells)
    head = LogisticRegression(max_iter=1000).fit(features.X, features.y)
    sweep = shift_sweep(
        head, cells, _brightness, shifts={"brightness": (0.5, 1.0)}, metric="accuracy"
    )
    assert list(sweep.table["amount"]) == [0.5, 1.0]
    expected = (head.predict(features.X) == features.y).mean()
    assert sweep.table["estimate"].iloc[1] == pytest.approx(expected)
    assert len(sweep.worst) == 1
    assert json.dumps(sweep.to_dict())
    assert len(sweep.plot().axes) == 1


def _table(kind, amounts, falls):
    rows = [(kind, a, f, f - 0.05, f + 0.05) for a, f in zip(amounts, falls, strict=True)]
    return pd.DataFrame(rows, columns=["kind", "amount", "fall", "fall_low", "fall_high"])


@pytest.mark.parametrize(
    ("kind", "amounts", "falls", "said"),
    [
        # Outwards from the unchanged image: 0.85 is met before 0.7, in whatever order they stand.
        (
            "stain",
            (0.7, 0.85, 1.0, 1.3),
            (0.3, 0.1, 0.0, 0.04),
            "stain: a fall of AUROC is first shown at 0.85 times the optical density (by 0.100, "
            "0.050 to 0.150); none is shown as far as 1.3 times the optical density.",
        ),
        (
            "jpeg",
            (20.0, 100.0, 60.0),
            (0.4, 0.0, 0.2),
            "jpeg: a fall of AUROC is first shown at JPEG quality 60 (by 0.200, 0.150 to 0.250).",
        ),
        (
            "scale",
            (0.8, 1.25),
            (0.2, 0.06),
            "scale: a fall of AUROC is first shown at 0.8 times the size (by 0.200, 0.150 to 0.250) "
            "and at 1.25 times the size (by 0.060, 0.010 to 0.110).",
        ),
        (
            "blur",
            (0.0, 1.0, 4.0),
            (0.0, 0.02, 0.049),
            "blur: no fall of AUROC is shown as far as a blur of 4 px.",
        ),
        ("blur", (1.0,), (-0.4,), "blur: no fall of AUROC is shown as far as a blur of 1 px."),
        ("blur", (0.0,), (0.0,), "blur: only the unchanged image was tested."),
    ],
)
def test_the_verdict_names_the_first_amount_at_which_a_fall_is_shown(kind, amounts, falls, said):
    assert shift_verdicts(_table(kind, amounts, falls), "AUROC") == (said,)


def test_a_fall_is_paired_with_the_unchanged_images(cells):
    features = _brightness(cells)
    head = LogisticRegression(max_iter=1000).fit(features.X, features.y)
    given = {"brightness": (0.5, 1.0), "jpeg": (100.0,)}
    sweep = shift_sweep(head, cells, _brightness, shifts=given, metric="accuracy")
    before = (head.predict(features.X) == features.y).mean()
    fall = before - sweep.table["estimate"]
    np.testing.assert_allclose(sweep.table["fall"], fall, atol=1e-12)
    assert sweep.table["fall"].iloc[0] > 0.1
    # Nothing is estimated of the image that is not changed; a JPEG of quality 100 is another image.
    assert sweep.table.loc[1, ["fall", "fall_low", "fall_high"]].tolist() == [0, 0, 0]
    assert sweep.table.loc[2, "fall_low"] < 0 < sweep.table.loc[2, "fall_high"]
    assert "| unchanged |" in sweep.to_markdown()
    # By subject, of the same cells: the mean over cells of what each subject loses.
    right = head.predict(features.X) == features.y
    dark = CellDataset.from_arrays(
        [shift_image(image, "brightness", 0.5) for image in cells.images],
        cells.y,
        cells.subjects,
        class_names=cells.class_names,
        positive="all",
    )
    lost = right.astype(float) - (head.predict(_brightness(dark).X) == features.y)
    assert sweep.table["fall"].iloc[0] == pytest.approx(lost.mean())
    text = sweep.to_markdown()
    assert f"\n- {sweep.verdict[0]}\n- {sweep.verdict[1]}\n" in text
    assert "| brightness | 0.5 times the light |" in text
    assert "| jpeg | JPEG quality 100 |" in text
    assert [ax.get_xlabel() for ax in sweep.plot().axes] == [
        "brightness\nfactor of the light",
        "jpeg\nquality, of 100",
    ]
    assert sweep.to_dict()["units"]["brightness"] == "factor of the light"
    assert set(UNITS) == set(AMOUNTS) == set(UNCHANGED) == set(SHIFTS)


def test_the_caption_says_by_what_the_intervals_are(cells):
    features = _brightness(cells)
    head = LogisticRegression(max_iter=1000).fit(features.X, features.y)
    given = {"shifts": {"stain": (1.0,)}, "metric": "accuracy", "level": 0.9}
    sweep = shift_sweep(head, cells, _brightness, **given)
    text = sweep.plot().get_supxlabel()
    assert "60 cells of 12 subjects; 90 % intervals by subject" in text.replace("\n", " ")
    assert "90 % intervals by subject" in sweep.to_markdown()
    frame = cells.frame.drop(columns="subject")
    unknown = CellDataset(frame, class_names=cells.class_names, positive="all")
    sweep = shift_sweep(head, unknown, _brightness, **given)
    text = sweep.plot().get_supxlabel().replace("\n", " ")
    assert "subjects not known; 90 % intervals by cell" in text
    assert "intervals take cells as independent" in text
    assert "by subject" not in text


def test_training_cells_are_refused_and_broken_images_listed(cells, tmp_path):
    head = fit_head(_brightness(cells), "naive_bayes", tune=False)
    with pytest.raises(LeakageError, match="12 test subjects were in training"):
        shift_sweep(head, cells, _brightness)
    with pytest.raises(ValueError, match="'extract' is needed"):
        shift_sweep(head, cells)
    frame = cells.frame.head(8)
    (tmp_path / "broken.png").write_bytes(b"no image")
    frame["image"] = [*cells.images[:7], str(tmp_path / "broken.png")]
    broken = CellDataset(frame, class_names=cells.class_names, positive="all")
    given = {"shifts": {"stain": (1.0,)}, "metric": "accuracy", "allow_training_cells": True}
    with pytest.raises(ImageReadError, match=r"broken\.png"):
        shift_sweep(head, broken, _brightness, **given)
    sweep = shift_sweep(head, broken, _brightness, errors="skip", **given)
    assert sweep.n_cells == 7
    assert sweep.left_out["path"].tolist() == [str(tmp_path / "broken.png")]
    assert "left out" in sweep.to_markdown()
    assert any(note.startswith("leak:") for note in sweep.notes)
