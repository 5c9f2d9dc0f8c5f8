"""Extraction by two Dask workers of one core against one worker of one core: images a second.

    python benchmarks/two_workers.py [--images 400] [--weights random|FILE] [--backbone resnet50]

The scheduler, the client and the workers are processes of this machine, connected by TCP; each
worker is bound to a core of its own, and this process reads, sends and writes on both.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import distributed
import joblib
import numpy as np

import leukfeat as lf


def bind(cores, dask_worker):
    """Bind a worker to the core of its number."""
    core = cores[int(dask_worker.name) % len(cores)]
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), {core})
    return core


def extraction(images, n_workers, folder, settings):
    """Return rows and seconds of an extraction after the workers have loaded the network."""
    cores = sorted(os.sched_getaffinity(0))
    with (
        distributed.LocalCluster(
            n_workers=n_workers, threads_per_worker=1, processes=True, protocol="tcp://",
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):  # fmt: skip
        client.run(bind, cores)
        own = {"progress": False, "batch_size": 8, **settings}
        lf.extract_features(
            images[: 64 * n_workers], cache=Path(folder, f"first{n_workers}"), **own
        )
        started = time.perf_counter()
        rows = lf.extract_features(images, cache=Path(folder, f"all{n_workers}"), **own)
        return rows.X, time.perf_counter() - started


def measure(n_images, weights, backbone):
    """Yield ``(workers, images a second, whether the rows are those of one worker)``."""
    rng = np.random.default_rng(0)
    images = [*rng.integers(0, 256, (n_images, 224, 224, 3), dtype=np.uint8)]
    settings = {"weights": weights, "backbone": backbone}
    first = None
    with tempfile.TemporaryDirectory() as folder:
        for n_workers in (1, 2):
            rows, taken = extraction(images, n_workers, folder, settings)
            first = rows if first is None else first
            yield n_workers, n_images / taken, bool(np.array_equal(rows, first))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--weights", default="random")
    parser.add_argument("--backbone", default="resnet50")
    given = parser.parse_args()
    print(f"{given.images} images in memory, {given.backbone} at 224 x 224, workers of one core\n")
    print("| workers | images/s | against one | rows equal to the bit |\n|---|---|---|---|")
    one = None
    for n_workers, rate, same in measure(given.images, given.weights, given.backbone):
        one = one or rate
        print(f"| {n_workers} | {rate:.1f} | {rate / one:.2f} | {same} |", flush=True)


if __name__ == "__main__":
    main()
