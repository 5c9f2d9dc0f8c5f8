"""What a victim does until it is killed, and how what it left is judged.

Run by `fork_server.py` in processes forked from one that has imported everything, so that no
kill is spent on imports. The engine is a quick one: only reading, storing and resuming count.
"""

import contextlib
import ctypes
import mmap
import os
import signal
import struct
import time
from pathlib import Path

import numpy as np

import leukfeat as lf
from leukfeat.features import extraction_run
from leukfeat.features.store import StatIndex, StoreReader, StoreWriter, rewriting, writer
from leukfeat.features.store.maintenance import merge_stores, prune_rows, repair_store

N_FEATURES = 512
SETTINGS = {"weights": "random", "input_size": 32, "progress": False}
MOST_REDONE = 64

# In memory that parent and children share: images computed so far.
shared = mmap.mmap(-1, 8)


def computed():
    return struct.unpack("<q", shared[:8])[0]


def set_computed(n):
    shared[:8] = struct.pack("<q", n)


class QuickEngine:
    """Rows that depend on every pixel, without a network; it counts what it computes."""

    n_features = N_FEATURES
    versions = {"engine": "for tests"}  # noqa: RUF012
    seconds_a_row = 0.0

    def stream(self, inputs, batch_size):
        for pixels in inputs:
            seed = int(np.dot(pixels.ravel().astype(np.int64), np.arange(pixels.size)) % (1 << 31))
            if self.seconds_a_row:
                time.sleep(self.seconds_a_row)
            set_computed(computed() + 1)
            yield np.random.default_rng(seed).standard_normal(N_FEATURES).astype(np.float32)


engine = QuickEngine()


def install_engine():
    """Put the quick engine in the place of the network, for good."""
    extraction_run.load_engine = lambda spec, source: engine


def make_images(folder, n):
    """Write n different small images, old enough for the stat index."""
    import cv2

    Path(folder).mkdir()
    long_ago = time.time() - 3600
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (24, 20, 3), dtype=np.uint8)
        path = str(Path(folder) / f"cell_{i:05d}.png")
        assert cv2.imwrite(path, pixels)
        os.utime(path, (long_ago, long_ago))


def images_of(folder):
    return sorted(str(path) for path in Path(folder).iterdir())


# ---------------------------------------------------------------- killing


