"""A fault at every single call that changes a file, one after the other.

Run with `write_faults.c`, compiled, in LD_PRELOAD. Arguments: step, then scenarios, then kinds of
fault, each joined by commas ("all" for all). Writes a line of JSON for each fault.
"""

import ctypes
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from leukfeat.exceptions import CacheError
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.maintenance import repair_store, verify_store

SPEC = FeatureSpec(weights_digest="test")
BLOCK, BLOCKS, WIDTH = 32, 5, 512
KINDS = {
    "killed before": 0,
    "killed halfway": 1,
    "killed after": 2,
    "no space once": 3,
    "no space": 4,
}
TIME_LIMIT = 30

KEYS = [np.random.default_rng(i).bytes(32) for i in range(BLOCK * BLOCKS)]
ROWS = np.random.default_rng(1).standard_normal((len(KEYS), WIDTH)).astype(np.float32)
CONTROLS = np.random.default_rng(2).random((len(KEYS), 18)).astype(np.float32)


def append(path, first, last, done=lambda n: None):
    with StoreWriter(path, SPEC) as writer:
        for block in range(first, last):
            part = slice(block * BLOCK, (block + 1) * BLOCK)
            writer.append(KEYS[part], ROWS[part], CONTROLS[part], {})
            done(block + 1)
            writer.append_files([(key[::-1], key) for key in KEYS[part]])


def leave_marked(path):
    """Two blocks, and the mark of a writer that was killed."""
    pid = os.fork()
    if pid == 0:
        StoreWriter.close = lambda self: os._exit(9)
        append(path, 0, 2)
    os.waitpid(pid, 0)


SCENARIOS = {
    # name: preparation, blocks there at the start, work
    "new": (lambda path: None, 0, lambda path, done: append(path, 0, BLOCKS, done)),
    "grow": (
        lambda path: append(path, 0, 2),
        2,
        lambda path, done: append(path, 2, BLOCKS, done),
    ),
    "recover": (leave_marked, 2, lambda path, done: append(path, 2, BLOCKS, done)),
}


def held(path):
    """Keys of good rows; every one must be right."""
    if not os.path.exists(path):
        return set()
    right = {key: (row, c) for key, row, c in zip(KEYS, ROWS, CONTROLS, strict=True)}
    found = set()
    with StoreReader(path) as store:
        rows = store.read(np.arange(len(store.keys)))
        for i in np.flatnonzero(store.written & ~rows.damaged):
            key = store.keys[i].tobytes()
            row, controls = right[key]
            assert np.array_equal(rows.features[i], row), "a wrong row"
            assert np.array_equal(rows.controls[i], controls), "wrong controls"
            found.add(key)
        for digest, key in store.files().items():
            assert digest == key[::-1], "a wrong entry of the file index"
    return found


def one_fault(scenario, kind, call, folder):
    """Let one call fail, and judge what is left."""
    prepare, blocks, work = SCENARIOS[scenario]
    path = os.path.join(folder, "s.h5")
    prepare(path)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        library = ctypes.CDLL(None)
        os.close(read)
        library.arm_fault(ctypes.c_long(call), ctypes.c_int(KINDS[kind]))
        try:
            work(path, lambda n: os.write(write, b"."))
        except CacheError as error:
            code = 3 if "s.h5" in str(error) or folder in str(error) else 4
        except BaseException as error:  # noqa: BLE001
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            code = 5
        else:
            # Armed, but fewer calls were made than that.
            code = 0 if library.calls_seen() <= call else 6
        sys.exit(code)  # and not _exit: HDF5 closes its files now
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        announced = len(pipe.read())
    started = time.monotonic()
    while (ended := os.waitpid(pid, os.WNOHANG)) == (0, 0):
        if time.monotonic() - started > TIME_LIMIT:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return {"end": "hangs", "complaint": "it hangs"}
        time.sleep(0.002)
    status = ended[1]
    names = {0: "done", 3: "CacheError", 4: "CacheError without the path", 5: "another error"}
    names[6] = "not noticed"
    if os.WIFSIGNALED(status):
        end = signal.Signals(os.WTERMSIG(status)).name
    else:
        end = names.get(os.WEXITSTATUS(status), str(status))
    try:
        there = held(path)
        lost = (blocks + announced) * BLOCK - len(there & set(KEYS[: (blocks + announced) * BLOCK]))
        assert lost <= 0, f"{lost} rows lost that were written"
        if os.path.exists(path):
            repair_store(path)
            assert verify_store(path).is_sound
        missing = [key for key in KEYS if key not in there]
        with StoreWriter(path, SPEC) as writer:
            places = [KEYS.index(key) for key in missing]
            writer.append(missing, ROWS[places], CONTROLS[places], {})
        assert held(path) == set(KEYS), "not complete after resuming"
        assert not list(Path(folder).glob(".*.tmp")), "temporary files left"
    except Exception as error:  # noqa: BLE001 - a complaint of whatever kind
        return {"end": end, "complaint": f"{type(error).__name__}: {error}"}
    return {"end": end, "complaint": ""}


def main(step, scenarios="all", kinds="all"):
    logging.getLogger("leukfeat").addHandler(logging.NullHandler())
    logging.getLogger("leukfeat").propagate = False
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    server = os.getpid()
    for scenario in SCENARIOS if scenarios == "all" else scenarios.split(","):
        for number, kind in enumerate(KINDS if kinds == "all" else kinds.split(",")):
            # Each kind begins elsewhere, so that together they meet more of the calls.
            for call in range(number % int(step), 10_000, int(step)):
                folder = tempfile.mkdtemp(dir=base)
                try:
                    found = one_fault(scenario, kind, call, folder)
                finally:
                    if os.getpid() == server:  # a child passes here on its way out
                        shutil.rmtree(folder)
                if found["end"] == "done":
                    break
                answer = {"scenario": scenario, "kind": kind, "call": call, **found}
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
