"""Names that are no UTF-8, and names that are orders to a terminal: written, read back, shown."""

import json
import os
import sys

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import leukfeat as lf
from leukfeat.cli.app import app, run
from leukfeat.data import export_table
from leukfeat.data.table_file import table_writer

ODD = (b"caf\xe9.png", b"\xff\xfe.png", b"tab\tand\x1b[31mred.png", b"line\rend.png", b"fine.png")
pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="its file names are Unicode")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "cells"
    place.mkdir()
    for i, name in enumerate(ODD):
        pixels = np.random.default_rng(i).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        _, data = cv2.imencode(".png", pixels)
        with open(os.fsencode(place) + b"/" + name, "wb") as file:
            file.write(data)
    return place


def test_a_csv_table_leads_back_to_the_files(folder, tmp_path, caplog):
    cells = lf.load_cells(folder)
    assert len(cells) == len(ODD)
    export_table(cells, tmp_path / "cells.csv")
    assert caplog.text.count("2 texts in") == 1
    again = lf.load_csv(tmp_path / "cells.csv")
    assert list(again.images) == list(cells.images)


def test_a_parquet_table_holds_what_a_csv_table_does(folder, tmp_path):
    pytest.importorskip("pyarrow")
    table = export_table(lf.load_cells(folder), tmp_path / "cells.parquet")
    written = pd.read_parquet(tmp_path / "cells.parquet")
    assert len(written) == len(table)
    assert sum(r"\udce9" in name for name in written["image"]) == 1


def test_nothing_is_said_of_ordinary_text(tmp_path, caplog):
    table = pd.DataFrame(
        {"image": ["a", "bé", None], "label": pd.Series(["x", None, 1], dtype=object)}
    )
    table_writer(tmp_path / "t.csv")(table)
    assert caplog.text == ""


def test_missing_values_stay_missing(tmp_path):
    odd = pd.Series([b"\xe9".decode(errors="surrogateescape"), None, 7], dtype=object)
    table_writer(tmp_path / "t.csv")(pd.DataFrame({"image": odd, "label": [None, "a", None]}))
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert lines == ["image,label", r"\udce9,", ",a", "7,"]


def test_a_command_exports_them_and_sends_a_terminal_no_orders(folder, tmp_path):
    (folder / "note\x1b]0;title\x07\n.txt").write_text("")
    out = tmp_path / "cells.csv"
    ended = CliRunner().invoke(app, ["export", str(folder), "-o", str(out)])
    assert ended.exit_code == 0, ended.output
    assert len(lf.load_csv(out)) == len(ODD)
    assert "\x1b" not in ended.output
    assert r"note\x1b]0;title\x07\n.txt: its ending is none" in ended.output
    found = json.loads(
        CliRunner().invoke(app, ["export", str(folder), "-o", str(out), "--json"]).stdout
    )
    assert [os.path.basename(one["path"]) for one in found["skipped"]] == [
        "note\x1b]0;title\x07\n.txt"
    ]


def test_an_error_that_names_a_file_is_no_order_either(tmp_path, capsys):
    (tmp_path / "a\x1b[2Jb.csv").write_text("")
    assert run(["export", str(tmp_path / "a\x1b[2Jb.csv"), "-o", str(tmp_path / "x.csv")]) == 1
    said = capsys.readouterr().err
    assert r"a\x1b[2Jb.csv" in said
    assert "\x1b" not in said
