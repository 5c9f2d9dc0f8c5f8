"""Where a command shall write is looked at before its work, and what stands there stays until the end."""

import os
import tempfile

import pytest

from leukfeat import atomic_file
from leukfeat.cli.app import run
from leukfeat.cli.writing import write_picture, write_text

INTO_FILES = [
    ["fit", "cells"],
    ["predict", "model.leukfeat", "cells"],
    ["export", "cells"],
    ["calibrate", "cells"],
]
INTO_FOLDERS = [
    ["evaluate", "cells"],
    ["audit", "cells"],
    ["explain", "model.leukfeat", "cells"],
    ["leakage", "cells"],
    ["learning-curve", "cells"],
    ["reproduce", "resnet50-svm"],
]


@pytest.fixture(autouse=True)
def nothing_is_read(monkeypatch, tmp_path):
    """No command may come to its work: the folders and models of this test do not exist."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.csv").write_text("mine")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "locked").mkdir()
    access = os.access

    def denied(path, mode, **more):
        # Also for root, whom no permission stops.
        is_locked = os.path.basename(path) == "locked" and mode & os.W_OK
        return not is_locked and access(path, mode, **more)

    monkeypatch.setattr(atomic_file.os, "access", denied)


@pytest.mark.parametrize("command", INTO_FILES, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("folder.csv", "is a folder"),
        ("none/x.csv", "There is no folder"),
        ("locked/x.csv", "cannot be written to"),
    ],
)
def test_a_file_that_cannot_be_written(capsys, command, out, said):
    assert run([*command, "-o", out]) in (1, 2)
    text = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert said in text, text


@pytest.mark.parametrize("command", INTO_FOLDERS, ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("file.csv", "is a file"),
        ("file.csv/x", "is a file"),
        ("locked", "cannot be written to"),
        ("locked/x/y", "cannot be written to"),
    ],
)
def test_a_folder_that_cannot_be_written(capsys, command, out, said):
    assert run([*command, "-o", out]) in (1, 2)
    text = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert said in text, text


def test_an_error_names_the_file_that_was_asked_for(monkeypatch, tmp_path):
    def full(**given):
        raise OSError(28, "No space left on device", "/x/.y.partial")

    monkeypatch.setattr(tempfile, "mkstemp", full)
    with (
        pytest.raises(OSError, match=r"No space left on device: '.*wanted\.md'"),
        atomic_file.written_whole(tmp_path / "wanted.md"),
    ):
        pass


def test_what_stands_there_stays_if_the_new_one_fails(tmp_path):
    (tmp_path / "a.png").write_bytes(b"older")

    class Figure:
        def savefig(self, path, dpi):
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_picture(tmp_path / "a.png", Figure())
    assert (tmp_path / "a.png").read_bytes() == b"older"
    write_text(tmp_path / "a.md", "caf\udce9")
    assert (tmp_path / "a.md").read_text() == r"caf\udce9"
    assert len(os.listdir(tmp_path)) == 5
