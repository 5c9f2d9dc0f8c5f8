"""One writer at a time, and nobody waits for the dead."""

import json
import os
import socket
import threading
import time

import filelock
import pytest

from leukfeat.features.store.lock import HeartbeatLock, WriterLock


@pytest.fixture(params=["flock", "heartbeat"])
def kind(request, monkeypatch):
    if request.param == "heartbeat":
        monkeypatch.setenv("LEUKFEAT_LOCK", "heartbeat")
    return request.param


@pytest.mark.parametrize("unused", [False, True])
def test_only_one_holds_it(tmp_path, kind, unused):
    inside, most, turns = 0, 0, []

    def work(name):
        nonlocal inside, most
        for _ in range(5):
            lock = WriterLock(str(tmp_path / "s.h5"))
            lock.acquire()
            inside += 1
            most = max(most, inside)
            time.sleep(0.005)
            inside -= 1
            turns.append(name)
            lock.release(unused=unused)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1
    assert len(turns) == 20


def test_a_lock_on_a_file_that_was_removed_is_none(tmp_path, monkeypatch):
    acquire, taken = filelock.FileLock.acquire, []

    def as_another_removes_it(self, *args, **options):
        done = acquire(self, *args, **options)
        taken.append(self)
        if len(taken) < 3:
            os.unlink(tmp_path / ".s.h5.lock")
        return done

    monkeypatch.setattr("filelock.FileLock.acquire", as_another_removes_it)
    lock = WriterLock(str(tmp_path / "s.h5"))
    lock.acquire()
    assert len(taken) == 3
    assert (tmp_path / ".s.h5.lock").exists()
    lock.release(unused=True)
    assert not any(tmp_path.iterdir())


def test_where_the_file_system_has_no_locks_the_heartbeat_is_used(tmp_path, monkeypatch):
    def no_locks(self, *args, **kwargs):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("filelock.FileLock.acquire", no_locks)
    lock = WriterLock(str(tmp_path / "s.h5"))
    lock.acquire()
    assert isinstance(lock._lock, HeartbeatLock)
    assert (tmp_path / ".s.h5.lock.holder").exists()
    lock.release()
    assert not (tmp_path / ".s.h5.lock.holder").exists()


def leave_dead(path):
    pid = os.fork()
    if pid == 0:
        HeartbeatLock(str(path)).acquire()
        os._exit(9)
    os.waitpid(pid, 0)
    return pid


def test_a_dead_process_on_this_host_is_succeeded_at_once(tmp_path):
    path = tmp_path / "lock"
    pid = leave_dead(path)
    assert json.loads(path.read_text())["pid"] == pid
    started = time.monotonic()
    lock = HeartbeatLock(str(path))
    lock.acquire()
    assert time.monotonic() - started < 2
    lock.release()
    assert list(tmp_path.iterdir()) == []


def test_a_reused_process_number_is_not_taken_for_the_holder(tmp_path):
    path = tmp_path / "lock"
    facts = {"host": socket.gethostname(), "pid": os.getpid(), "born": "1", "token": "x"}
    path.write_text(json.dumps(facts))
    lock = HeartbeatLock(str(path))
    lock.acquire()
    lock.release()


def test_a_silent_holder_on_another_host_is_succeeded_after_a_while(tmp_path):
    path = tmp_path / "lock"
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "born": None, "token": "x"}))
    started = time.monotonic()
    lock = HeartbeatLock(str(path), patience=0.5)
    lock.acquire()
    assert 0.4 < time.monotonic() - started < 5
    lock.release()


def test_a_beating_holder_is_waited_for(tmp_path):
    path = str(tmp_path / "lock")
    holder = HeartbeatLock(path, beat=0.05)
    holder.acquire()
    # As seen from another host, on which the process number says nothing.
    facts = json.loads((tmp_path / "lock").read_text())
    (tmp_path / "lock").write_text(json.dumps({**facts, "host": "elsewhere"}))
    other = HeartbeatLock(path, patience=0.6)
    waiting = threading.Thread(target=other.acquire)
    waiting.start()
    time.sleep(1.2)
    assert waiting.is_alive()
    holder.release()
    waiting.join(5)
    assert not waiting.is_alive()
    other.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_says_nothing_is_succeeded_after_a_while(tmp_path):
    (tmp_path / "lock").write_text("")
    lock = HeartbeatLock(str(tmp_path / "lock"), patience=0.3)
    lock.acquire()
    lock.release()


def test_a_silent_holder_counts_as_dead_after_a_minute(tmp_path):
    lock = HeartbeatLock(str(tmp_path / "lock"))
    assert lock._patience == 60
    assert lock._beat * 5 < lock._patience  # a few missed touches are no death
