import csv
import gzip
import os
import random
import re
import time
from collections import Counter

import numpy as np
import pytest

from leukfeat.data import load_cnmc
from leukfeat.exceptions import CellNameError

NAMES = {
    0: ["all/UID_20_1_1_all.bmp", "all/UID_10_2_1_all.bmp", "hem/UID_H10_7_1_hem.bmp"],
    1: ["all/UID_51_1_1_all.bmp", "hem/UID_H5_7_2_hem.bmp"],
    2: ["all/UID_21_1_1_all.bmp", "hem/UID_h3_4_1_hem.bmp", "hem/UID_h3_5_1_hem.bmp"],
}
TRAIN_LAYOUTS = {
    "challenge": "C-NMC_training_data/fold_{k}/{name}",
    "doubled": "C-NMC_training_data/fold_{k}/fold_{k}/{name}",
    "kaggle": "C-NMC_Leukemia/training_data/fold_{k}/{name}",
    "folds": "fold_{k}/{name}",
}
MERGED_LAYOUTS = {
    "merged": "PKG_C_NMC 2019/C-NMC_train_merged/{name}",
    "flat": "C-NMC_train_merged/{base}",
    "bare": "{base}",
}
PRELIM_LAYOUTS = {
    "kaggle": (
        "validation_data/C-NMC_test_prelim_phase_data/{name}",
        "validation_data/C-NMC_test_prelim_phase_data_labels.csv",
    ),
    "doubled": (
        "C-NMC_test_prelim_phase_data/C-NMC_test_prelim_phase_data/{name}",
        "C-NMC_test_prelim_phase_data/C-NMC_test_prelim_phase_data_labels.csv",
    ),
    "beside": (
        "testing_data/C-NMC_test_prelim_phase_data/{name}",
        "testing_data/C-NMC_test_prelim_phase_data_labels.csv",
    ),
    "bare": ("{name}", "C-NMC_test_prelim_phase_data_labels.csv"),
}
PRELIM = [
    ("UID_57_29_1_all.bmp", "10.bmp", "1"),
    ("UID_H49_29_1_hem.bmp", "2.bmp", "0"),
    ("UID_58_3_1_all.bmp", "1.bmp", "1"),
]


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def plant_train(root, layout):
    for k, names in NAMES.items():
        for name in names:
            touch(root, layout.format(k=k, name=name, base=name.split("/")[1]))


def plant_prelim(root, layout="kaggle", rows=PRELIM):
    images, table = PRELIM_LAYOUTS[layout]
    touch(root, table, *(images.format(name=new_name) for _, new_name, _ in PRELIM))
    lines = ["Patient_ID,new_names,labels", *(",".join(row) for row in rows)]
    (root / table).write_text("\n".join(lines) + "\n")


def by_name(cells):
    return {os.path.basename(row.image): row for row in cells.frame.itertuples()}


