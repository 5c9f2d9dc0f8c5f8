"""The targets of the fuzzers, given their seeds and a few hundred mutations of them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def targets():
    place = importlib.util.spec_from_file_location(
        "targets", Path(__file__).with_name("targets.py")
    )
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module.TARGETS


def mutated(seed, generator):
    content = bytearray(seed)
    for _ in range(generator.integers(1, 5)):
        place = int(generator.integers(1, max(2, len(content))))
        kind = generator.integers(4)
        if kind == 0:
            del content[place:]
        elif kind == 1:
            content[place:place] = generator.bytes(int(generator.integers(1, 9)))
        elif place < len(content):
            content[place] ^= 1 << int(generator.integers(8))
    return bytes(content)


@pytest.mark.parametrize("name", ["reader", "store", "model"])
def test_seeds_and_mutations_are_read_or_refused(targets, name, monkeypatch, tmp_path):
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path))
    target = targets[name]()
    generator = np.random.default_rng(0)
    try:
        seeds = list(target.seeds())
        assert len(seeds) >= 6
        for data in [b"", b"\0", *seeds, *(mutated(s, generator) for s in seeds * 4)]:
            target.one_input(data)
    finally:
        target.close()
