"""Killed in the middle, several writers at once: no row lost, none wrong, none twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features.store import StoreReader, StoreWriter

VICTIM = Path(__file__).with_name("extraction_victim.py")


def start(folder, cache, delay, first, last):
    command = [sys.executable, str(VICTIM), *map(str, (folder, cache, delay, first, last))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def written(output):
    return sum(int(line.split()[1]) for line in output.splitlines() if line.startswith("written"))


@pytest.fixture
def undisturbed(write_images, engine):
    paths = write_images(500)
    return paths, lf.extract_features(paths, weights="random", progress=False)


@pytest.mark.parametrize("seed", range(int(os.environ.get("LEUKFEAT_KILLS", "4"))))
def test_kill_loses_at_most_a_block(undisturbed, engine, tmp_path, seed):
    paths, truth = undisturbed
    cache = tmp_path / "cache"
    victim = start(Path(paths[0]).parent, cache, 1, 0, 500)
    assert victim.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.02, 0.9))
    victim.kill()
    output, _ = victim.communicate()
    safe = written(output)
    engine.computed = 0
    resumed = lf.extract_features(paths, cache=cache, weights="random", progress=False)
    assert engine.computed <= 500 - safe
    assert np.array_equal(resumed.X, truth.X)
    assert np.array_equal(resumed.ids, truth.ids)
    assert resumed.controls.equals(truth.controls)
    assert not list(cache.glob(".*.tmp"))
    (store,) = cache.glob("*.h5")
    with StoreReader(store) as reader:
        assert len(reader) == len(reader.keys) == 500


def test_a_killed_store_is_readable_at_once(undisturbed, engine, tmp_path):
    paths, truth = undisturbed
    cache = tmp_path / "cache"
    victim = start(Path(paths[0]).parent, cache, 2, 0, 500)
    while not victim.stdout.readline().startswith("written"):
        pass
    victim.kill()
    victim.communicate()
    (store,) = cache.glob("*.h5")
    with StoreReader(store) as reader:
        held = len(reader)
    assert held >= 32
    engine.computed = 0
    few = lf.extract_features(paths[:32], cache=cache, weights="random", progress=False)
    assert engine.computed == 0
    assert np.array_equal(few.X, truth.X[:32])


def test_interrupt_keeps_the_rows_so_far(undisturbed, tmp_path):
    paths, _ = undisturbed
    for attempt in range(5):
        cache = tmp_path / f"cache-{attempt}"
        victim = start(Path(paths[0]).parent, cache, 2, 0, 500)
        while not victim.stdout.readline().startswith("written"):
            pass
        time.sleep(0.05)
        victim.send_signal(signal.SIGINT)
        output, errors = victim.communicate()
        if "KeyboardInterrupt" in errors:
            break  # on a busy machine the run may end before the signal is there
    assert "KeyboardInterrupt" in errors
    (store,) = cache.glob("*.h5")
    with StoreReader(store) as reader:
        assert len(reader) == 32 + written(output)
        assert len(reader) % 32


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_amid_a_write_waits_for_it(undisturbed, tmp_path, monkeypatch, caplog, number):
    paths, _ = undisturbed
    append = StoreWriter.append

    def interrupted(self, *block):
        os.kill(os.getpid(), number)
        append(self, *block)

    monkeypatch.setattr(StoreWriter, "append", interrupted)
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), caplog.at_level("WARNING", "leukfeat"):
            lf.extract_features(paths, cache=tmp_path, weights="random", progress=False)
    finally:
        signal.signal(number, before)
    (store,) = tmp_path.glob("*.h5")
    with StoreReader(store) as reader:
        assert len(reader) == 32
    assert f"stopped: 32 new rows are kept in {store}" in caplog.text


def test_writers_beside_each_other_compute_every_row_once(undisturbed, engine, tmp_path):
    paths, truth = undisturbed
    cache = tmp_path / "cache"
    folder = Path(paths[0]).parent
    spans = [(0, 300), (100, 400), (200, 500)]
    victims = [start(folder, cache, 0.5, *span) for span in spans]
    outputs = [victim.communicate(timeout=60) for victim in victims]
    assert [victim.returncode for victim in victims] == [0, 0, 0], outputs
    computed = [int(out.split("computed")[1]) for out, _ in outputs]
    # Each may have looked ahead at a few images before the other's rows appeared.
    assert sum(computed) == 500
    engine.computed = 0
    features = lf.extract_features(paths, cache=cache, weights="random", progress=False)
    assert engine.computed == 0
    assert np.array_equal(features.X, truth.X)


def test_readers_are_served_while_a_writer_is_at_work(undisturbed, engine, tmp_path):
    paths, truth = undisturbed
    cache = tmp_path / "cache"
    victim = start(Path(paths[0]).parent, cache, 2, 0, 500)
    while not victim.stdout.readline().startswith("written"):
        pass
    engine.computed = 0
    served = 0
    while victim.poll() is None:
        few = lf.extract_features(paths[:32], cache=cache, weights="random", progress=False)
        assert np.array_equal(few.X, truth.X[:32])
        served += 1
    victim.communicate()
    assert victim.returncode == 0
    assert engine.computed == 0
    assert served > 3


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("kind", ["lock", "heartbeat"])
def test_stopped_before_the_first_row_it_leaves_nothing(
    write_images, engine, tmp_path, monkeypatch, error, kind
):
    monkeypatch.setenv("LEUKFEAT_LOCK", kind)

    def stop(*_):
        assert [*place.parent.iterdir()]  # the writer holds its lock
        raise error("stopped")

    paths = write_images(4)
    for place in (tmp_path / "new" / "folder" / "a.h5", tmp_path / "there" / "a.h5"):
        (tmp_path / "there").mkdir(exist_ok=True)
        before = sorted(tmp_path.rglob("*"))
        with monkeypatch.context() as patch:
            patch.setattr(engine, "stream", stop)
            with pytest.raises(error, match="stopped"):
                lf.extract_features(paths, cache=place, weights="random", progress=False)
        assert sorted(tmp_path.rglob("*")) == before
        assert len(lf.extract_features(paths, cache=place, weights="random", progress=False)) == 4
        assert place.exists()