class TestTrain:
    @pytest.mark.parametrize("layout", TRAIN_LAYOUTS)
    def test_layouts_that_tell_the_fold(self, tmp_path, layout):
        plant_train(tmp_path, TRAIN_LAYOUTS[layout])
        cells = load_cnmc(tmp_path)
        assert cells.class_names == ("hem", "all")
        assert cells.positive == "all"
        rows = by_name(cells)
        assert len(cells) == len(rows) == 8
        for k, names in NAMES.items():
            for name in names:
                folder, base = name.split("/")
                assert cells.class_names[rows[base].label] == folder
                assert rows[base].fold == f"fold_{k}"
                assert os.path.isfile(rows[base].image)
        assert len(cells.skipped) == 0

    @pytest.mark.parametrize("layout", MERGED_LAYOUTS)
    def test_layouts_that_do_not(self, tmp_path, layout):
        plant_train(tmp_path, MERGED_LAYOUTS[layout])
        cells = load_cnmc(tmp_path)
        assert cells.summary()["cells"].to_dict() == {"hem": 4, "all": 4}
        assert "fold" not in cells.frame

    def test_the_folder_of_the_split_or_of_one_fold(self, tmp_path):
        plant_train(tmp_path, TRAIN_LAYOUTS["challenge"])
        assert len(load_cnmc(tmp_path / "C-NMC_training_data")) == 8
        fold = load_cnmc(str(tmp_path / "C-NMC_training_data" / "fold_2"))
        assert set(fold.column("fold")) == {"fold_2"}
        assert len(fold) == 3
        assert len(load_cnmc(tmp_path / "C-NMC_training_data" / "fold_2" / "hem")) == 2

    def test_subjects_groups_and_fields(self, tmp_path):
        plant_train(tmp_path, TRAIN_LAYOUTS["challenge"])
        rows = by_name(load_cnmc(tmp_path))
        assert {rows[n].subject for n in rows} == {"20", "10", "H10", "51", "H5", "21", "H3"}
        lower = rows["UID_h3_4_1_hem.bmp"]
        assert (lower.subject, lower.group, lower.field) == ("H3", "H3+H10", "H3_4")
        assert rows["UID_H10_7_1_hem.bmp"].group == "H3+H10"
        assert rows["UID_10_2_1_all.bmp"].group == "10"
        assert rows["UID_20_1_1_all.bmp"].group == rows["UID_21_1_1_all.bmp"].group == "20+21"
        assert rows["UID_51_1_1_all.bmp"].group == "51+75+78"
        assert rows["UID_H5_7_2_hem.bmp"].group == "H2+H4+H5+H6"
        assert rows["UID_H5_7_2_hem.bmp"].cell == 2

    def test_the_merged_folder_beside_the_folds_is_not_loaded_twice(self, tmp_path):
        plant_train(tmp_path, TRAIN_LAYOUTS["challenge"])
        plant_train(tmp_path, "C-NMC_train_merged/{name}")
        cells = load_cnmc(tmp_path)
        assert len(cells) == 8
        assert all("fold_" in path for path in cells.images)
        assert len(cells.skipped) == 8
        assert cells.skipped["path"].str.contains("merged").all()

    def test_the_test_sets_are_passed_by(self, tmp_path):
        plant_train(tmp_path, TRAIN_LAYOUTS["kaggle"])
        plant_prelim(tmp_path / "C-NMC_Leukemia")
        touch(tmp_path, "C-NMC_Leukemia/testing_data/C-NMC_test_final_phase_data/1.bmp")
        assert len(load_cnmc(tmp_path)) == 8

    def test_a_numbered_image_in_a_flat_folder_is_listed(self, tmp_path):
        plant_train(tmp_path, "{base}")
        touch(tmp_path, "1.bmp", "notes.txt")
        cells = load_cnmc(tmp_path)
        assert len(cells) == 8
        assert sorted(map(os.path.basename, cells.skipped["path"])) == ["1.bmp", "notes.txt"]

    @pytest.mark.parametrize("name", ["fold_0/all/UID_x_1_1_all.bmp", "fold_0/all/1.bmp"])
    def test_a_name_that_does_not_parse(self, tmp_path, name):
        plant_train(tmp_path, TRAIN_LAYOUTS["folds"])
        touch(tmp_path, name)
        with pytest.raises(CellNameError, match=re.escape(os.path.basename(name))):
            load_cnmc(tmp_path)
        cells = load_cnmc(tmp_path, errors="skip")
        assert len(cells) == 8
        assert cells.skipped["path"].tolist() == [str(tmp_path / name)]

    def test_name_and_folder_must_agree(self, tmp_path):
        touch(tmp_path, "fold_0/hem/UID_1_1_1_all.bmp", "fold_0/hem/UID_H1_1_1_hem.bmp")
        with pytest.raises(ValueError, match=r"says 'all' but the folder 'hem'"):
            load_cnmc(tmp_path)
        assert load_cnmc(tmp_path, errors="skip").subjects.tolist() == ["H1"]

    def test_a_cell_that_is_there_twice(self, tmp_path):
        touch(tmp_path, "fold_0/all/UID_1_1_1_all.bmp", "fold_1/all/UID_1_1_1_all.bmp")
        with pytest.raises(ValueError, match="there twice"):
            load_cnmc(tmp_path)
        assert load_cnmc(tmp_path, errors="skip").column("fold").tolist() == ["fold_0"]

    def test_litter(self, tmp_path):
        plant_train(tmp_path, TRAIN_LAYOUTS["folds"])
        touch(tmp_path, "fold_0/all/._UID_20_1_1_all.bmp", "fold_0/Thumbs.db", "__MACOSX/x.bmp")
        cells = load_cnmc(tmp_path)
        assert (len(cells), len(cells.skipped)) == (8, 0)


