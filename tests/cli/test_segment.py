"""segment and predict --smear: files out, errors as messages."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from leukfeat.classifier import smear
from leukfeat.cli import main
from leukfeat.data import make_cells
from leukfeat.data.procedural import make_smear
from leukfeat.imaging import conversion


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    root = tmp_path_factory.mktemp("fields")
    for seed in (1, 2):
        smear = make_smear(3, 15, 1, size=(280, 360), um_per_px=0.18, random_state=seed)
        cv2.imwrite(str(root / f"field{seed}.png"), smear.image[..., ::-1])
    return root


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from leukfeat import CellClassifier, extract_features, fit_head, save_model

    cells = make_cells(8, 40, size=48, random_state=0)
    given = {"weights": "random", "layers": "conv2", "input_size": 48, "progress": False}
    features = extract_features(cells, **given)
    head = fit_head(features, "logistic_regression", tune=False)
    return save_model(CellClassifier(head, features), tmp_path_factory.mktemp("m") / "a.leukfeat")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return stopped.value.code, printed.out, printed.err


def test_segment_writes_masks_overlays_and_a_table(fields, tmp_path, capsys):
    out = tmp_path / "cells"
    code, text, _ = run(
        capsys, "segment", fields, "-o", out, "--types", "all", "--qupath", "--json"
    )
    assert code == 0
    counted = json.loads(text)["images"]
    assert [row["white"] for row in counted] == [3, 3]
    table = pd.read_csv(out / "cells.csv")
    assert len(table) == sum(row[n] for row in counted for n in ("white", "red", "platelet"))
    for name in ("field1", "field2"):
        mask = cv2.imread(str(out / f"{name}_mask.png"), cv2.IMREAD_UNCHANGED)
        mine = table[table["image"].str.contains(name)]
        assert set(np.unique(mask)) - {0} == set(mine["number"])
        assert cv2.imread(str(out / f"{name}_overlay.png")).shape == (280, 360, 3)
        held = json.loads((out / f"{name}.geojson").read_text())
        assert len(held["features"]) == len(mine)


def test_a_mask_of_more_cells_than_a_png_holds_is_a_tiff(fields, tmp_path, capsys, monkeypatch):
    from leukfeat import imaging

    whole = imaging.label_image

    def many(cells, shape):
        return whole(cells, shape).astype(np.int32) * 70_000

    monkeypatch.setattr(imaging, "label_image", many)
    code, _, _ = run(capsys, "segment", fields / "field1.png", "-o", tmp_path, "--no-overlay")
    assert code == 0
    mask = cv2.imread(str(tmp_path / "field1_mask.tif"), cv2.IMREAD_UNCHANGED)
    assert np.unique(mask).tolist() == [0, 70_000, 140_000, 210_000]


def test_images_of_one_name_do_not_overwrite_each_other(fields, tmp_path, capsys):
    field = fields / "field1.png"
    code, _, _ = run(capsys, "segment", field, field, "-o", tmp_path, "--no-overlay")
    assert code == 0
    masks = {path.name for path in tmp_path.glob("*.png")}
    assert masks == {"field1_mask.png", "field1-2_mask.png"}


def test_bad_images_are_errors_or_left_out(fields, tmp_path, capsys):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    code, _, message = run(capsys, "segment", bad, "-o", tmp_path / "o")
    assert code == 1
    assert "bad.png" in message
    both = [bad, fields / "field1.png"]
    code, _, message = run(capsys, "segment", *both, "-o", tmp_path / "o", "--skip-bad-images")
    assert code == 0
    assert "left out" in message
    assert run(capsys, "segment", bad, "-o", tmp_path / "o", "--types", "green")[0] == 2


def test_a_field_that_is_too_large_to_be_drawn_is_segmented(tmp_path, capsys, monkeypatch):
    """A large TIFF goes in tiles to the table and the outlines; it was refused, with --tile too."""
    tifffile = pytest.importorskip("tifffile")
    smear = make_smear(3, 15, 1, size=(280, 360), um_per_px=0.18, random_state=1)
    tifffile.imwrite(tmp_path / "a.tif", smear.image, photometric="rgb", tile=(128, 128))
    given = ("segment", tmp_path / "a.tif", "--tile", 256, "--qupath", "-o")
    assert run(capsys, *given, tmp_path / "small")[0] == 0
    monkeypatch.setattr(conversion, "MAX_PIXELS", 90_000)
    code, _, message = run(capsys, *given, tmp_path / "large")
    assert code == 0
    assert "280 x 360 pixels: no mask and no overlay" in message
    assert {path.name for path in (tmp_path / "large").iterdir()} == {"cells.csv", "a.geojson"}
    for name in ("cells.csv", "a.geojson"):
        small, large = (tmp_path / size / name for size in ("small", "large"))
        assert small.read_text() == large.read_text()
    assert (tmp_path / "small" / "a_overlay.png").is_file()


def test_images_of_one_cell_are_segmented_as_such(tmp_path, capsys):
    """The command looked for the cells of a field, whatever the images were."""
    from leukfeat.imaging import segment

    cells = make_cells(2, 4, size=96, random_state=0)
    folder = tmp_path / "cells"
    folder.mkdir()
    for i, image in enumerate([*cells.images, np.full((50, 60, 3), 230, np.uint8)]):
        cv2.imwrite(str(folder / f"{i}.png"), image[..., ::-1])
    for method in ("default", "otsu"):
        out = tmp_path / method
        given = ("segment", folder, "-o", out, "--central", "--qupath", "--json")
        code, text, _ = run(capsys, *given, "--method", method)
        assert code == 0
        assert [row["white"] for row in json.loads(text)["images"]] == [1, 1, 1, 1, 0]
        table = pd.read_csv(out / "cells.csv")
        for i, image in enumerate(cells.images):
            found = segment(image, method=method)
            mask = cv2.imread(str(out / f"{i}_mask.png"), cv2.IMREAD_UNCHANGED)
            assert ((mask == 2) == found.nucleus).all()
            assert ((mask == 1) == found.cytoplasm).all()
            assert table["area"][i] == found.cell.sum()
            assert table["nucleus_area"][i] == found.nucleus.sum()
            assert cv2.imread(str(out / f"{i}_overlay.png")).shape == image.shape
            assert len(json.loads((out / f"{i}.geojson").read_text())["features"]) == 1
        assert not cv2.imread(str(out / "4_mask.png")).any()
    given = ("segment", folder, "-o", tmp_path / "o")
    for wrong, said in (
        (("--central", "--types", "all"), "--types"),
        (("--method", "otsu"), "--central"),
        (("--central", "--method", "green"), "kmeans_hsi"),
    ):
        code, _, message = run(capsys, *given, *wrong)
        assert code == 2
        assert said in message


def test_twelve_bits_are_refused_in_tiles_too(tmp_path, capsys):
    """Read in tiles, it came out black: no cell, no word."""
    tifffile = pytest.importorskip("tifffile")
    smear = make_smear(3, 15, 1, size=(280, 360), um_per_px=0.18, random_state=1)
    twelve = smear.image.astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "a.tif", twelve, photometric="rgb", tile=(128, 128))
    for tile in ((), ("--tile", 256)):
        code, _, message = run(capsys, "segment", tmp_path / "a.tif", *tile, "-o", tmp_path / "o")
        assert code == 1
        assert "12-bit camera" in message


def test_predict_smear(fields, model, tmp_path, capsys):
    out = tmp_path / "cells.csv"
    code, text, _ = run(
        capsys, "predict", model, fields, "--smear", "--cut-out", "--side", 64, "-o", out, "--json",
        "--um-per-px", 0.18,
    )  # fmt: skip
    assert code == 0
    assert [row["white_cells"] for row in json.loads(text)["fields"]] == [3, 3]
    table = pd.read_csv(out)
    assert len(table) == 6
    assert {"field", "label", "p_all", "far", "top"} <= set(table)
    assert set(table["um_per_px"]) == {0.18}


def test_a_model_of_many_classes_is_told_which_is_suspicious(fields, tmp_path, capsys):
    """The last class by name was counted as suspicious."""
    from leukfeat import CellClassifier, FeatureSet, extract_features, fit_head, save_model

    cells = make_cells(6, 24, size=48, random_state=0)
    found = extract_features(cells, weights="random", layers="conv2", input_size=48, progress=False)
    features = FeatureSet(
        found.X, [*range(3)] * 8, subjects=found.subjects, spec=found.spec,
        class_names=("blast", "lymphocyte", "platelet"),
    )  # fmt: skip
    head = fit_head(features, "naive_bayes", tune=False, calibrate=False)
    model = save_model(CellClassifier(head), tmp_path / "many.leukfeat")
    given = ("predict", model, fields / "field1.png", "--smear", "--side", 64, "--json")
    code, text, message = run(capsys, *given)
    assert code == 0
    assert "--positive" in message
    (counted,) = json.loads(text)["fields"]
    called = {name: counted[f"called_{name}"] for name in head.class_names_}
    assert sum(called.values()) == counted["white_cells"] == 3
    code, text, message = run(capsys, *given, "--positive", "blast")
    assert "--positive" not in message
    (counted,) = json.loads(text)["fields"]
    assert {name for name in counted if name.startswith("called")} == {"called_blast"}
    code, _, message = run(capsys, *given, "--positive", "green")
    assert code == 1
    assert "blast, lymphocyte, platelet" in message


def test_where_none_is_suspicious_none_is_drawn_so(fields, tmp_path, capsys):
    """Cells of the class that is first by name had the colour of suspicious ones."""
    from leukfeat import CellClassifier, FeatureSet, extract_features, fit_head, save_model

    cells = make_cells(6, 24, size=48, random_state=0)
    found = extract_features(cells, weights="random", layers="conv2", input_size=48, progress=False)
    n_first = 0
    for turn in range(3):  # what is called so in one turn is called otherwise in the next
        features = FeatureSet(
            found.X, [(k + turn) % 3 for k in range(24)], subjects=found.subjects, spec=found.spec,
            class_names=("blast", "lymphocyte", "platelet"),
        )  # fmt: skip
        head = fit_head(features, "naive_bayes", tune=False, calibrate=False)
        model = save_model(CellClassifier(head), tmp_path / f"{turn}.leukfeat")
        given = ("predict", model, fields / "field1.png", "--smear", "--side", 64, "--json")
        code, text, _ = run(capsys, *given, "--overlay", tmp_path / "drawn")
        assert code == 0
        n_first += json.loads(text)["fields"][0]["called_blast"]
        drawn = cv2.imread(str(tmp_path / "drawn" / "field1_overlay.png"))[..., ::-1]
        assert not (drawn == smear._SUSPICIOUS).all(axis=2).any()
    assert n_first > 0


def test_predict_smear_gives_intervals_and_overlays(fields, model, tmp_path, capsys):
    """Both were there in Python alone, and each field had a bar of its own."""
    from leukfeat import ClassifierErrors, analyse_smear, load_model

    given = ("predict", model, fields, "--smear", "--cut-out", "--side", 64, "--json")
    rates = ("--sensitivity", "35/40", "--specificity", "20/25")
    code, text, message = run(capsys, *given, *rates, "--overlay", tmp_path / "drawn")
    assert code == 0
    assert message.count("fields:") >= 1
    assert "images" not in message
    errors = ClassifierErrors(
        sensitivity=0.875, n_sensitivity=40, specificity=0.8, n_specificity=25
    )
    for row in json.loads(text)["fields"]:
        path = fields / row["field"].rsplit("/", 1)[-1]
        told = analyse_smear(
            path, load_model(model), errors=errors, side=64, background="remove", progress=False
        )
        assert (row["all_low"], row["all_high"]) == (told.suspicious.low, told.suspicious.high)
        drawn = cv2.imread(str(tmp_path / "drawn" / f"{path.stem}_overlay.png"))
        assert (drawn[..., ::-1] == told.overlay(path)).all()
    for wrong, said in (
        (rates[:2], "belong together"),
        (("--sensitivity", "0.87", *rates[2:]), "such as 35/40"),
        (("--sensitivity", "41/40", *rates[2:]), "such as 35/40"),
    ):
        code, _, message = run(capsys, *given, *wrong)
        assert code == 2
        assert said in message


@pytest.mark.parametrize("option", [("--side", 64), ("--positive", "all"), ("--overlay", "o")])
def test_smear_options_need_smear(fields, model, capsys, option):
    code, _, message = run(capsys, "predict", model, fields, *option)
    assert code == 2
    assert "--smear" in message
