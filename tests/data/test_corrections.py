import pandas as pd
import pytest

from leukfeat.data import CellDataset, apply_corrections, consensus_labels, export_table


@pytest.fixture
def cells(tmp_path):
    paths = []
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.png").touch()
        paths.append(tmp_path / f"{name}.png")
    return CellDataset.from_arrays(
        paths,
        ["hem", "hem", "all", None],
        ["H1", "H2", "1", "2"],
        class_names=["hem", "all"],
        positive="all",
    )


def frame(**columns):
    return pd.DataFrame(columns)


def test_a_table_that_was_exported_corrected_and_read_again(cells, tmp_path):
    path = tmp_path / "cells.csv"
    export_table(cells, path, relative_to=tmp_path)
    path.write_text(
        path.read_text().replace("b.png,hem", "b.png,all").replace("d.png,", "d.png,hem")
    )
    corrected = apply_corrections(cells, path)
    assert corrected.y.tolist() == [0, 1, 1, 0]
    assert corrected.column("label_before").tolist() == [None, "hem", None, None]
    assert corrected.subjects.tolist() == cells.subjects.tolist()
    assert corrected.positive == "all"
    assert cells.y.tolist() == [0, 0, 1, -1]
    assert len(corrected.skipped) == 0


def test_parquet(cells, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "cells.parquet"
    frame(image=["a.png"], label=["all"]).to_parquet(path)
    assert apply_corrections(cells, path).y.tolist() == [1, 0, 1, -1]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        apply_corrections(cells, tmp_path / "nowhere.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"cells\.parquet' cannot be read"):
        apply_corrections(cells, path)


def test_an_empty_label_corrects_nothing(cells, tmp_path):
    table = frame(image=["a.png", "b.png"], label=["", None])
    corrected = apply_corrections(cells, table, root=tmp_path)
    assert corrected.y.tolist() == cells.y.tolist()


def test_any_column_or_array_can_be_the_key(cells):
    table = frame(subject=["H1"], verdict=["all"])
    assert apply_corrections(cells, table, on="subject", label="verdict").y[0] == 1
    table = frame(digest=["same", "d3"], label=["all", "hem"])
    keys = ["same", "same", "d2", "d3"]
    assert apply_corrections(cells, table, on="digest", keys=keys).y.tolist() == [1, 1, 1, 0]
    with pytest.raises(ValueError, match="'keys' has 1 entries"):
        apply_corrections(cells, table, on="digest", keys=["d0"])
    with pytest.raises(ValueError, match="no column 'digest'"):
        apply_corrections(cells, table, on="digest")


def test_a_row_that_names_no_cell(cells, tmp_path):
    table = frame(image=["a.png", "z.png"], label=["all", "all"])
    with pytest.raises(
        ValueError, match=r"^'[^']*': no cell of 'cells' has the image .*z\.png.*'root'"
    ):
        apply_corrections(cells, table, root=tmp_path)
    corrected = apply_corrections(cells, table, root=tmp_path, errors="skip")
    assert corrected.y.tolist() == [1, 0, 1, -1]
    assert len(corrected.skipped) == 1


def test_rows_that_contradict_each_other(cells, tmp_path):
    table = frame(
        image=["a.png", "a.png", "a.png", "c.png", "c.png"],
        label=["all", "hem", "all", "hem", "hem"],
        annotator=["ann", "ben", "cem", "ann", "ben"],
    )
    with pytest.raises(ValueError, match=r"'all' and 'hem'.*'annotator'.*consensus_labels"):
        apply_corrections(cells, table, root=tmp_path)
    skipped = apply_corrections(cells, table, root=tmp_path, errors="skip")
    assert skipped.y.tolist() == [0, 0, 0, -1]
    by_ann = apply_corrections(cells, table, root=tmp_path, annotator="ann")
    assert by_ann.y.tolist() == [1, 0, 0, -1]
    votes = table.pivot(index="image", columns="annotator", values="label")  # noqa: PD010
    agreed = apply_corrections(cells, consensus_labels(votes).reset_index(), root=tmp_path)
    assert agreed.y.tolist() == [1, 0, 0, -1]
    with pytest.raises(ValueError, match="no row of the annotator 'dan'"):
        apply_corrections(cells, table, root=tmp_path, annotator="dan")


def test_labels_and_columns_that_are_not_there(cells, tmp_path):
    with pytest.raises(ValueError, match=r"\['lymphoma'\].*no classes"):
        apply_corrections(cells, frame(image=["a.png"], label=["lymphoma"]), root=tmp_path)
    with pytest.raises(ValueError, match=r"no column \['label'\]"):
        apply_corrections(cells, frame(image=["a.png"], verdict=["all"]))
    with pytest.raises(FileNotFoundError, match="'corrections'"):
        apply_corrections(cells, tmp_path / "nowhere.csv")