class TestPrelim:
    @pytest.mark.parametrize("layout", PRELIM_LAYOUTS)
    @pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
    def test_joined_on_new_names_whatever_the_order(self, tmp_path, layout, order):
        plant_prelim(tmp_path, layout, rows=[PRELIM[i] for i in order])
        cells = load_cnmc(tmp_path, "prelim")
        assert [os.path.basename(path) for path in cells.images] == ["1.bmp", "2.bmp", "10.bmp"]
        assert cells.y.tolist() == [1, 0, 1]
        assert cells.subjects.tolist() == ["58", "H49", "57"]
        assert cells.column("field").tolist() == ["58_3", "H49_29", "57_29"]
        assert set(cells.column("split")) == {"prelim"}
        assert "fold" not in cells.frame

    def test_the_folder_of_the_images_with_the_table_beside_it(self, tmp_path):
        plant_prelim(tmp_path)
        folder = tmp_path / "validation_data" / "C-NMC_test_prelim_phase_data"
        assert load_cnmc(folder, "prelim").y.tolist() == [1, 0, 1]

    def test_the_table_elsewhere(self, tmp_path):
        plant_prelim(tmp_path)
        table = tmp_path / "validation_data" / "C-NMC_test_prelim_phase_data_labels.csv"
        moved = table.rename(tmp_path / "elsewhere.csv")
        with pytest.raises(FileNotFoundError, match=r"labels.*'labels_csv'"):
            load_cnmc(tmp_path / "validation_data", "prelim")
        assert len(load_cnmc(tmp_path / "validation_data", "prelim", labels_csv=moved)) == 3
        with pytest.raises(FileNotFoundError, match=r"'labels_csv'.*nowhere"):
            load_cnmc(tmp_path, "prelim", labels_csv=tmp_path / "nowhere.csv")

    def test_two_tables(self, tmp_path):
        plant_prelim(tmp_path)
        touch(tmp_path, "prelim_labels_old.csv")
        with pytest.raises(ValueError, match="More than one table"):
            load_cnmc(tmp_path, "prelim")

    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            (PRELIM[:2], r"1\.bmp.*no row"),
            ([*PRELIM, ("UID_58_4_1_all.bmp", "3.bmp", "1")], r"'3\.bmp' has no image"),
            ([*PRELIM, ("UID_58_4_1_all.bmp", "1.bmp", "1")], r"line 5.*second row.*'1\.bmp'"),
            ([*PRELIM[:2], ("UID_58_3_1_all.bmp", "1.bmp", "0")], r"line 4.*contradicts"),
            ([*PRELIM[:2], ("UID_58_3_1_all.bmp", "1.bmp", "")], r"line 4.*contradicts"),
            ([*PRELIM[:2], ("58", "1.bmp", "1")], r"line 4.*'58' does not parse"),
        ],
    )
    def test_table_and_files_match_one_to_one(self, tmp_path, rows, message):
        plant_prelim(tmp_path, rows=rows)
        with pytest.raises(ValueError, match=message):
            load_cnmc(tmp_path, "prelim")
        cells = load_cnmc(tmp_path, "prelim", errors="skip")
        assert len(cells) == min(len(rows), 3) - (rows[-1] not in PRELIM and len(rows) == 3)
        assert len(cells.skipped) >= 1

    def test_a_table_of_another_kind(self, tmp_path):
        plant_prelim(tmp_path, "bare")
        table = tmp_path / "C-NMC_test_prelim_phase_data_labels.csv"
        table.write_text("file,label\n1.bmp,1\n")
        with pytest.raises(ValueError, match=r"'Patient_ID', 'new_names', 'labels'.*not found"):
            load_cnmc(tmp_path, "prelim")


