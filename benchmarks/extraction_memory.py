"""Peak memory of extracting few and many images: it must not grow with their number.

    python benchmarks/extraction_memory.py [--counts 1000,20000] [--backbone mobilenetv2]
        [--engine openvino] [--size 64]

Small images are drawn and written as PNG first. Each count is a process of its own, from import to
cached rows; what it returns (rows, labels, controls in memory) is counted with the rest.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RUN = """
import resource, sys, glob
import leukfeat as lf
folder, count, cache, backbone, engine = sys.argv[1:]
paths = sorted(glob.glob(folder + "/*.png"))[: int(count)]
def megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
settings = dict(cache=cache, backbone=backbone, weights="random", engine=engine, progress=False)
lf.extract_features(paths[:64], **settings)
loaded = megabytes()
features = lf.extract_features(paths, **settings)
print(loaded, megabytes(), features.X.nbytes / 2**20, len(features))
"""


def draw(folder, n_images, size):
    import cv2

    rng = np.random.default_rng(0)
    for i in range(n_images):
        small = rng.integers(0, 256, (size // 8, size // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{i:06d}.png"), cv2.resize(small, (size, size)))


def measure(counts, backbone, engine, size=64):
    """Yield ``(images, seconds, MB after the first 64, MB at most, MB of rows returned)``."""
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder), max(counts), size)

        def run(count):
            cache = str(Path(folder, f"cache{count}"))
            command = [sys.executable, "-c", RUN, folder, str(count), cache, backbone, engine]
            return subprocess.run(command, check=True, capture_output=True, text=True)

        # Converting the network takes TensorFlow and its memory, once: else the first count pays.
        run(1)
        for count in counts:
            started = time.perf_counter()
            said = run(count)
            taken = time.perf_counter() - started
            loaded, peak, rows, n = map(float, said.stdout.split())
            assert n == count
            yield count, taken, loaded, peak, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1000,20000")
    parser.add_argument("--backbone", default="mobilenetv2")
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--size", type=int, default=64, help="of the images, in pixels")
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    print(f"{given.backbone}, {given.engine}, files of {given.size} x {given.size}\n")
    print("| images | s | after 64, MB | peak, MB | rows returned, MB |\n|---|---|---|---|---|")
    peaks = []
    for count, taken, loaded, peak, rows in measure(
        counts, given.backbone, given.engine, given.size
    ):
        peaks.append(peak)
        print(f"| {count} | {taken:.0f} | {loaded:.0f} | {peak:.0f} | {rows:.0f} |", flush=True)
    print(f"\n{peaks[-1] - peaks[0]:.0f} MB apart")


if __name__ == "__main__":
    main()
