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
            dashboard_address=None,
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


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--weights", default="random")
    parser.add_argument("--backbone", default="resnet50")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    images = [*rng.integers(0, 256, (given.images, 224, 224, 3), dtype=np.uint8)]
    settings = {"weights": given.weights, "backbone": given.backbone}
    rates, found = [], []
    print(f"{given.images} images in memory, {given.backbone} at 224 x 224, workers of one core\n")
    print("| workers | images/s | against one |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for n_workers in (1, 2):
            rows, seconds = extraction(images, n_workers, folder, settings)
            found.append(rows)
            rates.append(given.images / seconds)
            print(f"| {n_workers} | {rates[-1]:.1f} | {rates[-1] / rates[0]:.2f} |", flush=True)
    print(f"\nrows equal to the bit: {np.array_equal(*found)}")


if __name__ == "__main__":
    main()
