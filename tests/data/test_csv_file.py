import numpy as np
import pytest

from leukfeat.data import load_csv


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table beside four images."""
    for name in ("a", "b", "c", "d"):
        (tmp_path / "img").mkdir(exist_ok=True)
        (tmp_path / "img" / f"{name}.png").touch()

    def write(text, *, name="cells.csv", encoding="utf-8"):
        (tmp_path / name).write_text(text, encoding=encoding)
        return tmp_path / name

    return write


ROWS = "image,label,subject\nimg/c.png,blast,007\nimg/a.png,normal,NA\nimg/b.png,,8\n"


def test_rows_in_the_order_of_the_table(table, tmp_path):
    cells = load_csv(table(ROWS), positive="blast")
    assert cells.images == [str(tmp_path / "img" / f"{name}.png") for name in "cab"]
    assert cells.class_names == ("blast", "normal")
    assert cells.y.tolist() == [0, 1, -1]
    assert cells.subjects.tolist() == ["007", "NA", "8"]
    assert cells.name == "cells"
    assert len(cells.skipped) == 0


def test_other_separators_and_byte_order_mark(table):
    text = ROWS.replace(",", ";")
    assert len(load_csv(table(text, encoding="utf-8-sig"))) == 3
    assert load_csv(table(ROWS.replace(",", "\t"))).y.tolist() == [0, 1, -1]
    assert load_csv(table(ROWS.replace(",", "|")), sep="|").y.tolist() == [0, 1, -1]


def test_columns_by_other_names_and_extra_columns(table):
    text = "file,class,patient,fold,um_per_px,ratio,mask\n" + (
        "a.png,x,1,0,0.1,2,b.png\nb.png,y,2,1,,3,\n"
    )
    cells = load_csv(
        table(text), image="file", label="class", subject="patient", root=table(text).parent / "img"
    )
    assert cells.class_names == ("x", "y")
    assert cells.subjects.tolist() == ["1", "2"]
    assert cells.column("fold").tolist() == ["0", "1"]
    np.testing.assert_array_equal(cells.column("um_per_px"), [0.1, np.nan])
    assert cells.column("ratio").tolist() == [2, 3]
    assert cells.column("mask")[0] == str(table(text).parent / "img" / "b.png")
    assert cells.column("mask")[1] is None


@pytest.mark.parametrize("values", [("0", "1"), ("0.0", "1.0"), ("hem", "all")])
def test_labels_as_indices_or_names(table, values):
    text = f"image,label\nimg/a.png,{values[1]}\nimg/b.png,{values[0]}\nimg/c.png,\n"
    cells = load_csv(table(text), class_names=["hem", "all"])
    assert cells.y.tolist() == [1, 0, -1]


def test_numbers_as_class_names_are_in_the_order_of_numbers(table):
    cells = load_csv(table("image,label\nimg/a.png,10\nimg/b.png,9\n"))
    assert cells.class_names == ("9", "10")
    assert cells.y.tolist() == [1, 0]


def test_labels_and_subjects_may_be_absent(table):
    cells = load_csv(table("image\nimg/a.png\n"))
    assert cells.y is None
    assert cells.subjects is None


def test_unknown_labels_are_shown(table):
    with pytest.raises(ValueError, match=r"\['lymphoma'\].*not among"):
        load_csv(table("image,label\nimg/a.png,lymphoma\n"), class_names=["hem", "all"])
    with pytest.raises(ValueError, match=r"\['2'\]"):
        load_csv(table("image,label\nimg/a.png,2\n"), class_names=["hem", "all"])


def test_columns_that_are_not_there(table):
    with pytest.raises(ValueError, match=r"no column 'image' .*'path'"):
        load_csv(table("path,label\nimg/a.png,x\n"))
    with pytest.raises(ValueError, match="no column 'patient'"):
        load_csv(table(ROWS), subject="patient")
    with pytest.raises(ValueError, match="beside"):
        load_csv(table("image,label,diagnosis\nimg/a.png,x,y\n"), label="diagnosis")
    with pytest.raises(ValueError, match="two things"):
        load_csv(table(ROWS), subject="label")


def test_a_row_without_file(table):
    text = ROWS + "img/e.png,blast,9\nelsewhere/a.png,blast,9\n"
    with pytest.raises(FileNotFoundError, match=r"line 5.*no file .*e\.png.*'root'"):
        load_csv(table(text))
    cells = load_csv(table(text), errors="skip")
    assert len(cells) == 3
    assert cells.skipped["path"].str.extract(r"line (\d)")[0].tolist() == ["5", "6"]


def test_a_file_without_row(table):
    assert len(load_csv(table(ROWS))) == 3
    with pytest.raises(ValueError, match=r"d\.png.*no row"):
        load_csv(table(ROWS), require_all_files=True)
    assert len(load_csv(table(ROWS), require_all_files=True, errors="skip").skipped) == 1


def test_a_second_row_for_a_file(table):
    same = ROWS + "./img/c.png,blast,007\n"
    with pytest.raises(ValueError, match=r"line 5.*second row.*line 2.*the same"):
        load_csv(table(same))
    cells = load_csv(table(same), errors="skip")
    assert [path[-5:] for path in cells.images] == ["c.png", "a.png", "b.png"]
    other = same + "img/c.png,normal,007\n"
    cells = load_csv(table(other), errors="skip")
    assert [path[-5:] for path in cells.images] == ["a.png", "b.png"]
    assert "disagrees" in cells.skipped["reason"].iloc[-1]


def test_windows_separators_and_absolute_paths(table, tmp_path):
    cells = load_csv(table(f"image\nimg\\a.png\n{tmp_path}/img/b.png\n"))
    assert cells.images == [str(tmp_path / "img" / "a.png"), str(tmp_path / "img" / "b.png")]


def test_tables_that_are_none(table, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        load_csv(tmp_path / "nowhere.csv")
    with pytest.raises(ValueError, match="empty"):
        load_csv(table(""))
    with pytest.raises(ValueError, match="no cell can be used"):
        load_csv(table("image,label\n"))
    with pytest.raises(ValueError, match="UTF-8"):
        load_csv(table("image,label\nimg/a.png,Bösartig\n", encoding="latin-1"))
    with pytest.raises(ValueError, match=r"more than one column named \['label'\]"):
        load_csv(table("image,label,label\nimg/a.png,x,y\n"))
    with pytest.raises(ValueError, match="not a table"):
        load_csv(table("image,label\nimg/a.png,x,y,z\n"))
    with pytest.raises(ValueError, match="line 3: the image path is empty"):
        load_csv(table("image,label\nimg/a.png,x\n,x\n"))


def test_short_lines_are_empty_cells(table):
    assert load_csv(table("image,label\nimg/a.png,x\nimg/b.png\n")).y.tolist() == [0, -1]


def test_labels_that_differ_in_case_only_are_warned_of(tmp_path):
    (tmp_path / "cells.csv").write_text("image,label\na.png,Pre-B\nb.png,pre b\n")
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    with pytest.warns(UserWarning, match="classes 'Pre-B' and 'pre b', which differ only"):
        load_csv(tmp_path / "cells.csv")
