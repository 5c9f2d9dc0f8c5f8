"""Rows computed by other processes are the same rows, and a worker that dies costs its batch."""

import logging
import os
import signal
import threading
import time

import joblib
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features.engines import workers
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


class Batch:
    """A future of Dask's that gives its answers one after the other."""

    def __init__(self, *answers, done=False):
        self.answers, self.waited, self.is_done = [*answers], [], done

    def done(self):
        return self.is_done

    def result(self, timeout=None):
        self.waited.append(timeout)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Client:
    def __init__(self, threads):
        self.threads = threads

    def nthreads(self):
        return self.threads


def test_a_cluster_without_workers_is_waited_for_with_a_word(caplog):
    batch = Batch(TimeoutError(), "rows")
    with caplog.at_level(logging.WARNING, "leukfeat"):
        assert workers._answer(batch, Client({})) == "rows"
    assert "no worker: waiting" in caplog.text
    assert batch.waited[-1] is None
    caplog.clear()
    assert workers._answer(Batch(TimeoutError(), "rows"), Client({"tcp://a": 2})) == "rows"
    assert not caplog.text
    with pytest.raises(TimeoutError, match="of the worker"):
        workers._answer(Batch(TimeoutError("of the worker"), done=True), Client({}))


def test_a_lost_scheduler_is_told_with_how_to_go_on():
    lost = pytest.importorskip("distributed.client").FutureCancelledError
    batch = Batch(lost("_rows-1", "scheduler-connection-lost"))
    with pytest.raises(ConnectionError, match=r"scheduler-connection-lost.*call again"):
        workers._answer(batch, Client({}))


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
