"""Many processes, many threads, no locks, dead holders: every row once, none wrong, nobody stuck."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features.store.heartbeat import HeartbeatLock
from leukfeat.features.store.lock import WriterLock
from leukfeat.features.store.maintenance import verify_store


def test_eight_writers_and_two_readers(victims):
    answer = victims("many", writers=8, readers=2, seed=0)
    assert answer["complaints"] == []
    assert answer["computed"] == answer["rows"] == answer["images"]
    assert answer["reads"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("lock", ["flock", "heartbeat"])
@pytest.mark.parametrize("seed", range(1, 11))
def test_eight_writers_of_which_some_are_killed(victims, seed, lock):
    answer = victims("many", writers=8, readers=2, seed=seed, kills=4, lock=lock)
    assert answer["complaints"] == []
    # A kill may cost a block.
    assert answer["images"] <= answer["computed"] <= answer["images"] + 64 * answer["killed"]
    assert answer["rows"] == answer["images"]


def test_some_writers_are_killed_where_there_are_no_locks(victims):
    answer = victims("many", writers=4, readers=1, seed=0, kills=2, lock="heartbeat")
    assert answer["complaints"] == []
    assert answer["rows"] == answer["images"]


@pytest.mark.parametrize("number", [38, 95, 37], ids=["ENOSYS", "ENOTSUP", "ENOLCK"])
def test_a_file_system_without_locks(jobs, images, truth, engine, tmp_path, monkeypatch, number):
    import fcntl

    def no_locks(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    monkeypatch.setattr(fcntl, "lockf", no_locks)
    # A soft lock, kept by one who died: it must not be waited for.
    holders = []
    beat = HeartbeatLock.acquire
    monkeypatch.setattr(HeartbeatLock, "acquire", lambda s: (holders.append(s), beat(s))[1])
    features = lf.extract_features(images[:70], cache=tmp_path / "c", **jobs.SETTINGS)
    assert np.array_equal(features.X, truth.X[:70])
    assert len(holders) == 1
    assert [p.name for p in (tmp_path / "c").iterdir() if "holder" in p.name] == []


HOLDER = """
import sys, time
from leukfeat.features.store.lock import WriterLock
WriterLock(sys.argv[1]).acquire()
sys.stdout.write("held\\n"); sys.stdout.flush()
time.sleep(600)
"""


@pytest.mark.parametrize("lock", ["flock", "heartbeat"])
def test_a_dead_holders_lock_is_taken_over(tmp_path, monkeypatch, lock):
    monkeypatch.setenv("LEUKFEAT_LOCK", lock)
    path = str(tmp_path / "s.h5")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    started = time.monotonic()
    with WriterLock(path):
        assert time.monotonic() - started < 5


def test_takers_of_a_dead_holders_lock_do_not_rob_each_other(tmp_path):
    """Eight processes, of which every second holder dies; no two may be inside at once."""
    script = Path(__file__).with_name("lock_contest.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "3"], capture_output=True, text=True
    )
    answer = json.loads(done.stdout)
    assert answer["violations"] == 0, done.stderr
    assert answer["errors"] == 0, done.stderr
    assert answer["holds"] > 20


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_keeps_the_rows_so_far(victims, name):
    answer = victims("signalled", name=name, seed=1)
    assert answer["complaints"] == []
    assert answer["held"] > 0
    # Ctrl-C writes what is computed; SIGTERM ends Python at once, but for whole blocks.
    assert answer["lost"] <= (1 if name == "SIGINT" else 64)


def test_a_writer_that_was_silent_too_long_stops(jobs, images, engine, tmp_path, monkeypatch):
    monkeypatch.setenv("LEUKFEAT_LOCK", "heartbeat")
    cache = tmp_path / "c"
    append = lf.features.store.StoreWriter.append
    calls = []

    def then_robbed(self, *block):
        append(self, *block)
        calls.append(len(block[0]))
        (holder,) = cache.glob("*.holder")
        # As after a night's sleep of the machine, in which another host took over.
        holder.write_text(json.dumps({"host": "elsewhere", "pid": 1, "token": "other"}))

    monkeypatch.setattr("leukfeat.features.store.StoreWriter.append", then_robbed)
    with pytest.raises(lf.exceptions.CacheError, match="another took its lock"):
        lf.extract_features(images, cache=cache, **jobs.SETTINGS)
    (path,) = cache.glob("*.h5")
    assert verify_store(path).rows == sum(calls) == calls[0]


def test_readers_never_see_half_a_row(victims):
    answer = victims("watch_one_writer", seed=0)
    assert answer["complaints"] == []
    assert answer["sizes_seen"] >= 3
