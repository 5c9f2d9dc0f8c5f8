"""make_cells: counts, hierarchy, determinism, truth and every switch."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from leukfeat import CellDataset, make_cells
from leukfeat.data.procedural import Look, oracle_score
from leukfeat.data.procedural.kinds import TRAITS


def digests(cells):
    names = cells.frame["field"] + "/" + cells.frame["cell"].astype(str)
    return {name: image.tobytes() for name, image in zip(names, cells.images, strict=True)}


def colours(cells):
    rows = []
    for image in cells.images:
        inside = image[image.any(axis=2)]
        rows.append(np.percentile(inside, [10, 50, 90], axis=0).T.ravel())
    return np.array(rows)


def sizes(cells):
    return np.array([[np.count_nonzero(image.any(axis=2))] for image in cells.images])


def auroc_of(X, cells, *, by_subject):
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    kind = StratifiedGroupKFold if by_subject else StratifiedKFold
    splitter = kind(5, shuffle=True, random_state=0)
    groups = cells.subjects.astype(str) if by_subject else None
    scores = cross_val_predict(
        model, X, cells.y, groups=groups, cv=splitter, method="decision_function"
    )
    return roc_auc_score(cells.y, scores)


@pytest.fixture(scope="module")
def cells():
    return make_cells(24, 240, size=96)


def test_shape_classes_and_counts(cells):
    assert isinstance(cells, CellDataset)
    assert len(cells) == 240
    assert (cells.class_names, cells.positive) == (("hem", "all"), "all")
    assert len(set(cells.subjects)) == 24
    assert {image.shape for image in cells.images} == {(96, 96, 3)}
    assert {image.dtype for image in cells.images} == {np.dtype(np.uint8)}


def test_as_many_subjects_a_class_as_in_cnmc():
    counts = make_cells(73, 73, size=16).summary()["subjects"]
    assert counts.to_dict() == {"hem": 26, "all": 47}


def test_healthy_subjects_are_named_with_an_h_and_every_subject_has_one_class(cells):
    for subject, label in zip(cells.subjects, cells.y, strict=True):
        assert subject.startswith("H") == (label == 0)


def test_each_level_is_nested_in_the_one_above(cells):
    frame = cells.frame
    for inner, outer in [
        ("stain", "site"),
        ("subject", "stain"),
        ("subject", "label"),
        ("subject", "fold"),
        ("slide", "subject"),
        ("field", "slide"),
    ]:
        assert frame.groupby(inner)[outer].nunique().max() == 1, (inner, outer)
        assert frame[inner].nunique() >= frame[outer].nunique()
    assert not frame.duplicated(["field", "cell"]).any()
    assert frame.groupby("slide")["field"].nunique().max() > 1
    assert frame.groupby("subject")["slide"].nunique().max() > 1


def test_folds_have_both_classes_and_about_as_many_cells():
    frame = make_cells(30, 600, size=16).frame
    counts = pd.crosstab(frame["label"], frame["fold"])
    assert list(counts.columns) == ["fold_0", "fold_1", "fold_2"]
    assert (counts.max(axis=1) < 1.5 * counts.min(axis=1)).all()


def test_subject_sizes_are_as_uneven_as_in_cnmc():
    # Laid out only: at full scale the pictures would take minutes.
    from leukfeat.data.procedural.hierarchy import draw_hierarchy

    spans = []
    for seed in range(5):
        rows = draw_hierarchy(73, 10_661, n_sites=2, n_stains=3, random_state=seed)
        counts = rows["subject"].value_counts()
        assert counts.sum() == 10_661
        assert counts.min() >= 9
        assert counts.max() <= 1000
        spans.append(counts.max() / counts.min())
    assert np.median(spans) > 20  # 757 / 9 = 84 in C-NMC


def test_the_background_is_exactly_0_and_the_cell_is_nowhere_0(cells):
    for image in cells.images:
        inside = image.any(axis=2)
        assert not image[0].any()
        assert not image[:, 0].any()
        assert 0.05 < inside.mean() < 0.9
        assert not image[~inside].any()
        # No specks of 0 in the middle of the cell, as a mask taken from "above 0" would show.
        middle = image[40:56, 40:56].reshape(-1, 3)
        assert middle.any(axis=1).mean() > 0.9


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    first, again, other = (make_cells(4, 12, size=64, random_state=s) for s in (3, 3, 4))
    pd.testing.assert_frame_equal(
        first.frame.drop(columns="image"), again.frame.drop(columns="image")
    )
    assert [i.tobytes() for i in first.images] == [i.tobytes() for i in again.images]
    assert not set(digests(first).values()) & set(digests(other).values())


def test_a_cell_does_not_depend_on_how_many_others_there_are():
    few, more = digests(make_cells(4, 12, size=48)), digests(make_cells(7, 60, size=48))
    shared = set(few) & set(more)
    assert len(shared) >= 8
    assert all(few[name] == more[name] for name in shared)


def test_the_truth_does_not_depend_on_the_size_of_the_crop():
    small, large = make_cells(4, 12, size=48).frame, make_cells(4, 12, size=96).frame
    truth = [c for c in small.columns if c.startswith("true_")]
    pd.testing.assert_frame_equal(small[truth], large[truth])


def test_a_smaller_crop_shows_the_same_picture():
    import cv2

    small, large = make_cells(4, 12, size=64), make_cells(4, 12, size=256)
    for a, b in zip(small.images, large.images, strict=True):
        reduced = cv2.resize(b, (64, 64), interpolation=cv2.INTER_AREA)
        both = a.any(axis=2) & reduced.any(axis=2)
        either = a.any(axis=2) | reduced.any(axis=2)
        assert both.sum() > 0.85 * either.sum()
        assert abs(a[both].mean() - reduced[both].mean()) < 8


def test_native_scale_crops_the_field():
    whole, cropped = (make_cells(4, 8, size=size, um_per_px=0.055).images for size in (450, 128))
    for a, b in zip(whole, cropped, strict=True):
        np.testing.assert_array_equal(a[161:289, 161:289], b)


def test_every_true_column_is_there(cells):
    frame = cells.frame
    traits = [f"true_{name}" for name in (*TRAITS, "nucleoli", "vacuoles")]
    looks = [f"true_look_{name}" for name in Look._fields]
    others = ["kind", "label", "clipped", "duplicate_of", "log_odds"]
    expected = {*traits, *looks, *(f"true_{name}" for name in others)}
    assert {c for c in frame.columns if c.startswith("true_")} == expected
    assert np.isfinite(frame[traits + looks].to_numpy(float)).all()
    assert frame["true_nc_ratio"].between(0, 1).all()
    assert frame["true_nucleoli"].between(0, 3).all()
    documented = inspect.getdoc(make_cells)
    assert all(f"``{name}``" in documented for name in expected - set(looks))


def test_kinds_belong_to_their_class_but_smudges_to_both():
    frame = make_cells(30, 600, size=16).frame
    kinds = frame.groupby("label")["true_kind"].agg(set)
    assert kinds[0] == {"haematogone", "lymphocyte", "smudge"}
    assert kinds[1] >= {"l1", "l2", "smudge"}
    assert not kinds[1] & {"haematogone", "lymphocyte"}
    assert 0.05 < frame["true_clipped"].mean() < 0.25


def test_true_size_and_scale_are_those_of_the_picture():
    cells = make_cells(12, 120, size=225)
    frame, um = cells.frame, cells.column("um_per_px")
    area = np.array([np.count_nonzero(i.any(axis=2)) for i in cells.images]) * um**2
    diameter = frame["true_nucleus_um"] * frame["true_look_scale"]
    expected = np.pi / 4 * diameter**2 / frame["true_nc_ratio"]
    ordinary = (frame["true_kind"] != "smudge") & ~frame["true_clipped"]
    ratio = (area / expected)[ordinary]
    assert np.corrcoef(area[ordinary], expected[ordinary])[0, 1] > 0.9
    assert 0.85 < ratio.median() < 1.1


def test_without_shift_no_level_is_shared():
    frame = make_cells(8, 80, size=16, subject_shift=0).frame
    looks = frame[[c for c in frame.columns if c.startswith("true_look_")]].to_numpy(float)
    between = [
        looks[(frame["subject"] == s).to_numpy()].mean(axis=0) for s in set(frame["subject"])
    ]
    expected = looks.std(axis=0) / np.sqrt(10)
    varies = expected > 1e-9
    assert (np.std(between, axis=0)[varies] < 4 * expected[varies]).all()
    shifted = make_cells(8, 80, size=16).frame
    spread = [f.groupby("subject")["true_look_focus_um"].mean().std() for f in (frame, shifted)]
    assert spread[1] > 4 * spread[0]


def test_colour_gives_subjects_away_only_where_they_are_shifted():
    plain, shifted = (
        make_cells(30, 450, size=48, subject_shift=s, random_state=1) for s in (0.0, 1.0)
    )
    gaps = []
    for cells in (plain, shifted):
        X = colours(cells)
        gaps.append(auroc_of(X, cells, by_subject=False) - auroc_of(X, cells, by_subject=True))
    assert abs(gaps[0]) < 0.03
    assert gaps[1] > gaps[0] + 0.02


def test_colour_and_size_alone_are_weak_by_subject():
    cells = make_cells(40, 600, size=64, random_state=2)
    assert auroc_of(colours(cells), cells, by_subject=True) <= 0.8
    assert auroc_of(sizes(cells), cells, by_subject=True) <= 0.8


def test_planted_duplicates_are_exact_and_cross_subjects_of_one_class():
    cells = make_cells(12, 120, size=48, duplicates=0.1)
    frame = cells.frame
    frame["name"] = frame["field"] + ".c" + frame["cell"].astype(str)
    copies = frame[frame["true_duplicate_of"].notna()]
    originals = frame.set_index("name").loc[copies["true_duplicate_of"]]
    assert len(copies) == 12
    assert (originals["true_duplicate_of"].isna()).all()
    assert (copies["subject"].to_numpy() != originals["subject"].to_numpy()).all()
    assert (copies["label"].to_numpy() == originals["label"].to_numpy()).all()
    assert (copies["true_kind"].to_numpy() == originals["true_kind"].to_numpy()).all()
    for one, other in zip(copies["image"], originals["image"], strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(set(zip(copies["subject"], originals["subject"], strict=True))) <= 3
    assert len({image.tobytes() for image in cells.images}) == 108


def test_without_duplicates_every_image_is_another(cells):
    assert len({image.tobytes() for image in cells.images}) == len(cells)
    assert cells.frame["true_duplicate_of"].isna().all()


def test_label_noise_flips_that_many_labels_and_no_pixel():
    clean, noisy = make_cells(6, 100, size=32), make_cells(6, 100, size=32, label_noise=0.15)
    assert (noisy.y != noisy.column("true_label")).sum() == 15
    np.testing.assert_array_equal(clean.y, noisy.column("true_label"))
    assert digests(clean) == digests(noisy)


@pytest.mark.parametrize(("shortcut", "cue"), [("colour", colours), ("size", sizes)])
def test_a_shortcut_tells_the_class_by_subject(shortcut, cue):
    cells = make_cells(24, 240, size=48, shortcut=shortcut)
    fair = make_cells(24, 240, size=48)
    found = auroc_of(cue(cells), cells, by_subject=True)
    assert found > 0.85
    assert found > auroc_of(cue(fair), fair, by_subject=True) + 0.1
    np.testing.assert_allclose(oracle_score(cells), oracle_score(fair))


def test_the_background_shortcut_lifts_the_background_of_blasts_only():
    cells = make_cells(6, 30, size=48, shortcut="background")
    corners = np.array([image[0, 0] for image in cells.images])
    np.testing.assert_array_equal(corners, np.repeat(3 * cells.y[:, None], 3, axis=1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_subjects": 1}, "'n_subjects'.*integer of at least 2.*Got 1"),
        ({"n_subjects": 2.5}, "'n_subjects'.*integer"),
        ({"n_cells": 5}, "'n_cells'.*at least 6 .one cell a subject.*Got 5"),
        ({"size": 8}, "'size'.*at least 16"),
        ({"size": True}, "'size'.*integer"),
        ({"um_per_px": 0}, "'um_per_px'.*at least 0.01 and at most 2"),
        ({"um_per_px": "fine"}, "'um_per_px'"),
        ({"n_sites": 0}, "'n_sites'.*at least 1"),
        ({"n_stains": 0}, "'n_stains'.*at least 1"),
        ({"subject_shift": -1}, "'subject_shift'.*at least 0"),
        ({"subject_shift": float("nan")}, "'subject_shift'"),
        ({"duplicates": 1.5}, "'duplicates'.*at most 1"),
        ({"duplicates": 0.9}, "'duplicates'.*asks for 27 copies.*only"),
        ({"label_noise": -0.1}, "'label_noise'"),
        ({"shortcut": "smell"}, "'shortcut'.*'colour', 'size', 'background'.*Got 'smell'"),
        ({"random_state": None}, "'random_state'.*integer.*Got None"),
        ({"random_state": -1}, "'random_state'"),
    ],
)
def test_a_wrong_parameter_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_cells(**{"n_subjects": 6, "n_cells": 30, "size": 16, **wrong})
