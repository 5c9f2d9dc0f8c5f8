"""A run that is killed before its first row leaves nothing for good."""

import json
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from leukfeat.cli.cache import cache_app
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreWriter
from leukfeat.features.store.lock import WriterLock
from leukfeat.features.store.maintenance import merge_stores, remove_orphans, remove_store

SPEC = FeatureSpec(weights_digest="test")
KILLED = """
import os, signal, sys
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreWriter, rewriting

place, moment = sys.argv[1:]
def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if moment == "creating":
    rewriting._put_in_place = kill
with StoreWriter(place, FeatureSpec(weights_digest="test")) as writer:
    if moment == "computing":
        kill()
    import numpy as np
    writer.append([bytes(32)], np.ones((1, 8), np.float32), np.ones((1, 18), np.float32), {})
"""


@pytest.fixture(params=["flock", "heartbeat"])
def lock_kind(request, monkeypatch):
    if request.param == "heartbeat":
        monkeypatch.setenv("LEUKFEAT_LOCK", "heartbeat")
    return request.param


@pytest.fixture(params=["computing", "creating"])
def left(request, lock_kind, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "s.h5"), request.param]
    assert subprocess.run(command, timeout=100, check=False).returncode == -9
    found = sorted(map(str, tmp_path.iterdir()))
    assert len(found) == (1 if request.param == "computing" else 2), found
    return found


def test_the_next_run_goes_on_and_one_that_writes_nothing_clears_up(left, tmp_path):
    with StoreWriter(str(tmp_path / "s.h5"), SPEC):
        pass
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", [["prune", "--spec", "vgg16"], ["repair"]], ids=["prune", "repair"]
)
def test_looking_after_the_folder_clears_up(left, tmp_path, command):
    (tmp_path / "notes.txt").write_text("mine")
    verb, *conditions = command
    result = CliRunner().invoke(cache_app, [verb, str(tmp_path), *conditions, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["orphans"] == left
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_trial_says_what_would_go(left, tmp_path):
    command = ["prune", str(tmp_path), "--spec", "vgg16", "--dry-run"]
    result = CliRunner().invoke(cache_app, command)
    for path in left:
        assert f"{path}: left by a killed run, would be removed" in result.stdout
    assert sorted(map(str, tmp_path.iterdir())) == left


def test_what_is_at_work_is_left_alone_and_not_waited_for(lock_kind, tmp_path, monkeypatch):
    path = str(tmp_path / "s.h5")
    with StoreWriter(path, SPEC):
        before = sorted(tmp_path.iterdir())
        found = []
        # Whoever looks may be of the other kind.
        for environment in ("", "heartbeat"):
            monkeypatch.setenv("LEUKFEAT_LOCK", environment)
            asking = threading.Thread(target=lambda: found.append(remove_orphans(tmp_path)))
            asking.start()
            asking.join(20)
        assert found == [[], []]
        assert sorted(tmp_path.iterdir()) == before


def test_a_store_keeps_its_lock_and_a_removed_one_does_not(tmp_path):
    path = tmp_path / "s.h5"
    subprocess.run([sys.executable, "-c", KILLED, str(path), "none"], timeout=100, check=True)
    assert remove_orphans(tmp_path) == []
    assert (tmp_path / ".s.h5.lock").exists()
    assert remove_orphans(path) == []
    remove_store(path)
    assert not any(tmp_path.iterdir())


def test_a_merge_of_nothing_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        merge_stores([tmp_path / "none.h5"], tmp_path / "all.h5")
    assert not any(tmp_path.iterdir())


def test_a_heartbeat_from_another_machine_is_not_taken_for_dead(tmp_path):
    holder = tmp_path / ".s.h5.lock.holder"
    holder.write_text(json.dumps({"host": "elsewhere", "pid": 1, "born": None, "token": "x"}))
    assert WriterLock(str(tmp_path / "s.h5")).is_held()
    assert remove_orphans(tmp_path) == []
    assert holder.exists()


def test_what_cannot_be_deleted_is_said(tmp_path):
    (tmp_path / ".s.h5.lock").mkdir()
    result = CliRunner().invoke(cache_app, ["prune", str(tmp_path), "--spec", "vgg16"])
    assert result.exit_code == 1
    assert f"Cannot delete what killed runs left in '{tmp_path}': Is a directory" in result.stderr
