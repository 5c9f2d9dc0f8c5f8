import os

import pytest

from leukfeat.data.scanning import checked_extensions, existing_folder, walk_files


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
