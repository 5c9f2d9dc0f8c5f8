"""Pipes, devices and folders in place of a file: refused at once, by name, by every reader."""

import os
import threading

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.cnn import load_cnn, load_fine_tuned
from leukfeat.data.all_idb import _read_centres
from leukfeat.data.cnmc_recognition import is_cnmc_table
from leukfeat.features.int8_file import read_calibration
from leukfeat.file_kind import not_a_file
from leukfeat.imaging import read_label_image, read_preparation, read_qupath
from leukfeat.imaging.counting.tiff_regions import TiffRegions
from leukfeat.recipes import load_recipe
from leukfeat.recipes.matrix import load_matrix

FIELD = np.full((16, 16, 3), 200, np.uint8)
CELLS = [np.full((32, 32, 3), 90, np.uint8)]
BACKBONE = {"scale": 1, "mean": 0, "std": 1, "channel_order": "RGB", "layout": "NHWC"}

READERS = {
    "model": (lf.load_model, "a.leukfeat"),
    "trusted model": (lambda path: lf.load_model(path, trusted=True), "a.joblib"),
    "network": (load_cnn, "a.keras"),
    "backbone": (lambda path: lf.Backbone(name="a", file=path, input_size=8, **BACKBONE), "a.onnx"),
    "weights": (lambda p: lf.extract_features(CELLS, weights=p, progress=False), "a.weights.h5"),
    "tuned weights": (load_fine_tuned, "a.weights.h5"),
    "int8": (read_calibration, "a.int8"),
    "preparation": (read_preparation, "a.toml"),
    "recipe": (load_recipe, "a.toml"),
    "table": (lf.load_csv, "a.csv"),
    "cells": (lf.load_cells, "a.csv"),
    "corrections": (lambda path: lf.apply_corrections(lf.make_cells(4), path), "a.csv"),
    "matrix": (load_matrix, "a.csv"),
    "geojson": (lambda path: read_qupath(path, FIELD), "a.geojson"),
    "label image": (lambda path: read_label_image(path, FIELD), "a.png"),
    "tiles": (lambda path: pytest.importorskip("tifffile") and TiffRegions(path), "a.tif"),
    "image": (lambda path: lf.extract_features([path], progress=False), "a.png"),
    "centres": (_read_centres, "a.xyc"),
}


def outcome(read, path):
    """Return the error of a reader that may hang."""
    found = []

    def run():
        try:
            found.append(read(path))
        except Exception as error:  # noqa: BLE001
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it waits for ever"
    return found[0]


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def folder(path):
    path.mkdir()


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("make", [pipe, device, folder], ids=lambda make: make.__name__)
def test_what_is_no_file_is_refused_at_once(tmp_path, make, name):
    read, file = READERS[name]
    path = tmp_path / file
    make(path)
    if (name, make) == ("cells", folder):
        pytest.skip("a folder is what it reads")
    error = outcome(read, path)
    assert isinstance(error, (ValueError, FileNotFoundError, NotADirectoryError)), error
    assert str(path) in str(error)


@pytest.mark.parametrize("make", [pipe, device], ids=lambda make: make.__name__)
def test_a_table_beside_a_folder_is_not_waited_for(tmp_path, make):
    make(tmp_path / "a.csv")
    assert outcome(is_cnmc_table, tmp_path / "a.csv") is False


def test_kinds(tmp_path):
    pipe(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nothing")
    found = {name: not_a_file(tmp_path / name) for name in ("pipe", "file", "link", "broken", ".")}
    assert found == {
        "pipe": "a named pipe",
        "file": None,
        "link": None,
        "broken": None,
        ".": "a folder",
    }
    assert not_a_file("/dev/zero") == "a device"
    assert not_a_file(tmp_path / "file" / "below") is None
