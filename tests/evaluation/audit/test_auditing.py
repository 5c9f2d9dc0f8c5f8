import json

import numpy as np
import pandas as pd
import pytest

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
    assert any(f.kind == "unreadable images" for f in found.of("warning"))
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
