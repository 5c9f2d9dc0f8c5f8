"""Full, read-only, removed and oddly named places: a clear error, a good store, a run that goes on."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import CacheError
from leukfeat.features.store import StoreReader
from leukfeat.features.store.giving_up import writing_to
from leukfeat.features.store.maintenance import merge_stores, repair_store, verify_store


def extract(jobs, images, cache):
    return lf.extract_features(images, cache=cache, **jobs.SETTINGS)


def store_in(cache):
    (path,) = cache.glob("*.h5")
    return path


def hold_right_rows(path, truth):
    right = dict(zip(truth.ids.tolist(), truth.X, strict=True))
    with StoreReader(path) as store:
        rows = store.read(np.arange(len(store.keys)))
        for key, row in zip(store.keys, rows.features, strict=True):
            assert np.array_equal(right[key.tobytes().hex()], row)
        assert not rows.damaged.any()
        return len(store)


@pytest.mark.parametrize("free", [0.0, 0.02, 0.3, 4.1, 4.3, 4.45])
def test_a_full_disk(jobs, images, truth, engine, mount, free):
    # 200 rows are 0.4 MB; 4 MB are kept free for what comes with them.
    cache = mount("-t", "tmpfs", "-o", "size=6m", "tmpfs") / "cache"
    ballast = cache.parent / "ballast"
    ballast.write_bytes(bytes(int((5.9 - free) * 1e6)))

    def extract_little_by_little():
        # Each call has its own chance to find the disk full.
        for last in range(10, 201, 10):
            extract(jobs, images[:last], cache)

    with pytest.raises(CacheError, match=r"[Nn]o space") as error:
        extract_little_by_little()
    assert str(cache) in str(error.value)
    stores = list(cache.glob("*.h5"))
    held = hold_right_rows(stores[0], truth) if stores else 0
    assert verify_store(stores[0]).is_sound if stores else True
    ballast.unlink()
    jobs.set_computed(0)
    features = extract(jobs, images, cache)
    assert np.array_equal(features.X, truth.X)
    assert engine.computed() == 200 - held
    assert {p.suffix for p in cache.iterdir()} <= {".h5", ".lock"}


def test_a_disk_that_is_full_before_recovery_and_merging(jobs, images, truth, engine, mount):
    folder = mount("-t", "tmpfs", "-o", "size=14m", "tmpfs")
    cache, other = folder / "cache", folder / "other"
    extract(jobs, images[:100], cache)
    extract(jobs, images[100:], other)
    path = store_in(cache)
    before = verify_store(path).content_digest
    pid = os.fork()
    if pid == 0:
        from leukfeat.features.store.layout import open_for_appending

        file = open_for_appending(str(path))
        file["key"].resize(101, axis=0)
        file["key"].flush()
        os._exit(9)
    os.waitpid(pid, 0)
    status = os.statvfs(folder)
    (folder / "ballast").write_bytes(bytes(status.f_bavail * status.f_frsize - 100_000))
    acts = {
        "extract": lambda: extract(jobs, images[:101], cache),
        "merge": lambda: merge_stores([store_in(other)], path),
        "repair": lambda: repair_store(path),
    }
    for name, act in acts.items():
        with pytest.raises(CacheError, match=r"[Nn]o space"):
            pytest.fail(f"{name} does not raise: {act()}")
        assert {p.suffix for p in cache.iterdir()} <= {".h5", ".lock"}
    # What is there is served all the same.
    jobs.set_computed(0)
    assert np.array_equal(extract(jobs, images[:100], cache).X, truth.X[:100])
    assert engine.computed() == 0
    (folder / "ballast").unlink()
    assert merge_stores([store_in(other)], path).rows == 200
    assert verify_store(path).content_digest != before
    assert np.array_equal(extract(jobs, images, cache).X, truth.X)
    assert engine.computed() == 0


def test_a_read_only_cache_serves_and_says_why_it_cannot_grow(jobs, images, truth, engine, mount):
    folder = mount("-t", "tmpfs", "tmpfs")
    extract(jobs, images[:50], folder / "cache")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    jobs.set_computed(0)
    assert np.array_equal(extract(jobs, images[:50], folder / "cache").X, truth.X[:50])
    assert engine.computed() == 0
    with pytest.raises(CacheError, match=r"Cannot write to the cache folder.*Read-only"):
        extract(jobs, images[:51], folder / "cache")
    with pytest.raises(CacheError, match=r"Cannot write to the cache folder.*Read-only"):
        extract(jobs, images[:51], folder / "new")
    assert verify_store(store_in(folder / "cache")).rows == 50
    with pytest.raises(CacheError, match="Read-only"):
        repair_store(store_in(folder / "cache"))
    subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
    assert np.array_equal(extract(jobs, images, folder / "cache").X, truth.X)


@pytest.fixture
def open_folder():
    """Return a temporary folder that other users may enter, as pytest's own are not."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_a_folder_of_another_user(jobs, truth, engine, open_folder):
    """Permissions do not bite for root, so the work is done as nobody."""
    if not hasattr(os, "setuid") or os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    jobs.make_images(open_folder / "images", 51)
    images = jobs.images_of(open_folder / "images")
    cache = open_folder / "cache"
    extract(jobs, images[:50], cache)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        os.environ["LEUKFEAT_CACHE_DIR"] = "/nonexistent"
        said = []
        for n in (50, 51):
            try:
                said.append(str(len(extract(jobs, images[:n], cache))))
            except BaseException as error:  # noqa: BLE001 - it travels to the parent
                said.append(f"{type(error).__name__}: {error}")
        os.write(write, "\n".join(said).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        served, refused = pipe.read().split("\n")
    os.waitpid(pid, 0)
    assert served == "50"
    assert refused.startswith("CacheError: Cannot write to the cache folder")
    assert "Permission denied" in refused


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_lack_of_rights_is_said_before_anything_is_computed(
    jobs, truth, engine, open_folder, what
):
    """The lock's file is there already, so that taking it tells nothing."""
    if not hasattr(os, "setuid") or os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    jobs.make_images(open_folder / "images", 40)
    images = jobs.images_of(open_folder / "images")
    cache = open_folder / "cache"
    extract(jobs, images[:10], cache)
    for path in cache.iterdir():
        path.chmod(0o444 if path.suffix == ".h5" and what == "file" else 0o666)
    cache.chmod(0o555 if what == "folder" else 0o777)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        os.environ["LEUKFEAT_CACHE_DIR"] = "/nonexistent"
        jobs.set_computed(0)
        try:
            extract(jobs, images, cache)
        except BaseException as error:  # noqa: BLE001 - it travels to the parent
            os.write(write, f"{engine.computed()} {error}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    assert said.startswith("0 Cannot write to the ")
    assert "permission denied" in said


LIMITED = """
import resource, sys
import numpy as np
from leukfeat.exceptions import CacheError
from leukfeat.features import FeatureSpec
from leukfeat.features.store import StoreWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
draw = np.random.default_rng(0)
try:
    with StoreWriter(sys.argv[1], FeatureSpec()) as writer:
        for i in range(40):
            keys = [draw.bytes(32) for _ in range(32)]
            features = draw.standard_normal((32, 2048)).astype(np.float32)
            writer.append(keys, features, np.zeros((32, 18), np.float32), {})
except CacheError as error:
    print(i if "i" in globals() else 0, error)
"""


@pytest.mark.parametrize("limit", [100_000, 1_024_000, 6_000_000])
def test_a_limit_on_the_size_of_files_is_an_error_and_no_crash(tmp_path, limit):
    path = tmp_path / "s.h5"
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path), str(limit)], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    blocks, _, said = ended.stdout.partition(" ")
    assert "ulimit -f" in said
    assert "make room" not in said
    if limit > 5_000_000:
        report = verify_store(path)
        assert (report.is_sound, report.is_open) == (True, False)
        assert report.rows == 32 * int(blocks) > 0


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EFBIG, "raise the limit"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "may write to"),
        (errno.EROFS, "may write to"),
        (errno.EIO, "may be failing"),
        (errno.ENOENT, "was removed"),
    ],
)
def test_the_remedy_goes_with_the_reason(number, remedy):
    hdf5 = f"write failed, errno = {number}, error message = '{os.strerror(number)}', buf = 0"
    for error in (OSError(number, os.strerror(number)), RuntimeError(hdf5)):
        with pytest.raises(CacheError, match=remedy) as said, writing_to("/cells/s.h5"):
            raise error
        assert os.strerror(number) in str(said.value)
        assert ("make room" in str(said.value)) == (number == errno.ENOSPC)


