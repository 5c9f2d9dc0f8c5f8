"""Rows computed by the workers of a cluster, through joblib's backend."""

from __future__ import annotations

import concurrent.futures
import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from leukfeat.features.engines.choice import load_engine
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource

__all__ = ["WorkersEngine", "count_workers"]

_LOCAL = ("LokyBackend", "MultiprocessingBackend", "ThreadingBackend", "SequentialBackend")
_TASK_BYTES = 1 << 23
"""Pixels in one task at most: beyond 10 MB Dask warns."""

_COUNT_AGAIN = 5.0
"""Seconds after which the workers are counted again: clusters grow and shrink."""

_SILENCE = 30.0
"""Seconds without an answer after which it is looked whether there is a worker at all."""

logger = logging.getLogger("leukfeat")

_one_batch = threading.Lock()

Computed = tuple[NDArray[np.float32], dict[str, str]]


def count_workers() -> int:
    """Return how many workers of a cluster are to compute; 0 if this process does it itself.

    A backend of joblib that uses this machine alone is not asked: the engine takes all cores by
    itself.

    Returns
    -------
    int

    Raises
    ------
    TimeoutError
        If the cluster has no worker, and none comes within the backend's time.

    Examples
    --------
    >>> count_workers()
    0
    """
    backend, _ = joblib.parallel.get_active_backend()
    if type(backend).__name__ in _LOCAL:
        return 0
    n_tasks = int(joblib.effective_n_jobs(None))  # waits for the first worker
    dask = _dask_backend()
    return max(1, n_tasks if dask is None else len(dask.client.nthreads()))


class WorkersEngine:
    """Sends batches to workers, each of which loads the network once.

    A worker that dies costs its batch: the scheduler of a cluster gives it to another. A single
    worker computes too, where joblib itself would turn to this process.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights; a file must have the same path for every worker.
    n_workers : int
        Most of them; with Dask they are counted again now and then.
    n_features : int
        Length of a row.
    device : str, default="auto"
        Where each computes.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        source: WeightsSource,
        n_workers: int,
        n_features: int,
        *,
        device: str = "auto",
    ) -> None:
        self._spec, self._source, self._device = spec, source, device
        self._n_workers = n_workers
        self.n_features = n_features
        self.versions: dict[str, str] = {}

    def stream(
        self, inputs: Iterable[NDArray[np.uint8]], batch_size: int
    ) -> Iterator[NDArray[np.float32]]:
        """Compute one row for each input; see :class:`leukfeat.features.engines.Engine`.

        Two batches a worker are in memory.
        """
        dask = _dask_backend()
        batches = self._batches(inputs, batch_size)
        computed = self._by_dask(dask, batches) if dask else self._by_joblib(batches)
        for rows, versions in computed:
            self.versions = versions
            yield from rows

    def _batches(
        self, inputs: Iterable[NDArray[np.uint8]], batch_size: int
    ) -> Iterator[tuple[NDArray[np.uint8]]]:
        # Drawn here, in the caller's thread: an unreadable image raises where the call was made.
        coming = iter(inputs)
        for first in coming:
            size = max(1, min(batch_size, _TASK_BYTES // first.nbytes))
            # In a tuple: joblib would put a bare array on one worker of Dask, where it is lost
            # with that worker.
            yield (np.stack([first, *itertools.islice(coming, size - 1)]),)

    def _by_dask(self, dask: Any, batches: Iterable[tuple[NDArray[np.uint8]]]) -> Iterator[Any]:
        client, chosen = dask.client, dask.submit_kwargs  # which workers, and what they must have
        waiting: deque[Any] = deque()
        counted = time.monotonic()
        try:
            for batch in batches:
                if time.monotonic() - counted > _COUNT_AGAIN:
                    self._n_workers = max(1, len(client.nthreads()))
                    counted = time.monotonic()
                while len(waiting) >= 2 * self._n_workers:
                    yield _answer(waiting.popleft(), client)
                task = (_rows, self._spec, self._source, self._device, batch)
                waiting.append(client.submit(*task, pure=False, **chosen))
            while waiting:
                yield _answer(waiting.popleft(), client)
        finally:
            client.cancel(list(waiting))

    def _by_joblib(self, batches: Iterator[tuple[NDArray[np.uint8]]]) -> Iterator[Any]:
        with joblib.Parallel(n_jobs=self._n_workers, batch_size=1) as workers:
            while window := list(itertools.islice(batches, 2 * self._n_workers)):
                yield from workers(
                    joblib.delayed(_rows)(self._spec, self._source, self._device, batch)
                    for batch in window
                )


def _dask_backend() -> Any:
    """Return joblib's Dask backend, ``None`` where another is active."""
    backend, _ = joblib.parallel.get_active_backend()
    return backend if type(backend).__name__ == "DaskDistributedBackend" else None


def _answer(batch: Any, client: Any) -> Any:
    """Wait for a batch; say so where no worker is left, and end where no scheduler is."""
    told = False
    while True:
        try:
            return batch.result(timeout=None if told else _SILENCE)
        except TimeoutError:
            if batch.done():  # the worker's own
                raise
            if not client.nthreads():
                logger.warning(
                    "the cluster has no worker: waiting for one. Ctrl-C ends this call; what is "
                    "computed stays in the cache."
                )
                told = True
        except concurrent.futures.CancelledError as error:
            raise ConnectionError(
                f"The cluster gave up a batch ({error}): is its scheduler still there? What was "
                "computed before stays in the cache: start the cluster again, and call again to go on."
            ) from error


def _rows(
    spec: FeatureSpec, source: WeightsSource, device: str, held: tuple[NDArray[np.uint8]]
) -> Computed:
    (batch,) = held
    # A worker of several threads is given several batches; the engine takes all of them for one.
    with _one_batch:
        _take_threads_of_worker()
        engine = load_engine(spec, source, device=device)
        return np.stack([*engine.stream(batch, len(batch))]), engine.versions


def _take_threads_of_worker() -> None:
    """Let the engine have the threads of a Dask worker, which sets OMP_NUM_THREADS to 1."""
    try:
        from distributed import get_worker

        threads = get_worker().state.nthreads
    except (ImportError, ValueError):
        return
    told = os.environ.get("OMP_NUM_THREADS", "")
    # Not a number where a user gives one for each level of nesting, such as "2,1".
    if told.isdecimal() and int(told) < threads:
        os.environ["OMP_NUM_THREADS"] = str(threads)
