"""``leukfeat measure``: the rows, the cache and the messages of hand-crafted features."""

import json

import numpy as np
import pandas as pd
import pytest

import leukfeat as lf
from leukfeat.cli.entry import main

GIVEN = ["--subject-pattern", "(?P<subject>[^_]+)_"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, printed.err


@pytest.fixture(scope="module")
def few(tmp_path_factory, write_folder):
    root = tmp_path_factory.mktemp("few cells")
    return write_folder(root, lf.make_cells(3, 6, size=64, random_state=0))


def test_the_table_holds_what_the_call_measures_and_the_cache_is_the_same(few, tmp_path, capsys):
    cache, table = tmp_path / "cache", tmp_path / "measured.csv"
    asked = ["measure", few, "--families", "shape,colour", *GIVEN, "--cache", cache]
    code, out, err = run(capsys, *asked, "-o", table, "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["cells"], told["features"], told["no_cell_found"]) == (6, 107, 0)
    cells = lf.load_folder(few, subject_pattern=GIVEN[1])
    plan = lf.extract_handcrafted(cells, ["shape", "colour"], cache=cache, dry_run=True)
    assert (plan.rows_held, plan.rows_missing) == (6, 0)
    measured = lf.extract_handcrafted(cells, ["shape", "colour"], cache=cache, progress=False)
    written = pd.read_csv(table)
    assert {"image", "label", "subject", "digest"} <= set(written.columns)
    assert written["digest"].tolist() == list(measured.ids)
    np.testing.assert_allclose(
        written[list(measured.feature_names)].to_numpy(), measured.X, rtol=1e-5
    )
    code, out, _ = run(capsys, *asked, "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["rows_missing"] == 0


def test_the_segmentation_is_part_of_the_space(few, tmp_path, capsys):
    digests = set()
    for method in ("default", "otsu", "background"):
        asked = ["measure", few, "--families", "shape", "--segmentation", method]
        code, out, err = run(capsys, *asked, "-o", tmp_path / f"{method}.csv", "--json")
        assert code == 0, err
        told = json.loads(out)
        assert told["spec"]["segmentation"] == method
        digests.add(told["spec_digest"])
    assert len(digests) == 3
    assert "nucleus_area_px2" not in pd.read_csv(tmp_path / "background.csv").columns


def test_one_image_of_many_without_a_cell_is_counted_too(tmp_path, capsys, write_folder):
    import cv2

    write_folder(tmp_path, lf.make_cells(3, 10, size=64, random_state=0))
    cv2.imwrite(str(tmp_path / "hem" / "x_1.png"), np.full((40, 40, 3), 200, np.uint8))
    code, out, err = run(
        capsys, "measure", tmp_path, "--families", "shape", "--cache", tmp_path / "c", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["no_cell_found"] == 1
    assert err.count("In 1 of 11 images no cell was found") == 1


def test_images_without_a_cell_are_counted(tmp_path, capsys):
    import cv2

    for name, colour in (("a", 200), ("b", 120)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((40, 40, 3), colour, np.uint8))
    code, _, err = run(
        capsys, "measure", tmp_path, "--families", "shape", "-o", tmp_path / "measured.csv"
    )
    assert code == 0, err
    assert err.count("In 2 of 2 images no cell was found") == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([], "--cache or --out is needed"),
        (["-o", "t.csv", "--families", "texture,size"], "must be different names of texture"),
        (["-o", "t.csv", "--families", "shape,shape"], "must be different names of texture"),
        (["-o", "t.csv", "--segmentation", "k_means"], "must be default, kmeans_hsi"),
        (["-o", "t.csv", "--segmentation", "none"], "--families texture,colour"),
        (["-o", "t.csv", "--unit", "mm"], "must be auto, px or um"),
    ],
)
def test_a_wrong_question_is_told_before_anything_is_read(capsys, asked, said):
    code, _, err = run(capsys, "measure", "nowhere", *asked)
    assert code == 2
    assert said in " ".join(err.replace("│", " ").split())


def test_a_table_that_has_such_a_column_is_refused_before_the_work(few, tmp_path, capsys):
    code, _, err = run(capsys, "export", few, "-o", tmp_path / "cells.csv", *GIVEN)
    assert code == 0, err
    table = pd.read_csv(tmp_path / "cells.csv").assign(hue_mean=0.5)
    table.to_csv(tmp_path / "cells.csv", index=False)
    asked = ["measure", tmp_path / "cells.csv", "--cache", tmp_path / "cache"]
    code, _, err = run(capsys, *asked, "-o", tmp_path / "measured.csv")
    assert code == 1
    assert "['hue_mean']" in err
    assert not (tmp_path / "cache").exists()