def test_a_folder_that_is_removed_while_it_is_written_to(
    jobs, images, truth, engine, tmp_path, monkeypatch
):
    cache = tmp_path / "cache"
    append = lf.features.store.StoreWriter.append
    calls = []

    def removed_after_two(self, *block):
        append(self, *block)
        calls.append(len(block[0]))
        if len(calls) == 2:
            shutil.rmtree(cache)

    monkeypatch.setattr("leukfeat.features.store.StoreWriter.append", removed_after_two)
    with pytest.raises(CacheError, match="No such file or directory") as error:
        extract(jobs, images, cache)
    assert "was removed" in str(error.value)
    assert "make room" not in str(error.value)
    monkeypatch.undo()


def test_a_folder_that_is_removed_before_the_rows_are_read(
    jobs, images, truth, engine, tmp_path, monkeypatch
):
    cache = tmp_path / "cache"
    close = lf.features.store.StoreWriter.close

    def removed(self):
        close(self)
        shutil.rmtree(cache)

    monkeypatch.setattr("leukfeat.features.store.StoreWriter.close", removed)
    with pytest.raises(CacheError, match="removed"):
        extract(jobs, images[:20], cache)


ODD_NAMES = [
    "with spaces and 'quotes\"",
    "new\nline and\ttab",
    "Zellkern-ÄÖü-白血病-клетка-🩸",
    "[a-z]*?{x}",
    "-rf",
    "dot.h5.d",
    "%s%n",
    "n" * 200,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(jobs, images, truth, engine, tmp_path, name):
    folder = tmp_path / name / "cells"
    folder.mkdir(parents=True)
    copies = [
        shutil.copy(path, folder / f"{name[:60]} {i}.png") for i, path in enumerate(images[:40])
    ]
    cache = tmp_path / name / f"cache {name[:100]}"
    assert np.array_equal(extract(jobs, copies, cache).X, truth.X[:40])
    (tmp_path / name / f"cache {name[:100]}" / f".{store_in(cache).name}.00.tmp").write_bytes(b"")
    with open(store_in(cache), "r+b") as file:
        content = file.read()
        file.seek(content.find(truth.X[3].tobytes()))
        file.write(b"\xff\xff\xff")
    repaired = repair_store(store_in(cache))
    assert (repaired.rows_dropped, len(repaired.removed)) == (1, 1)
    jobs.set_computed(0)
    assert np.array_equal(extract(jobs, copies, cache).X, truth.X[:40])
    assert engine.computed() == 1
    single = tmp_path / name / f"{name[:80]}.h5"
    assert np.array_equal(extract(jobs, copies, single).X, truth.X[:40])


@pytest.mark.skipif(sys.platform == "darwin", reason="its file names are Unicode")
def test_names_that_are_no_text(jobs, images, truth, engine, tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9 \xff"
    os.mkdir(raw)
    folder = os.fsdecode(raw)
    copies = [shutil.copy(path, f"{folder}/{i}\udcfe.png") for i, path in enumerate(images[:20])]
    features = extract(jobs, copies, f"{folder}/cache")
    assert np.array_equal(features.X, truth.X[:20])
    jobs.set_computed(0)
    extract(jobs, copies, f"{folder}/cache")
    assert engine.computed() == 0


def test_a_name_too_long_is_refused_with_the_reason(jobs, images, engine, tmp_path):
    for name in ("n" * 300, "n" * 250 + ".h5", "/".join(["n" * 200] * 30)):
        with pytest.raises(CacheError, match=r"[Tt]oo long"):
            extract(jobs, images[:2], tmp_path / name)


def test_a_file_in_the_place_of_a_folder_is_not_touched(jobs, images, engine, tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(CacheError, match="is a file"):
        extract(jobs, images[:2], tmp_path / "a")
    with pytest.raises(CacheError, match="Not a directory"):
        extract(jobs, images[:2], tmp_path / "a" / "b")
    (tmp_path / "x.h5").write_text("mine")
    with pytest.raises(CacheError, match="no HDF5 file"):
        extract(jobs, images[:2], tmp_path / "x.h5")
    assert (tmp_path / "a").read_text() == (tmp_path / "x.h5").read_text() == "mine"


def test_threads_of_one_process_share_a_store(jobs, images, truth, engine, tmp_path):
    cache = tmp_path / "cache"
    problems = []

    def work(first):
        try:
            for last in range(first + 20, 201, 20):
                found = extract(jobs, images[first:last], cache)
                if not np.array_equal(found.X, truth.X[first:last]):
                    problems.append("wrong rows")
        except Exception as error:  # noqa: BLE001 - it travels to the main thread
            problems.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 30, 60, 90)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert problems == []
    assert hold_right_rows(store_in(cache), truth) == 200
