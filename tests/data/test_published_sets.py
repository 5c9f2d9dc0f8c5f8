import os
import subprocess
import sys

import numpy as np
import pytest

from leukfeat.data import load_all_idb1, load_all_idb2, load_pbc, load_taleqani
from leukfeat.exceptions import CellNameError


def touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def names(cells):
    return [os.path.basename(path) for path in cells.images]


class TestAllIdb:
    @pytest.fixture
    def both(self, tmp_path):
        touch(
            tmp_path,
            *(f"ALL_IDB1/im/Im{i:03}_{int(i < 3)}.jpg" for i in range(1, 6)),
            *(f"ALL_IDB2/img/Im{i:03}_{int(i < 4)}.tif" for i in range(1, 8)),
        )
        (tmp_path / "ALL_IDB1" / "xyc").mkdir()
        (tmp_path / "ALL_IDB1" / "xyc" / "Im002_1.xyc").write_text("446\t62\r\n164 279\r\n")
        (tmp_path / "ALL_IDB1" / "xyc" / "Im004_0.xyc").write_text("")
        return tmp_path

    @pytest.mark.parametrize("folder", ["", "ALL_IDB1", "ALL_IDB1/im"])
    def test_fields(self, both, folder):
        cells = load_all_idb1(both / folder)
        assert (cells.class_names, cells.positive) == (("healthy", "all"), "all")
        assert names(cells)[0] == "Im001_1.jpg"
        assert cells.y.tolist() == [1, 1, 0, 0, 0]
        assert cells.column("field").tolist() == ["001", "002", "003", "004", "005"]
        centres = cells.column("blast_centres")
        np.testing.assert_array_equal(centres[1], [[446, 62], [164, 279]])
        assert centres[3].shape == (0, 2)
        assert centres[0] is None

    @pytest.mark.parametrize("folder", ["", "ALL_IDB2", "ALL_IDB2/img"])
    def test_cells(self, both, folder):
        cells = load_all_idb2(both / folder)
        assert (cells.class_names, cells.positive) == (("normal", "blast"), "blast")
        assert cells.y.tolist() == [1, 1, 1, 0, 0, 0, 0]
        assert cells.column("number").tolist() == list(range(1, 8))
        assert cells.subjects is None

    def test_the_other_set_is_not_taken_for_it(self, both):
        with pytest.raises(FileNotFoundError, match="load_all_idb1"):
            load_all_idb2(both / "ALL_IDB1")
        with pytest.raises(FileNotFoundError, match="load_all_idb2"):
            load_all_idb1(both / "ALL_IDB2")
        with pytest.raises(FileNotFoundError, match="load_all_idb1"):
            load_all_idb2(both / "ALL_IDB1" / "im")
        with pytest.raises(FileNotFoundError, match="load_all_idb2"):
            load_all_idb1(both / "ALL_IDB2" / "img")

    @pytest.mark.parametrize("name", ["Im001.tif", "Im001_2.tif", "cell.tif"])
    def test_a_name_that_does_not_parse(self, both, name):
        touch(both, f"ALL_IDB2/img/{name}")
        with pytest.raises(CellNameError, match=name):
            load_all_idb2(both)
        cells = load_all_idb2(both, errors="skip")
        assert (len(cells), len(cells.skipped)) == (7, 1)

    def test_coordinates_that_are_no_pairs(self, both):
        table = both / "ALL_IDB1" / "xyc" / "Im001_1.xyc"
        for text in ("1 2 3", "a b", "1 nan", "inf 2"):
            table.write_text(text)
            with pytest.raises(ValueError, match=r"Im001_1\.xyc' must be pairs"):
                load_all_idb1(both)
        assert names(load_all_idb1(both, errors="skip"))[0] == "Im002_1.jpg"

    def test_an_image_in_two_formats(self, both):
        touch(both, "ALL_IDB2/img/Im001_1.png")
        with pytest.raises(ValueError, match="there twice"):
            load_all_idb2(both)

    def test_nothing_there(self, tmp_path):
        for load in (load_all_idb1, load_all_idb2):
            with pytest.raises(FileNotFoundError, match=r"expected paths such as ALL_IDB\d"):
                load(tmp_path)


