import os

import cv2
import numpy as np
import pytest

from leukfeat.data import load_cells
from leukfeat.data.scanning import (
    IMAGE_EXTENSIONS,
    checked_extensions,
    existing_folder,
    walk_files,
)
from leukfeat.imaging import read_image


def _touch(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_files_come_in_the_order_of_names_whatever_the_disk_says(tmp_path, monkeypatch):
    _touch(tmp_path, "b/2.bmp", "b/1.bmp", "a/3.bmp", "0.bmp", "b/a/9.bmp")
    expected = ["0.bmp", "a/3.bmp", "b/1.bmp", "b/2.bmp", "b/a/9.bmp"]
    assert ["/".join((*f.folders, f.name)) for f in walk_files(tmp_path)] == expected
    listed = os.scandir

    class Reversed:
        def __init__(self, path):
            self._entries = sorted(listed(path), key=lambda e: e.name, reverse=True)

        def __enter__(self):
            return iter(self._entries)

        def __exit__(self, *_):
            return None

    monkeypatch.setattr(os, "scandir", Reversed)
    assert ["/".join((*f.folders, f.name)) for f in walk_files(tmp_path)] == expected


def test_paths_lead_to_the_files(tmp_path):
    _touch(tmp_path, "a/b/1.bmp")
    (file,) = walk_files(tmp_path)
    assert os.path.samefile(file.path, tmp_path / "a" / "b" / "1.bmp")


def test_litter_is_passed_by(tmp_path):
    _touch(tmp_path, "1.bmp", "._1.bmp", ".DS_Store", "Thumbs.db", "__MACOSX/1.bmp", ".git/x.bmp")
    assert [f.name for f in walk_files(tmp_path)] == ["1.bmp"]


def test_a_link_that_leads_back_is_not_followed_but_another_is(tmp_path):
    _touch(tmp_path, "set/a/1.bmp", "elsewhere/2.bmp")
    (tmp_path / "set" / "a" / "loop").symlink_to(tmp_path / "set", target_is_directory=True)
    (tmp_path / "set" / "b").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    assert [f.name for f in walk_files(tmp_path / "set")] == ["1.bmp", "2.bmp"]


def test_a_link_in_a_circle_is_a_file_that_cannot_be_read(tmp_path):
    _touch(tmp_path, "1.bmp")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert [f.name for f in walk_files(tmp_path)] == ["1.bmp", "loop.png"]


def deny(monkeypatch, name):
    """Make a folder one that may not be looked into, also for root."""
    listed = os.scandir

    def scandir(path):
        if os.path.basename(path) == name:
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)


def test_a_folder_that_may_not_be_looked_into(tmp_path, monkeypatch):
    _touch(tmp_path, "a/1.bmp", "x/2.bmp", "y/3.bmp")
    deny(monkeypatch, "x")
    with pytest.raises(PermissionError, match=r"Cannot look for images in the folder '.*x'"):
        list(walk_files(tmp_path))
    told = []
    files = walk_files(tmp_path, unreadable=lambda folder, error: told.append(folder))
    assert [f.name for f in files] == ["1.bmp", "3.bmp"]
    assert told == [str(tmp_path / "x")]


@pytest.mark.parametrize("layout", ["images", "folder", "csv"])
def test_a_loader_lists_what_it_cannot_look_into(tmp_path, monkeypatch, layout):
    _touch(tmp_path, "a/1.bmp", "b/2.bmp", "b/x/3.bmp")
    table = tmp_path / "cells.csv"
    table.write_text("image,label\na/1.bmp,a\nb/2.bmp,b\nb/x/3.bmp,b\n")
    source = table if layout == "csv" else tmp_path
    deny(monkeypatch, "x")
    with pytest.raises(PermissionError, match=r"'.*x': this folder cannot be looked into"):
        load_cells(source, layout=layout)
    cells = load_cells(source, layout=layout, errors="skip")
    assert [os.path.basename(path) for path in cells.images] == ["1.bmp", "2.bmp"]
    reasons = dict(zip(cells.skipped["path"], cells.skipped["reason"], strict=True))
    assert "Permission denied" in reasons[str(tmp_path / "b" / "x")]


@pytest.mark.parametrize("layout", ["images", "folder"])
def test_every_format_that_is_read_is_found_and_the_rest_listed(tmp_path, layout):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    place = tmp_path / "a"
    place.mkdir()
    for ending in IMAGE_EXTENSIONS:
        written = {".dib": ".bmp", ".j2k": ".jp2", ".pgm": ".ppm", ".pbm": ".ppm"}
        ok, data = cv2.imencode(written.get(ending, ending), pixels)
        assert ok
        (place / f"cell{ending}").write_bytes(data)
    for other in ("notes.txt", "moving.gif"):
        (place / other).write_bytes(b"GIF89a")
    cells = load_cells(tmp_path, layout=layout)
    assert [os.path.splitext(path)[1] for path in cells.images] == list(IMAGE_EXTENSIONS)
    assert sorted(map(os.path.basename, cells.skipped["path"])) == ["moving.gif", "notes.txt"]
    for path in cells.images:
        assert read_image(path).shape == pixels.shape


def test_a_folder_of_webp_only(tmp_path):
    _touch(tmp_path, "1.webp", "2.WEBP")
    assert len(load_cells(tmp_path)) == 2


def test_a_folder_that_is_not_there_or_is_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'root' parameter .*nowhere"):
        existing_folder(tmp_path / "nowhere")
    (tmp_path / "set.zip").touch()
    with pytest.raises(NotADirectoryError, match="unpack the archive"):
        existing_folder(tmp_path / "set.zip")


@pytest.mark.parametrize("extensions", [".bmp", []])
def test_extensions_are_a_sequence(extensions):
    with pytest.raises(ValueError, match="'extensions'"):
        checked_extensions(extensions)