def kill_me_in(seconds):
    """Ask the kernel for a SIGKILL: it comes in the middle of whatever runs then."""
    libc = ctypes.CDLL(None, use_errno=True)
    event = (ctypes.c_char * 64)()
    struct.pack_into("<Qii", event, 0, 0, signal.SIGKILL, 0)  # SIGEV_SIGNAL
    timer = ctypes.c_void_p()
    if libc.timer_create(time.CLOCK_MONOTONIC, event, ctypes.byref(timer)):
        raise OSError(ctypes.get_errno(), "timer_create")
    nanoseconds = max(1, int(seconds * 1e9))
    when = struct.pack("<qqqq", 0, 0, nanoseconds // 10**9, nanoseconds % 10**9)
    if libc.timer_settime(timer, 0, when, None):
        raise OSError(ctypes.get_errno(), "timer_settime")


class Phase:
    """A function that is watched: its calls are counted and timed, or the n-th is fatal."""

    def __init__(self, owner, name, wanted=lambda *args: True):
        self.owner, self.name, self.wanted = owner, name, wanted
        self.times = []
        self.fatal_call, self.delay = None, None

    def watch(self):
        original = getattr(self.owner, self.name)
        is_static = isinstance(vars(self.owner).get(self.name), staticmethod)

        def watched(*args, **kwargs):
            if not self.wanted(*args):
                return original(*args, **kwargs)
            if self.fatal_call == len(self.times):
                kill_me_in(self.delay)
            started = time.perf_counter()
            try:
                return original(*args, **kwargs)
            finally:
                self.times.append(time.perf_counter() - started)

        setattr(self.owner, self.name, staticmethod(watched) if is_static else watched)


def _put_of(*names):
    return lambda dataset, *rest: dataset.name.strip("/") in names


def phases():
    rows = _put_of("features", "controls", "checksum", "session", "sessions")
    return {
        "file creation": Phase(rewriting, "create_file"),
        "put in place": Phase(rewriting, "_put_in_place"),
        "open": Phase(writer, "open_for_appending"),
        "rows": Phase(StoreWriter, "_put", rows),
        "keys": Phase(StoreWriter, "_put", _put_of("key")),
        "file index": Phase(StoreWriter, "append_files"),
        "flush and close": Phase(StoreWriter, "close"),
        "stat index": Phase(StatIndex, "record"),
        "anywhere": Phase(lf.features.extraction, "make_spec"),
        "recovery copy": Phase(rewriting.NewStore, "add"),
        "recovery replace": Phase(rewriting, "_put_in_place"),
        "prune copy": Phase(rewriting.NewStore, "add"),
        "merge copy": Phase(rewriting.NewStore, "add"),
        "repair copy": Phase(rewriting.NewStore, "add"),
    }


# ---------------------------------------------------------------- jobs


def extract(images, cache):
    return lf.extract_features(images, cache=cache, **SETTINGS)


def store_in(cache):
    stores = list(Path(cache).glob("*.h5"))
    return str(stores[0]) if stores else None


def leave_interrupted(images, cache):
    """What a killed run leaves: some rows, and a file that is marked as written to."""
    pid = os.fork()
    if pid == 0:
        StoreWriter.close = lambda self: os._exit(9)
        with contextlib.suppress(BaseException):
            extract(images[: len(images) // 2], cache)
        os._exit(9)
    os.waitpid(pid, 0)


def keys_of(features):
    return {bytes.fromhex(name) for name in features.ids}


def prepare(phase, images, cache, truth):
    """Bring the cache to where the phase begins."""
    if phase.startswith("recovery"):
        leave_interrupted(images, cache)
    elif phase == "prune copy":
        extract(images, cache)
    elif phase == "repair copy":
        extract(images, cache)
        with open(store_in(cache), "r+b") as file:
            content = file.read()
            file.seek(content.find(truth.X[3].tobytes()))
            file.write(b"\xff")
    elif phase == "merge copy":
        extract(images[: len(images) // 2], cache)
        extract(images[len(images) // 3 :], cache + "-other")


def work(phase, images, cache, truth):
    """Do what the phase is part of."""
    if phase == "prune copy":
        prune_rows(store_in(cache), keep=keys_of(truth[:100]))
    elif phase == "repair copy":
        repair_store(store_in(cache))
    elif phase == "merge copy":
        merge_stores([store_in(cache + "-other")], store_in(cache))
    else:
        extract(images, cache)


# ---------------------------------------------------------------- judging


def on_purpose(phase, images):
    """Rows that must be held whenever the kill comes, and computations that are no loss."""
    n = len(images)
    return {
        "prune copy": (range(100), n - 100),
        "repair copy": ([i for i in range(n) if i != 3], 1),
        "merge copy": (range(n // 2), n),
    }.get(phase, ((), 0))


def good_rows(store):
    return store.written & ~store.read(np.arange(len(store.keys))).damaged


def wrong_rows(store, truth):
    """Say what is wrong with the rows that a store would give; ``None`` if they are right."""
    right = dict(zip(truth.ids.tolist(), truth.X, strict=True))
    rows = store.read(np.arange(len(store.keys)))
    for key, row, is_damaged in zip(store.keys, rows.features, rows.damaged, strict=True):
        name = key.tobytes().hex()
        if key.any() and not is_damaged and not np.array_equal(right.get(name), row):
            return f"the row of {name} is wrong"
    return None


def judge(phase, images, cache, truth):
    """Check what a victim left, finish its work, and count what was done again.

    Returns
    -------
    dict
        Rows held after the kill, images computed again, and a list of complaints.
    """
    complaints = []
    must_hold, no_loss = on_purpose(phase, images)
    held = set()
    path = store_in(cache)
    if path is not None:
        with StoreReader(path) as store:
            held = {key.tobytes().hex() for key in store.keys[good_rows(store)]}
            complaint = wrong_rows(store, truth)
            if complaint:
                complaints.append(complaint)
    lost = [i for i in must_hold if truth.ids[i] not in held]
    if lost:
        complaints.append(f"rows lost: {lost}")
    features = extract(images, cache)
    if not np.array_equal(features.X, truth.X):
        complaints.append("wrong rows after resuming")
    if features.ids.tolist() != truth.ids.tolist() or not features.controls.equals(truth.controls):
        complaints.append("wrong ids or controls after resuming")
    redone = computed() - len(images)
    if redone - no_loss > MOST_REDONE:
        complaints.append(f"{redone} images computed again")
    left = [path.name for path in Path(cache).iterdir() if path.name.endswith(".tmp")]
    with StoreReader(store_in(cache)) as store:
        if len(store) != len(images):
            complaints.append(f"{len(store)} rows in the store")
    set_computed(0)
    extract(images, cache)
    if computed():
        complaints.append("a warm call computed")
    if left:
        # A call that finds every row neither waits for the lock nor cleans.
        repair_store(store_in(cache))
        if [path for path in Path(cache).iterdir() if path.name.endswith(".tmp")]:
            complaints.append(f"left behind: {left}")
    return {"held": len(held), "redone": max(0, redone - no_loss), "complaints": complaints}
