"""Processes that contend for a heartbeat lock, every second one dying while it holds it.

Arguments: folder, seconds. Writes JSON: how often it was held, how often by two at once.
"""

import fcntl
import json
import logging
import os
import random
import sys
import time
import traceback

from leukfeat.features.store import heartbeat
from leukfeat.features.store.heartbeat import HeartbeatLock

N_PROCESSES = 8


def compete(folder, seed, until):
    draw = random.Random(seed)
    while time.time() < until:
        lock = HeartbeatLock(os.path.join(folder, "lock"))
        lock.acquire()
        guard = os.open(os.path.join(folder, "guard"), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(folder, "violations")
        time.sleep(draw.random() * 0.002)
        note(folder, "holds")
        if draw.random() < 0.5:
            os._exit(0)  # with the lock
        os.close(guard)
        lock.release()


def note(folder, name):
    with open(os.path.join(folder, name), "a") as file:
        file.write(".")


def main(folder, seconds):
    logging.getLogger("leukfeat").addHandler(logging.NullHandler())
    logging.getLogger("leukfeat").propagate = False
    heartbeat._POLL = 0.0005
    until = time.time() + float(seconds)
    living, seed = set(), 0
    while True:
        while len(living) < N_PROCESSES and time.time() < until:
            seed += 1
            pid = os.fork()
            if pid == 0:
                try:
                    compete(folder, seed, until)
                except BaseException:  # noqa: BLE001 - counted, and shown
                    note(folder, "errors")
                    traceback.print_exc()
                os._exit(0)
            living.add(pid)
        if not living:
            break
        living.discard(os.wait()[0])
    counts = {}
    for name in ("holds", "violations", "errors"):
        path = os.path.join(folder, name)
        counts[name] = os.path.getsize(path) if os.path.exists(path) else 0
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])
