import json

import numpy as np
import pandas as pd
import pytest

import leukfeat as lf
from leukfeat import CellDataset, FeatureSet, make_cells
from leukfeat.evaluation import audit, duplicate_sensitivity
from leukfeat.exceptions import LeakageError


@pytest.fixture(scope="module")
def clean():
    return make_cells(30, 240, size=48)


def test_clean_cells_raise_no_alarm(clean):
    found = audit(clean)
    assert not found.is_leaky
    assert not found.has_shortcut
    assert found.raise_if_leaky(shortcuts=True) is found
    assert "No leak and no shortcut" in found.verdict
    assert {"colour", "size", "cells erased"} <= set(found.clues)
    assert found.clues["cells erased"].predictions.n_subjects == 30
    assert "By colour alone" in found.to_markdown()
    assert found.plot().axes


@pytest.mark.parametrize(
    ("planted", "expected"),
    [
        ({"shortcut": "colour"}, "colour"),
        ({"shortcut": "size"}, "size"),
        ({"shortcut": "background"}, "cells erased"),
        ({"shortcut": "background"}, "border"),
    ],
)
def test_a_planted_shortcut_is_found(planted, expected):
    found = audit(make_cells(30, 240, size=48, **planted))
    assert expected in [f.kind for f in found.of("shortcut")]
    assert not found.is_leaky
    assert "told without the cell" in found.verdict
    with pytest.raises(LeakageError, match=r"alone|erased"):
        found.raise_if_leaky(shortcuts=True)


def test_planted_copies_are_found_and_can_be_merged_or_dropped():
    cells = make_cells(30, 240, size=48, duplicates=0.05)
    planted = cells.column("true_duplicate_of")
    found = audit(cells, clues=False)
    assert len(found.identical) == sum(isinstance(name, str) for name in planted) == 12
    assert found.identical["crosses_subject"].all()
    assert found.is_leaky
    with pytest.raises(LeakageError, match="leaks unless these subjects are one group"):
        found.raise_if_leaky()
    merged = found.merged(cells)
    for one, other in found.tied_subjects:
        groups = set(merged.groups[np.isin(merged.subjects, [one, other])])
        assert len(groups) == 1
    assert len(set(merged.groups)) == 30 - len(found.tied_subjects)
    dropped = found.without_copies(cells)
    assert len(dropped) == 240 - 24
    assert not audit(dropped, clues=False).is_leaky
    again = audit(merged, splits=[], clues=False)
    assert not again.is_leaky
    assert any("one group already" in f.message for f in again.findings)
    with pytest.raises(ValueError, match="the same cells in the same order"):
        found.merged(cells[:10])


