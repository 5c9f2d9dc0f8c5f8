"""The store at 10^4, 10^5 and 10^6 rows: append, open, look up 10,661 keys, read them, a subset.

    python benchmarks/store_scale.py [--rows 10000,100000] [--features 2048] [--folder FOLDER]

Rows are drawn and appended in blocks of 64, as extraction does. Each line is a store of its own;
"open" is a new reader with its index of keys, "subset" every hundredth row in a new reader.
"""

import argparse
import hashlib
import os
import shutil
import tempfile
import time

import numpy as np

from leukfeat.features.backbones import find_backbone
from leukfeat.features.feature_set import CONTROL_COLUMNS
from leukfeat.features.space import make_spec
from leukfeat.features.store import StoreReader, StoreWriter, store_path
from leukfeat.features.streaming import BLOCK_ROWS
from leukfeat.features.weights import find_weights

LOOKED_UP = 10_661


def a_spec():
    backbone = find_backbone("resnet50")
    return make_spec(
        backbone, find_weights(backbone, "random"), layers="avg_pool", pooling="avg", mask=None,
        input_size=None, crop=None, preparation=None, views=1, precision="float32",
    )  # fmt: skip


def key(i):
    return hashlib.sha256(b"row %d" % i).digest()


def as_rows(places):
    return np.frombuffer(b"".join(key(int(i)) for i in places), np.uint8).reshape(-1, 32)


def timed(call):
    started = time.perf_counter()
    found = call()
    return found, time.perf_counter() - started


def append(path, spec, n_rows, n_features, rng):
    """Append as extraction does; return the seconds of the first and of the last tenth."""
    drawn = rng.standard_normal((BLOCK_ROWS, n_features), dtype=np.float32)
    controls = np.zeros((BLOCK_ROWS, len(CONTROL_COLUMNS)), np.float32)
    marks = {}
    started = time.perf_counter()
    with StoreWriter(path, spec) as writer:
        for start in range(0, n_rows, BLOCK_ROWS):
            n = min(BLOCK_ROWS, n_rows - start)
            keys = [key(i) for i in range(start, start + n)]
            drawn[:, 0] = np.arange(start, start + BLOCK_ROWS)
            writer.append(keys, drawn[:n], controls[:n], {})
            writer.append_files([(k[::-1], k) for k in keys])
            marks[start + n] = time.perf_counter() - started
        ends = np.array(list(marks))
        tenth, last = (
            ends[np.searchsorted(ends, n_rows / 10)],
            ends[np.searchsorted(ends, n_rows * 0.9)],
        )
    rates = tenth / marks[tenth], (n_rows - last) / max(1e-9, marks[n_rows] - marks[last])
    return time.perf_counter() - started, rates


def one(folder, spec, n_rows, n_features):
    rng = np.random.default_rng(0)
    path = store_path(folder, spec)
    needed = n_rows * (4 * n_features + 200) * 1.1
    if shutil.disk_usage(folder).free < needed:
        print(f"| {n_rows} | needs {needed / 1e9:.1f} GB of disk in {folder} |")
        return
    taken, (first, last) = append(path, spec, n_rows, n_features, rng)
    places = rng.choice(n_rows, min(n_rows, LOOKED_UP), replace=False)
    wanted = as_rows(places)
    reader, opened = timed(lambda: StoreReader(path))
    with reader:
        found, looked = timed(lambda: reader.index.find(wanted))
        rows, read = timed(lambda: reader.read(found))
        files, indexed = timed(reader.file_index)
        some, sought = timed(lambda: reader.file_index({key(n_rows // 2)[::-1]}))
    assert (found == places).all()
    assert (rows.features[:, 0] == places).all()
    assert not rows.damaged.any()
    assert len(files) == n_rows
    assert len(some) == 1

    def subset():
        with StoreReader(path) as reader:
            return reader.read(np.arange(0, n_rows, 100))

    some, hundredth = timed(subset)
    assert (some.features[:, 0] == np.arange(0, n_rows, 100)).all()
    writer, opened_again = timed(lambda: StoreWriter(path, spec).__enter__())
    writer.close()
    print(
        f"| {n_rows} | {os.path.getsize(path) / 1e9:.2f} | {n_rows / taken:.0f} "
        f"({first:.0f}, {last:.0f}) | {opened:.3f} | {opened_again:.3f} | {looked:.4f} | {read:.2f} "
        f"| {hundredth:.2f} | {indexed:.2f} | {sought:.2f} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="10000,100000")
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--folder", help="where the stores are written, and removed again")
    given = parser.parse_args()
    print(
        f"rows of {given.features} float32\n\n| rows | GB | rows appended a second (first, last tenth) "
        f"| open, s | open to append, s | look {LOOKED_UP:,} up, s | read them, s "
        "| read every hundredth, s | all files, s | one file, s |\n"
        "|---|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for n_rows in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            one(folder, a_spec(), n_rows, given.features)


if __name__ == "__main__":
    main()