class TestFinal:
    @pytest.mark.parametrize(
        "folder",
        [
            "testing_data/C-NMC_test_final_phase_data",
            "testing_data",
            "C-NMC_test_final_phase_data/C-NMC_test_final_phase_data",
            ".",
        ],
    )
    def test_no_labels_and_no_subjects(self, tmp_path, folder):
        touch(tmp_path / folder, "10.bmp", "9.bmp", "1.bmp")
        cells = load_cnmc(tmp_path, split="final")
        assert [os.path.basename(path) for path in cells.images] == ["1.bmp", "9.bmp", "10.bmp"]
        assert cells.y is None
        assert cells.subjects is None
        assert cells.class_names == ("hem", "all")

    def test_the_other_test_set_is_not_taken_for_it(self, tmp_path):
        plant_prelim(tmp_path)
        folder = tmp_path / "validation_data" / "C-NMC_test_prelim_phase_data"
        for root in (tmp_path, tmp_path / "validation_data", folder):
            with pytest.raises(FileNotFoundError, match="split 'final'"):
                load_cnmc(root, "final")
        with pytest.raises(FileNotFoundError, match=r"the split 'prelim'; pass split='prelim'"):
            load_cnmc(folder, "final")

    def test_both_test_sets_in_one_folder(self, tmp_path):
        plant_prelim(tmp_path, "beside")
        touch(tmp_path, *(f"testing_data/C-NMC_test_final_phase_data/{i}.bmp" for i in range(5)))
        assert len(load_cnmc(tmp_path, "final")) == 5
        assert len(load_cnmc(tmp_path, "prelim")) == 3


