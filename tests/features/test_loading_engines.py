"""Engines are loaded once, also by threads that ask at the same time."""

import collections
import dataclasses
import os
import sys
import threading
import time
import types

import pytest

from leukfeat.features.engines import choice, workers
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import WeightsSource

SOURCE = WeightsSource("random", "random-normal-1:0", seed=0)
SPEC = FeatureSpec(weights="random", weights_digest=SOURCE.digest)


@pytest.fixture
def made(monkeypatch):
    """Engines that take a moment to load; the specs that were loaded."""
    specs = []

    def make(spec, source, device):
        specs.append(spec)
        time.sleep(0.05)
        return object()

    monkeypatch.setattr(choice, "_make", make)
    monkeypatch.setattr(choice, "_loaded", collections.OrderedDict())
    return specs


def test_threads_that_ask_for_one_network_share_it(made):
    got = []
    threads = [
        threading.Thread(target=lambda: got.append(choice.load_engine(SPEC, SOURCE)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(got) == 4
    assert len(set(map(id, got))) == 1


def test_the_last_two_stay_loaded(made):
    conv2, conv3, conv4 = (
        dataclasses.replace(SPEC, layers=(f"conv{i}",), preparation=None) for i in (2, 3, 4)
    )
    for spec in (conv2, conv3, conv2, conv4, conv2, conv3):
        choice.load_engine(spec, SOURCE)
    assert made == [conv2, conv3, conv4, conv3]


@pytest.mark.parametrize(
    ("told", "after"), [("1", "2"), ("4", "4"), (None, None), ("1,1", "1,1"), ("", "")]
)
def test_a_worker_takes_its_threads_and_leaves_what_is_no_number(monkeypatch, told, after):
    worker = types.SimpleNamespace(state=types.SimpleNamespace(nthreads=2))
    distributed = types.ModuleType("distributed")
    distributed.get_worker = lambda: worker
    monkeypatch.setitem(sys.modules, "distributed", distributed)
    monkeypatch.setenv("OMP_NUM_THREADS", told or "")
    if told is None:
        monkeypatch.delenv("OMP_NUM_THREADS")
    workers._take_threads_of_worker()
    assert os.environ.get("OMP_NUM_THREADS") == after
