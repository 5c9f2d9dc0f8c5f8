"""Rows computed again: the old ones stay until the new ones are there, whatever happens."""

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import CacheError, ImageReadError, WeightsUnavailableError
from leukfeat.features import extraction_run
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.maintenance import list_stores, remove_store
from leukfeat.features.store.places import replacement_path
from leukfeat.features.store.rewriting import NewStore

VICTIM = Path(__file__).with_name("extraction_victim.py")


def extract(cells, cache, **settings):
    return lf.extract_features(cells, cache=cache, weights="random", progress=False, **settings)


def store_of(cache):
    (store,) = cache.glob("*.h5")
    return str(store)


@pytest.fixture
def later(engine, monkeypatch):
    """Make the engine give other rows than before, as another processor would."""

    def change(by):
        row_of = type(engine).row_of
        monkeypatch.setattr(engine, "row_of", lambda pixels: row_of(pixels) + np.float32(by))

    return change


class StoppingEngine:
    """An engine that fails after so many images."""

    def __init__(self, engine, after):
        self.n_features, self.versions = engine.n_features, engine.versions
        self._engine, self._after = engine, after

    def stream(self, inputs, batch_size):
        for i, row in enumerate(self._engine.stream(inputs, batch_size)):
            if i == self._after:
                raise RuntimeError("the engine fails")
            yield row


def test_no_row_is_lost_when_the_engine_cannot_be_loaded(
    engine, write_images, tmp_path, monkeypatch
):
    paths, cache = write_images(6), tmp_path / "cache"
    first = extract(paths, cache)

    def unavailable(spec, source):
        raise WeightsUnavailableError("offline")

    with monkeypatch.context() as patch:
        patch.setattr(extraction_run, "load_engine", unavailable)
        with pytest.raises(WeightsUnavailableError):
            extract(paths, cache, if_cached="overwrite")
        assert np.array_equal(extract(paths, cache).X, first.X)


def test_an_unreadable_image_costs_no_row(engine, later, write_images, tmp_path):
    paths, cache = write_images(100), tmp_path / "cache"
    first = extract(paths, cache)
    later(1)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not an image")
    with pytest.raises(ImageReadError):
        extract([*paths, str(broken)], cache, if_cached="overwrite", batch_size=8)
    assert np.array_equal(extract(paths, cache).X, first.X)
    again = extract([*paths, str(broken)], cache, if_cached="overwrite", errors="skip")
    assert np.array_equal(again.X, first.X + np.float32(1))
    assert again.skipped["path"].tolist() == [str(broken)]
    assert np.array_equal(extract(paths, cache).X, again.X)


