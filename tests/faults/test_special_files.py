"""Pipes, devices, folders and locked files where a store should be: refused at once, by name."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import leukfeat as lf
from leukfeat.cli.app import app
from leukfeat.exceptions import CacheError
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreWriter
from leukfeat.features.store.maintenance import list_stores, prune_rows, repair_store, verify_store

FOUND = {"pipe": "a pipe", "folder": "a folder", "device": "a device", "loop": "Too many levels"}


def make(kind, path):
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.symlink_to(path.name)
    return path


def fill(path, sessions=1):
    draw = np.random.default_rng(0)
    for _ in range(sessions):
        with StoreWriter(str(path), FeatureSpec()) as writer:
            features = draw.standard_normal((4, 2048)).astype(np.float32)
            keys = [draw.bytes(32) for _ in range(4)]
            writer.append(keys, features, np.zeros((4, 18), np.float32), {"keras": "3"})
    return path


@pytest.mark.parametrize("kind", FOUND)
def test_what_is_no_file_is_refused_without_being_opened(jobs, images, engine, tmp_path, kind):
    good = fill(tmp_path / "good.h5")
    path = make(kind, tmp_path / "d.h5")
    bad, other = list_stores(tmp_path)
    assert FOUND[kind] in bad.problem
    assert str(path) in bad.problem
    assert (other.path, other.rows) == (str(good), 4)
    for act in (verify_store, repair_store):
        with pytest.raises(CacheError, match=FOUND[kind]):
            act(path)
    if kind != "loop":  # a name that leads nowhere is no store yet
        with pytest.raises(CacheError, match=FOUND[kind]):
            lf.extract_features(images[:2], cache=path, **jobs.SETTINGS)
    for command in ("ls", "verify"):
        result = CliRunner().invoke(app, ["cache", command, str(tmp_path)])
        assert result.exit_code == 1
        assert FOUND[kind] in result.output


@contextlib.contextmanager
def as_nobody():
    """Give up the rights of root for a moment; everybody else keeps his own."""
    user = os.geteuid()
    if user:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_store_that_may_not_be_read_says_who_can_help():
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        path = fill(folder / "s.h5")
        path.chmod(0)
        with as_nobody():
            (found,) = list_stores(folder)
            with pytest.raises(CacheError, match="Ask its owner for the right to read it"):
                verify_store(path)
        assert "Permission denied" in found.problem
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "text", ["[" * 1024, '{"started": 7}', '{"started": null, "keras": []}', "[1]", "1" * 1000]
)
def test_a_strange_session_does_not_keep_the_other_stores_from_being_handled(tmp_path, text):
    fill(tmp_path / "good.h5")
    path = fill(tmp_path / "odd.h5", sessions=2)
    with h5py.File(path, "r+", libver="latest", locking=False) as file:
        file["sessions"][0] = text.encode()
    good, odd = list_stores(tmp_path)
    assert (good.rows, odd.rows) == (4, 8)
    assert odd.created == odd.sessions[1]["started"]
    for command in (["ls"], ["verify"], ["repair"], ["prune", "--older-than", "1"]):
        result = CliRunner().invoke(app, ["cache", *command, str(tmp_path)])
        assert result.exit_code == 0, result.output
    assert verify_store(path).rows == 8
    assert prune_rows(path, keep=[], dry_run=True).rows_removed == 8
