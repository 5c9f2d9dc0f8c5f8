"""The same images give the same rows: batch size, threads, order, run, and the fold of n_jobs."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features.engines import installed_engines
from leukfeat.features.engines.keras_engine import _take_told_threads

TOLERANCE = 2e-6
"""Largest difference between rows, relative to the largest value of a row, where Keras sums in
another order: with other batch sizes and other numbers of threads."""

SCRIPT = """
import sys
import numpy as np
import leukfeat as lf
images = np.random.default_rng(0).integers(0, 256, (7, 70, 60, 3), dtype=np.uint8)
features = lf.extract_features(
    images, weights="random", layers="conv2", input_size=64, progress=False,
    engine=sys.argv[2], batch_size=int(sys.argv[3]),
)
np.save(sys.argv[1], features.X)
"""


def rows_of_a_process(folder, engine, batch_size, threads):
    path = folder / f"{engine}-{batch_size}-{threads}-{len(list(folder.iterdir()))}.npy"
    limits = dict.fromkeys(
        ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(threads)
    )
    subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), engine, str(batch_size)],
        env={**os.environ, **limits, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
        capture_output=True,
    )
    return np.load(path)


@pytest.mark.parametrize("engine", installed_engines())
def test_rows_of_other_processes_batches_and_threads(tmp_path, engine):
    first = rows_of_a_process(tmp_path, engine, 4, 1)
    assert np.array_equal(rows_of_a_process(tmp_path, engine, 4, 1), first), "another run"
    scale = np.abs(first).max()
    for batch_size, threads in ((1, 1), (7, 2)):
        other = rows_of_a_process(tmp_path, engine, batch_size, threads)
        if engine == "openvino":
            assert np.array_equal(other, first)
        assert np.abs(other - first).max() <= TOLERANCE * scale


@pytest.mark.parametrize("engine", installed_engines())
def test_rows_do_not_depend_on_order_or_company(engine):
    images = np.random.default_rng(1).integers(0, 256, (6, 70, 60, 3), dtype=np.uint8)

    def extract(part):
        return lf.extract_features(
            part,
            weights="random",
            layers="conv2",
            input_size=64,
            progress=False,
            engine=engine,
            batch_size=4,
        ).X

    whole = extract(images)
    scale = np.abs(whole).max()
    assert np.abs(extract(images[::-1])[::-1] - whole).max() <= TOLERANCE * scale
    assert np.abs(extract(images[2:3]) - whole[2:3]).max() <= TOLERANCE * scale
    assert np.array_equal(extract(images), whole)


def test_keras_computes_with_the_threads_that_schedulers_tell():
    script = (
        "import numpy as np, leukfeat as lf, tensorflow as tf\n"
        "lf.extract_features(np.zeros((1, 32, 32, 3), np.uint8), weights='random', layers='conv2',\n"
        "    input_size=32, progress=False, engine='keras')\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads())"
    )
    here = {name: value for name, value in os.environ.items() if not name.startswith("TF_NUM_")}
    told = {**here, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", script], env=told, capture_output=True, text=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize(
    ("told", "own", "taken"), [("3", None, [3]), ("3", "2", []), ("2,1", None, []), ("", None, [])]
)
def test_what_tensorflow_is_told_itself_comes_first(monkeypatch, told, own, taken):
    given = []
    tf = types.SimpleNamespace()
    tf.config = types.SimpleNamespace(threading=types.SimpleNamespace())
    tf.config.threading.set_intra_op_parallelism_threads = given.append
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if own is not None:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", own)
    _take_told_threads(tf)
    assert given == taken