def test_it_goes_on_after_a_failure_and_says_so(
    engine, later, write_images, tmp_path, monkeypatch, caplog
):
    paths, cache = write_images(200), tmp_path / "cache"
    first = extract(paths, cache)
    later(1)
    with monkeypatch.context() as patch:
        patch.setattr(extraction_run, "load_engine", lambda *_: StoppingEngine(engine, 120))
        with pytest.raises(RuntimeError, match="the engine fails"):
            extract(paths[:150], cache, if_cached="overwrite", batch_size=8)
    waiting = replacement_path(store_of(cache))
    with StoreReader(waiting) as new:
        held = len(new)
    assert 56 <= held <= 120
    assert list_stores(cache)[0].leftovers == [waiting]
    assert np.array_equal(extract(paths, cache).X, first.X)
    engine.computed = 0
    again = extract(paths[:150], cache, if_cached="overwrite")
    assert f"goes on after {held} new rows" in caplog.text
    assert engine.computed == 150 - held
    assert np.array_equal(again.X, first.X[:150] + np.float32(1))
    after = extract(paths, cache)
    assert np.array_equal(after.X[:150], again.X)
    assert np.array_equal(after.X[150:], first.X[150:])
    assert not [name for name in cache.iterdir() if "overwrite" in name.name]
    with StoreReader(store_of(cache)) as store:
        assert len(store) == len(store.keys) == 200
    # A finished overwrite leaves nothing to go on with: the next one computes all again.
    engine.computed = 0
    extract(paths, cache, if_cached="overwrite")
    assert engine.computed == 200


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_leaves_the_old_row_or_the_new_one(engine, write_images, tmp_path, seed):
    paths, cache = write_images(300), tmp_path / "cache"
    first = extract(paths, cache)
    command = [VICTIM, Path(paths[0]).parent, cache, 1, 0, 300, "overwrite"]
    victim = subprocess.Popen(
        [sys.executable, *map(str, command)], stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout.readline() == "ready\n"
    # 0.3 s of computing and then the replacement: early, in the middle and around the end.
    time.sleep(0.15 * seed + random.Random(seed).uniform(0, 0.15))
    victim.kill()
    output, _ = victim.communicate()
    safe = sum(int(line.split()[1]) for line in output.splitlines() if line.startswith("written"))
    engine.computed = 0
    held = extract(paths, cache)
    assert engine.computed == 0
    old, new = (held.X == first.X).all(axis=1), (first.X + np.float32(1) == held.X).all(axis=1)
    assert old.all() or new.all()
    extract(paths, cache, if_cached="overwrite")
    if old.all():
        assert engine.computed <= 300 - safe
    with StoreReader(store_of(cache)) as store:
        assert len(store) == len(store.keys) == 300
    assert not list(cache.glob(".*.tmp"))


def test_what_waits_for_another_space_or_is_damaged_is_not_used(
    engine, later, write_images, tmp_path, caplog
):
    paths, cache = write_images(4), tmp_path / "cache"
    extract(paths, cache)
    waiting = Path(replacement_path(store_of(cache)))
    with StoreReader(store_of(cache)) as store:
        keys = [key.tobytes() for key in store.keys]
    later(1)
    rows, controls = np.ones((4, 2048), np.float32), np.ones((4, 18), np.float32)
    with StoreWriter(str(waiting), FeatureSpec(crop=7)) as writer:
        writer.append(keys, rows, controls, {})
    engine.computed = 0
    extract(paths, cache, if_cached="overwrite")
    assert engine.computed == 4
    waiting.write_bytes(b"no store")
    extract(paths, cache, if_cached="overwrite")
    assert engine.computed == 8
    assert "starts anew" in caplog.text


def test_what_waits_goes_with_its_store(engine, write_images, tmp_path):
    paths, cache = write_images(2), tmp_path / "cache"
    extract(paths, cache)
    store = store_of(cache)
    waiting = Path(replacement_path(store))
    waiting.write_bytes(b"new rows")
    remove_store(store)
    assert not waiting.exists()
    waiting.write_bytes(b"new rows")
    extract(paths, cache, if_cached="overwrite")
    assert not waiting.exists()
    assert len(extract(paths, cache)) == 2


def test_a_full_disk_at_the_end_leaves_the_old_rows(
    engine, later, write_images, tmp_path, monkeypatch
):
    paths, cache = write_images(5), tmp_path / "cache"
    first = extract(paths, cache)
    later(1)

    put_in_place = NewStore.put_in_place

    def full(self):
        if self._path.endswith(".h5"):
            raise OSError(28, "No space left on device")
        put_in_place(self)

    with monkeypatch.context() as patch:
        patch.setattr(NewStore, "put_in_place", full)
        with pytest.raises(CacheError):
            extract(paths, cache, if_cached="overwrite")
    assert np.array_equal(extract(paths, cache).X, first.X)
    assert np.array_equal(extract(paths, cache, if_cached="overwrite").X, first.X + np.float32(1))


def test_hand_crafted_rows_too(tmp_path, monkeypatch):
    cells, cache = lf.make_cells(2, 4, size=64, random_state=0), tmp_path / "cache"
    first = lf.extract_handcrafted(cells, "colour", cache=cache, progress=False)

    def fails(image, spec):
        raise RuntimeError("no measurement")

    with monkeypatch.context() as patch:
        patch.setattr("leukfeat.features.handcrafted.engine.measure_cell", fails)
        with pytest.raises(RuntimeError):
            lf.extract_handcrafted(
                cells, "colour", cache=cache, progress=False, if_cached="overwrite"
            )
        held = lf.extract_handcrafted(cells, "colour", cache=cache, progress=False)
    assert np.array_equal(held.X, first.X)
