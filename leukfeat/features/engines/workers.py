"""Rows computed by the workers of a cluster, through joblib."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import joblib
import numpy as np
from numpy.typing import NDArray

from leukfeat.features.engines.choice import load_engine
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource

__all__ = ["WorkersEngine", "count_workers"]

_LOCAL = ("LokyBackend", "MultiprocessingBackend", "ThreadingBackend", "SequentialBackend")


def count_workers() -> int:
    """Return how many workers of a cluster are to compute; 0 if this process does it itself.

    A backend of joblib that uses this machine alone is not asked: the engine takes all cores by
    itself.

    Returns
    -------
    int

    Examples
    --------
    >>> count_workers()
    0
    """
    backend, _ = joblib.parallel.get_active_backend()
    return 0 if type(backend).__name__ in _LOCAL else max(1, int(joblib.effective_n_jobs(None)))


class WorkersEngine:
    """Sends batches to workers, each of which loads the network once.

    A worker that dies costs its batch: the scheduler of a cluster gives it to another.

    Parameters
    ----------
    spec : FeatureSpec
        The feature space.
    source : WeightsSource
        Its weights; a file must have the same path for every worker.
    n_workers : int
        Most of them.
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
        coming = iter(inputs)
        with joblib.Parallel(n_jobs=self._n_workers, batch_size=1) as workers:
            # Drawn here, in the caller's thread: an unreadable image raises where the call was made.
            while window := list(itertools.islice(coming, 2 * self._n_workers * batch_size)):
                batches = [
                    np.stack(window[i : i + batch_size]) for i in range(0, len(window), batch_size)
                ]
                for rows, versions in workers(
                    # In a tuple: joblib would put a bare array on one worker of Dask, where it
                    # is lost with that worker.
                    joblib.delayed(_rows)(self._spec, self._source, self._device, (batch,))
                    for batch in batches
                ):
                    self.versions = versions
                    yield from rows


def _rows(
    spec: FeatureSpec, source: WeightsSource, device: str, held: tuple[NDArray[np.uint8]]
) -> tuple[NDArray[np.float32], dict[str, str]]:
    (batch,) = held
    engine = load_engine(spec, source, device=device)
    return np.stack([*engine.stream(batch, len(batch))]), engine.versions
