"""Rows computed by other processes are the same rows, and a worker that dies costs its batch."""

import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features.engines.workers import WorkersEngine, count_workers

pytest.importorskip("openvino")

SMALL = {"weights": "random", "layers": "conv2", "input_size": 32, "progress": False}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def images():
    return [*np.random.default_rng(0).integers(0, 256, (160, 40, 40, 3), dtype=np.uint8)]


@pytest.fixture(scope="module")
def alone(images):
    return lf.extract_features(images, **SMALL).X


def test_this_process_computes_unless_there_is_a_cluster():
    assert count_workers() == 0
    for backend in ("loky", "threading"):
        with joblib.parallel_config(backend, n_jobs=2):
            assert count_workers() == 0


def started(place):
    return sum(name.startswith("start") for name in os.listdir(place))


def finished(place):
    return sum(name.startswith("done") for name in os.listdir(place))


def recorder(place):
    """Make a plugin that leaves a file for each batch that a worker starts, and finishes."""
    distributed = pytest.importorskip("distributed")

    class Recorder(distributed.WorkerPlugin):
        def __init__(self, place):
            self.place = place

        def transition(self, key, start, finish, **more):
            if finish in ("executing", "memory") and start != finish:
                word = "start" if finish == "executing" else "done"
                name = f"{word}-{os.getpid()}-{time.time_ns()}"
                open(os.path.join(self.place, name), "w").close()

    return Recorder(str(place))


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.timeout(300)
def test_a_dask_worker_that_is_killed_costs_its_batch_only(images, alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    place = tmp_path / "record"
    place.mkdir()
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            protocol="tcp://",
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert client.scheduler.address.startswith("tcp://")
        client.register_plugin(recorder(place))
        victim = next(iter(client.run(os.getpid).values()))

        def kill():
            while finished(place) < 3:
                time.sleep(0.005)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        with joblib.parallel_config("dask"):
            assert count_workers() == 2
            rows = lf.extract_features(images, batch_size=8, cache=tmp_path / "cache", **SMALL)
        killer.join()
    np.testing.assert_allclose(rows.X, alone, atol=1e-5 * np.abs(alone).max())
    # None was begun again but the dead worker's: what it computed, and what waited there.
    batches = len(images) // 8
    assert finished(place) >= batches
    assert started(place) <= batches + 3


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_single_dask_worker_computes_with_all_its_threads(threads, images, alone, tmp_path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=threads, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config("dask", workers=[0], allow_other_workers=False),
    ):
        client.register_plugin(recorder(tmp_path))
        assert count_workers() == 1
        rows = lf.extract_features(images[:40], batch_size=8, **SMALL)
        told = client.run(os.getenv, "OMP_NUM_THREADS")
    assert finished(tmp_path) == 5
    assert [*told.values()] == [str(threads)]
    np.testing.assert_allclose(rows.X, alone[:40], atol=1e-5 * np.abs(alone).max())


def test_tasks_are_small_whatever_the_batch(images):
    engine = WorkersEngine(None, None, 1, 256)
    large = np.zeros((1000, 1000, 3), np.uint8)
    assert [len(batch) for (batch,) in engine._batches([large] * 5, 32)] == [2, 2, 1]
    assert [len(batch) for (batch,) in engine._batches(images[:20], 8)] == [8, 8, 4]