class TestArguments:
    def test_a_folder_without_the_split(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            load_cnmc(tmp_path / "nowhere")
        for split in ("train", "prelim", "final"):
            with pytest.raises(FileNotFoundError, match=r"holds nothing; expected paths such as"):
                load_cnmc(tmp_path, split)
        touch(tmp_path, "cats/1.jpg")
        with pytest.raises(FileNotFoundError, match=r"1 entries \(cats\)"):
            load_cnmc(tmp_path)

    def test_wrong_arguments(self, tmp_path):
        with pytest.raises(ValueError, match="'split' parameter of load_cnmc"):
            load_cnmc(tmp_path, "test")
        with pytest.raises(ValueError, match="'errors' parameter of load_cnmc"):
            load_cnmc(tmp_path, errors="warn")
        with pytest.raises(ValueError, match="belongs to split='prelim'"):
            load_cnmc(tmp_path, "final", labels_csv="x.csv")

    def test_nothing_usable_is_an_error_even_when_skipping(self, tmp_path):
        touch(tmp_path, "fold_0/all/1.bmp")
        with pytest.raises(ValueError, match=r"no cell can be used.*1\.bmp"):
            load_cnmc(tmp_path, errors="skip")


@pytest.fixture(scope="module")
def manifest(shared_data):
    with gzip.open(shared_data / "cnmc" / "cnmc2019_manifest.csv.gz", "rt", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def whole_tree(manifest, tmp_path_factory):
    """Return a tree of empty files under the real names, in Kaggle's layout."""
    root = tmp_path_factory.mktemp("C-NMC_Leukemia")
    for folder in {os.path.dirname(row["path"]) for row in manifest}:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for row in manifest:
        (root / row["path"]).touch()
    return root


@pytest.mark.real_data
class TestRealNames:
    def test_training_counts(self, whole_tree, manifest):
        cells = load_cnmc(whole_tree)
        assert len(cells) == 10_661
        assert cells.summary().to_dict("index") == {
            "hem": {"cells": 3389, "subjects": 26},
            "all": {"cells": 7272, "subjects": 47},
        }
        counts = cells.frame.groupby(["fold", "label"]).size().to_dict()
        assert counts == {
            ("fold_0", 1): 2397,
            ("fold_0", 0): 1130,
            ("fold_1", 1): 2418,
            ("fold_1", 0): 1163,
            ("fold_2", 1): 2457,
            ("fold_2", 0): 1096,
        }
        told = Counter(row["subject"] for row in manifest if row["split"] == "train")
        assert Counter(cells.subjects) == told
        assert sorted({told[s] for s in told})[0] == 9
        assert max(told.values()) == 757
        assert len(cells.skipped) == 0

    def test_each_row_equals_the_manifest(self, whole_tree, manifest):
        told = {row["path"]: row for row in manifest if row["split"] == "train"}
        for row in load_cnmc(whole_tree).frame.itertuples():
            expected = told[os.path.relpath(row.image, whole_tree).replace(os.sep, "/")]
            assert (row.subject, row.fold) == (expected["subject"], expected["fold"])
            assert ("hem", "all")[row.label] == expected["label"]
            assert (row.field, row.cell) == (
                f"{expected['subject']}_{expected['image']}",
                int(expected["cell"]),
            )

    def test_no_image_is_in_two_groups(self, whole_tree, manifest):
        digests = {row["path"]: row["sha256"] for row in manifest}
        groups, subjects = {}, {}
        for row in load_cnmc(whole_tree).frame.itertuples():
            digest = digests[os.path.relpath(row.image, whole_tree).replace(os.sep, "/")]
            groups.setdefault(digest, set()).add(row.group)
            subjects.setdefault(digest, set()).add(row.subject)
        assert max(len(found) for found in groups.values()) == 1
        assert sum(len(found) > 1 for found in subjects.values()) == 99

    def test_preliminary_counts_with_a_made_table(self, whole_tree, manifest, tmp_path):
        names = [
            os.path.basename(row["path"])
            for row in manifest
            if row["split"] == "prelim" and row["path"].endswith(".bmp")
        ]
        assert len(names) == 1867
        random.Random(0).shuffle(names)
        rows = [
            (f"UID_{100 + i % 13}_{i}_1_all.bmp", name, "1")
            if i < 1219
            else (f"UID_H{100 + i % 15}_{i}_1_hem.bmp", name, "0")
            for i, name in enumerate(names)
        ]
        told = {name: (original, int(label)) for original, name, label in rows}
        random.Random(1).shuffle(rows)
        table = tmp_path / "labels.csv"
        with table.open("w", newline="") as lines:
            csv.writer(lines).writerows([("Patient_ID", "new_names", "labels"), *rows])
        cells = load_cnmc(whole_tree, "prelim", labels_csv=table)
        assert cells.summary().to_dict("index") == {
            "hem": {"cells": 648, "subjects": 15},
            "all": {"cells": 1219, "subjects": 13},
        }
        for row in cells.frame.itertuples():
            original, label = told[os.path.basename(row.image)]
            assert row.label == label
            assert original.startswith(f"UID_{row.subject}_")

    def test_final_counts(self, whole_tree):
        cells = load_cnmc(whole_tree, "final")
        assert len(cells) == 2586
        assert cells.y is None

    def test_the_merged_layout(self, manifest, tmp_path):
        for row in manifest:
            if row["split"] == "train":
                (tmp_path / os.path.basename(row["path"])).touch()
        cells = load_cnmc(tmp_path)
        assert cells.summary()["cells"].to_dict() == {"hem": 3389, "all": 7272}
        assert "fold" not in cells.frame

    def test_ten_thousand_names_are_listed_quickly(self, whole_tree):
        taken = []
        for _ in range(5):
            start = time.process_time()
            load_cnmc(whole_tree)
            taken.append(time.process_time() - start)
        assert np.min(taken) < 0.2

    def test_the_nine_real_cells(self, shared_data):
        cells = load_cnmc(shared_data / "cnmc", errors="skip")
        assert cells.subjects.tolist() == ["16", "1", "1", "3", "H10", "H10", "H3", "H3"]
        assert cells.y.tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