class TestTaleqani:
    @pytest.fixture
    def smears(self, tmp_path):
        touch(
            tmp_path,
            *(f"Original/Benign/WBC-Benign-{i:03}.jpg" for i in (2, 1)),
            *(f"Original/Early/WBC-Malignant-Early-{i:03}.jpg" for i in (100, 101)),
            "Original/Pre/WBC-Malignant-Pre-1000.jpg",
            "Original/[Malignant] Pro-B/WBC-Malignant-Pro-200.jpg",
            "Segmented/Benign/WBC-Benign-001.jpg",
        )
        return tmp_path

    def test_four_classes(self, smears):
        cells = load_taleqani(smears)
        assert cells.class_names == ("Benign", "Early", "Pre", "Pro")
        assert cells.positive is None
        assert cells.y.tolist() == [0, 0, 1, 1, 2, 3]
        assert cells.column("number").tolist() == [1, 2, 100, 101, 1000, 200]
        assert cells.column("block").tolist() == [
            *["Benign-1"] * 2,
            *["Early-1", "Early-2", "Pre-10", "Pro-2"],
        ]
        assert cells.subjects is None

    def test_two_classes(self, smears):
        cells = load_taleqani(smears, binary=True)
        assert (cells.class_names, cells.positive) == (("benign", "malignant"), "malignant")
        assert cells.y.tolist() == [0, 0, 1, 1, 1, 1]
        assert cells.column("stage").tolist() == ["Benign"] * 2 + ["Early"] * 2 + ["Pre", "Pro"]

    def test_the_masked_copies(self, smears):
        cells = load_taleqani(smears, segmented=True)
        assert len(cells) == 1
        assert "Segmented" in cells.images[0]
        with pytest.raises(FileNotFoundError, match="'Benign', 'Early', 'Pre', 'Pro'"):
            load_taleqani(smears / "Original", segmented=True)
        with pytest.raises(ValueError, match=r"masked copies.*segmented=True"):
            load_taleqani(smears / "Segmented")
        assert len(load_taleqani(smears / "Segmented", segmented=True)) == 1

    def test_block_size(self, smears):
        blocks = load_taleqani(smears, block_size=50).column("block")
        assert blocks.tolist()[2:4] == ["Early-2", "Early-3"]
        with pytest.raises(ValueError, match="'block_size'"):
            load_taleqani(smears, block_size=0)
        with pytest.raises(ValueError, match=r"whole number, at least 1\. Got 2\.5"):
            load_taleqani(smears, block_size=2.5)

    def test_a_name_without_number(self, smears):
        touch(smears, "Original/Pro/WBC.jpg")
        with pytest.raises(CellNameError, match=r"'WBC\.jpg' holds no number"):
            load_taleqani(smears)
        assert len(load_taleqani(smears, errors="skip")) == 6

    def test_nothing_there(self, tmp_path):
        touch(tmp_path, "x.jpg")
        with pytest.raises(FileNotFoundError, match=r"'Benign'.*found \['x\.jpg'\]"):
            load_taleqani(tmp_path)

    @pytest.mark.real_data
    def test_real_counts(self, shared_data):
        cells = load_taleqani(shared_data / "taleqani")
        assert cells.summary()["cells"].to_dict() == {
            "Benign": 300,
            "Early": 550,
            "Pre": 550,
            "Pro": 450,
        }
        assert len(set(cells.column("block"))) == 3 + 6 + 6 + 5
        assert len(cells.skipped) == 0

    @pytest.mark.real_data
    def test_neighbours_in_number_look_alike(self, shared_data):
        import cv2

        cells = load_taleqani(shared_data / "taleqani").select(label="Pro")
        colours = np.array([cv2.imread(path).mean((0, 1)) for path in cells.images])
        colours = (colours - colours.mean(0)) / colours.std(0)
        near = (colours[:-2] * colours[2:]).mean()
        far = (colours[:-100] * colours[100:]).mean()
        assert near > 0.3
        assert abs(far) < near / 2


class TestPbc:
    def test_classes_and_subtypes(self, tmp_path):
        touch(
            tmp_path,
            "PBC_dataset_normal_DIB/basophil/BA_100102.jpg",
            "PBC_dataset_normal_DIB/ig/PMY_3.jpg",
            "PBC_dataset_normal_DIB/ig/MY_2.jpg",
            "PBC_dataset_normal_DIB/neutrophil/SNE_5.jpg",
            "PBC_dataset_normal_DIB/neutrophil/.DS_169665.jpg",
        )
        cells = load_pbc(tmp_path)
        assert len(cells.class_names) == 8
        assert cells.positive is None
        assert [cells.class_names[i] for i in cells.y] == ["basophil", "ig", "ig", "neutrophil"]
        assert cells.column("subtype").tolist() == ["BA", "MY", "PMY", "SNE"]
        assert cells.column("number").tolist() == [100102, 2, 3, 5]

    def test_a_name_that_does_not_parse(self, tmp_path):
        touch(tmp_path, "ig/PMY_3.jpg", "ig/three.jpg")
        with pytest.raises(CellNameError, match=r"three\.jpg"):
            load_pbc(tmp_path)
        assert len(load_pbc(tmp_path, errors="skip")) == 1

    def test_one_class_folder_and_none(self, tmp_path):
        touch(tmp_path, "ig/PMY_3.jpg", "cats/x.jpg")
        cells = load_pbc(tmp_path / "ig")
        assert cells.class_names[cells.y[0]] == "ig"
        with pytest.raises(FileNotFoundError, match="'basophil'"):
            load_pbc(tmp_path / "cats")
        assert load_pbc(tmp_path).skipped["reason"].tolist() == ["lies in the folder of no class"]

    @pytest.mark.real_data
    def test_real_counts(self, shared_data):
        cells = load_pbc(shared_data / "pbc")
        assert cells.summary()["cells"].tolist() == [100] * 8
        assert len(cells.skipped) == 0


def test_loading_names_reads_no_image_and_imports_nothing_heavy(tmp_path):
    touch(tmp_path, "fold_0/all/UID_1_1_1_all.bmp")
    code = (
        "import sys, leukfeat.data as d\n"
        "assert 'pandas' not in sys.modules\n"
        f"d.load_cnmc({str(tmp_path)!r})\n"
        "print([m for m in ('cv2', 'sklearn', 'tensorflow', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