def test_near_copies_are_found():
    import cv2

    cells = make_cells(12, 60, size=224)
    images = cells.images
    subjects = cells.subjects
    other = next(i for i in range(60) if subjects[i] != subjects[0])
    coded = cv2.imencode(".jpg", images[0], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    images[other] = np.ascontiguousarray(np.rot90(cv2.imdecode(coded, 1)))
    altered = CellDataset.from_arrays(
        images, cells.y, subjects, class_names=cells.class_names, positive="all"
    )
    found = audit(altered, clues=False)
    assert len(found.identical) == 0
    assert found.near[["first", "second"]].to_numpy().tolist() == [[0, other]]
    assert found.tied_subjects == [tuple(sorted({str(subjects[0]), str(subjects[other])}))]
    assert found.is_leaky


def test_splits_are_checked(clean):
    rows = np.arange(len(clean))
    half = rows < 120
    leaky = audit(clean, [(rows[half], rows[~half])], clues=False)
    assert any("subjects stand on both sides" in f.message for f in leaky.of("leak"))
    mine = np.isin(clean.subjects, sorted(set(clean.subjects))[::2])
    sound = audit(clean, [(mine, ~mine)], clues=False)
    assert not sound.is_leaky
    by_column = audit(clean, "site", clues=False)
    assert not by_column.is_leaky
    assert {f.kind for f in by_column.findings} >= {"sides"}


def test_copies_across_given_splits_are_a_leak():
    cells = make_cells(30, 240, size=48, duplicates=0.05)
    merged = audit(cells, clues=False).merged(cells)
    assert audit(merged, clues=False).is_leaky, "the official folds still part the copies"


def test_features_alone(features):
    found = audit(features)
    assert set(found.clues) == {"colour", "size", "image size", "border"}
    assert "pixels (features were given, not images)" in found.not_done
    copies = FeatureSet(
        np.concatenate([features.X, features.X[:2] * 1.0001]),
        np.concatenate([features.y, features.y[:2]]),
        subjects=np.concatenate([features.subjects, ["X1", "X1"]]),
        ids=np.concatenate([features.ids, ["new-1", "new-2"]]),
        class_names=features.class_names,
        positive="all",
    )
    found = audit(copies)
    assert len(found.near) == 2
    assert found.is_leaky


def test_no_subjects_no_labels_no_digests():
    bare = FeatureSet(np.random.default_rng(0).normal(size=(30, 4)), name="bare")
    found = audit(bare)
    assert "identical images (no digests, no pixels)" in found.not_done
    assert any("clues" in what for what in found.not_done)
    assert not found.is_leaky
    unknown = FeatureSet(bare.X, [0, 1] * 15, ids=["same", "same", *map(str, range(28))])
    said = audit(unknown).of("warning")
    assert any("no subjects: cells of one patient" in f.message for f in said)
    assert any("Subjects are not known" in f.message for f in said)
    with pytest.raises(ValueError, match="No clue was tested"):
        found.plot()


def test_two_labels_of_one_image_are_told():
    frame = pd.DataFrame(
        {"image": list("abcd"), "label": [0, 1, 1, 0], "subject": list("wxyz"), "md5": list("aabc")}
    )
    found = audit(CellDataset(frame, class_names=["hem", "all"]))
    assert any("bear two labels" in f.message for f in found.findings)
    assert len(found.without_copies(CellDataset(frame, class_names=["hem", "all"]))) == 2
    with pytest.raises(ValueError, match="'digests' has 1 entries for 4 cells"):
        audit(CellDataset(frame, class_names=["hem", "all"]), digests=["a"])


def test_unreadable_files_are_counted(tmp_path):
    import cv2

    for i in range(4):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((8, 8, 3), 40 * i, np.uint8))
    (tmp_path / "2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    paths = [str(tmp_path / f"{i}.png") for i in range(4)]
    found = audit(CellDataset.from_arrays(paths, [0, 1, 0, 1]))
    unread = next(f for f in found.of("warning") if f.kind == "unreadable images")
    assert "1 image could not be read: 2.png." in unread.message
    assert json.loads(json.dumps(unread.to_dict()))["table"][0]["image"] == paths[2]
    assert "cells erased (every image must be readable)" in found.not_done


def test_a_header_that_tells_the_class(tmp_path):
    import cv2

    rng = np.random.default_rng(0)
    paths, labels, subjects = [], [], []
    for i in range(48):
        name = tmp_path / f"{i}.jpg"
        quality = 95 if i % 2 else 80
        image = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(name), image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        paths.append(str(name))
        labels.append(i % 2)
        subjects.append(f"S{i // 4}{i % 2}")
    found = audit(CellDataset.from_arrays(paths, labels, subjects))
    assert "header" in [f.kind for f in found.of("shortcut")]


def test_the_audit_goes_through_json():
    found = audit(make_cells(12, 60, size=32, duplicates=0.05))
    held = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert held["verdict"] == found.verdict
    assert held["findings"][0]["severity"] == "leak"
    assert "LEAK" in found._repr_html_()
    assert "leak" in repr(found)


def test_sensitivity_to_copies(make_features):
    from sklearn.neighbors import KNeighborsClassifier

    features = make_features(between=1.5, n_subjects=24)
    # Half of the cells of one subject stand under another name, too.
    rows = np.flatnonzero(features.subjects == features.subjects[0])
    copied = FeatureSet(
        np.concatenate([features.X, features.X[rows]]),
        np.concatenate([features.y, features.y[rows]]),
        subjects=np.concatenate([features.subjects, ["copy"] * len(rows)]),
        ids=np.concatenate([features.ids, features.ids[rows]]),
        class_names=features.class_names,
        positive="all",
    )
    found = audit(copied, clues=False)
    assert found.tied_subjects == [(str(features.subjects[0]), "copy")]
    table = duplicate_sensitivity(copied, KNeighborsClassifier(), found)
    assert list(table["groups"]) == [25, 24, 23]
    assert table["cells"].iloc[2] == len(features) - len(rows)


@pytest.mark.real_data
def test_the_digests_of_cnmc(shared_data):
    table = pd.read_csv(shared_data / "cnmc" / "cnmc2019_manifest.csv.gz")
    table = table[table["split"] == "train"].drop(columns="image").rename(columns={"path": "image"})
    table["label"] = (table["label"] == "all").astype(int)
    columns = ["image", "label", "subject", "fold", "sha256"]
    cells = CellDataset(table[columns], class_names=["hem", "all"], positive="all")
    found = audit(cells)
    assert len(found.identical) == 104
    assert found.tied_subjects == [
        ("H2", "H4", "H5", "H6"),
        ("51", "75", "78"),
        ("20", "21"),
        ("H3", "H10"),
    ]
    assert any("fold_1: the test side has 3 hem subjects" in f.message for f in found.findings)
    assert found.is_leaky
    assert found.balance.loc["all", "subjects"] == 47


@pytest.fixture
def folder(tmp_path):
    """Image files of four subjects: one image stands under two of them, one cannot be read."""
    import cv2

    rng = np.random.default_rng(0)
    paths = [str(tmp_path / f"{i:02d}.png") for i in range(16)]
    for path in paths:
        cv2.imwrite(path, rng.integers(0, 255, (24, 24, 3), dtype=np.uint8))
    cv2.imwrite(paths[9], cv2.imread(paths[2]))
    return paths, np.repeat(["A", "B", "C", "D"], 4), np.repeat([0, 1, 0, 1], 4)


def test_findings_name_images(folder):
    paths, subjects, labels = folder
    cells = CellDataset.from_arrays(paths, labels, subjects)
    rows = np.arange(16)
    found = audit(cells, [(rows[rows % 2 == 0], rows[rows % 2 == 1])], clues=False)
    leak = next(f for f in found.of("leak") if f.kind == "identical images")
    assert "Pairs: 02.png = 09.png." in leak.message
    held = json.loads(json.dumps(leak.to_dict()))["table"]
    assert (held[0]["first_image"], held[0]["second_image"]) == (paths[2], paths[9])
    shared = next(f for f in found.of("leak") if f.kind == "shared images")
    assert "1 images stand on both sides: 09.png; 1 of 8 test cells" in shared.message
    assert shared.table["image"].tolist() == [paths[2], paths[9]]
    assert shared.table["side"].tolist() == ["train", "test"]


def test_audited_cells_are_known_again_when_images_were_skipped(folder):
    paths, subjects, labels = folder
    cells = CellDataset.from_arrays(paths, labels, subjects, class_names=["hem", "all"])
    found = audit(cells, clues=False)
    with open(paths[0], "wb") as file:
        file.write(b"")
    features = lf.extract_features(
        cells, weights="random", layers="conv2", input_size=32, errors="skip", progress=False
    )
    assert len(features) == 15
    merged = found.merged(features)
    assert set(merged.groups[np.isin(features.subjects, ["A", "C"])]) == {"A"}
    assert set(merged.groups[features.subjects == "B"]) == {"B"}
    assert len(found.without_copies(features)) == 13
    # Also where paths are gone, and in another order; and where one of two copies is gone.
    bare = FeatureSet(features.X, subjects=features.subjects, ids=features.ids)[::-1]
    again = found.merged(bare)
    assert set(again.groups[np.isin(bare.subjects, ["A", "C"])]) == {"A"}
    kept = found.without_copies(cells[[3, 9, 10]])
    assert kept.images == [paths[3], paths[10]], "which of two subjects is right is not known"
    moved = CellDataset.from_arrays([f"elsewhere/{i}.png" for i in range(9)])
    with pytest.raises(ValueError, match="cannot be told apart by path or by digest"):
        found.merged(moved)


def test_subjects_of_several_classes_are_told():
    frame = pd.DataFrame(
        {
            "image": [f"{i}.png" for i in range(12)],
            "label": [0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0, 0],
            "subject": np.repeat(list("abcd"), 3),
        }
    )
    found = audit(CellDataset(frame, class_names=["hem", "all"]), clues=False, pixels=False)
    said = next(f for f in found.findings if f.kind == "subjects of several classes")
    assert said.severity == "warning"
    assert "1 of 4 subjects hold cells of several classes: c (all 2, hem 1)" in said.message
    assert said.table["images"].tolist() == [["7.png", "8.png"], ["6.png"]]
    frame["label"] = [0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0]
    kinds = audit(CellDataset(frame, class_names=["hem", "all"]), clues=False, pixels=False)
    said = next(f for f in kinds.findings if f.kind == "subjects of several classes")
    assert said.severity == "note"
    json.dumps(kinds.to_dict(), allow_nan=False)


def test_what_a_loader_left_out_is_told(folder):
    paths, subjects, labels = folder
    cells = CellDataset.from_arrays(paths, labels, subjects)
    cells.skipped = pd.DataFrame({"path": ["/data/notes.txt"], "reason": ["no image"]})
    found = audit(cells, clues=False, pixels=False)
    said = next(f for f in found.findings if f.kind == "files left out")
    assert "1 file was left out when the cells were loaded: notes.txt" in said.message
    merged = audit(cells, clues=False).merged(cells)
    assert len(merged.skipped) == 1


def test_shortcuts_that_were_not_looked_for_are_not_said_to_be_absent(features):
    found = audit(features, clues=False)
    assert "shortcut found" not in found.verdict
    assert "Not looked at: " in found.verdict
    assert "shortcuts (the clues were switched off)" in found.verdict


def test_cells_without_a_subject_are_not_one_group(make_features):
    cells = make_features(controls=False)
    subjects = np.where(cells.y == 0, None, cells.subjects)
    some = FeatureSet(
        cells.X, cells.y, subjects=subjects, ids=cells.ids, class_names=cells.class_names
    )
    some.ids[np.flatnonzero(cells.y == 0)[:2]] = "the same"
    found = audit(some, clues=False)
    (finding,) = [f for f in found.findings if "has a subject" in f.message]
    assert finding.message.startswith("hem: none of ")
    groups = found.merged(some).groups
    alike = np.flatnonzero(some.ids == "the same")
    assert len(set(groups[alike])) == 1
    assert groups[alike[0]] == f"row {alike[0]}"
    rest = np.setdiff1d(np.flatnonzero(cells.y == 0), alike)
    assert set(groups[rest]) == {None}
    assert (groups[cells.y == 1] == cells.subjects[cells.y == 1]).all()
