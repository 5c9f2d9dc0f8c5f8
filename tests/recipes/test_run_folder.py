"""A stored fold is the fold that was stored, or an error: never another one."""

import random

import numpy as np
import pytest

from leukfeat.evaluation import Predictions
from leukfeat.recipes.run_folder import Fold, RunFolder

N = 40
ARRAYS = ("y", "predicted", "scores", "subjects", "ids", "cells", "repeat", "fold")


@pytest.fixture
def fold():
    return Predictions(
        y=np.arange(N) % 2,
        predicted=np.arange(N) % 2,
        scores=np.random.default_rng(0).random((N, 2)),
        subjects=np.array([f"s{i}" for i in range(N)], object),
        ids=np.array([f"{i:064x}" for i in range(N)]),
        cells=np.arange(N),
        repeat=np.zeros(N, int),
        fold=np.zeros(N, int),
        class_names=("a", "b"),
        positive="b",
    )


def refuse():
    pytest.fail("computed again")


def test_a_damaged_fold_is_never_another_one(fold, tmp_path):
    folder = RunFolder(tmp_path)
    folder.fold(("key",), lambda: Fold({"head": fold}, 1.0, {"columns": 3}))
    (path,) = tmp_path.glob("fold-*.npz")
    content = path.read_bytes()
    draw = random.Random(0)
    ends = {"refused": 0, "right": 0}
    for i in range(900):
        damaged = bytearray(content)
        if i % 3:
            damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        else:
            del damaged[draw.randrange(len(damaged)) :]
        path.write_bytes(damaged)
        try:
            found, seconds, facts, _ = folder.fold(("key",), refuse)
        except ValueError as error:
            assert "is no stored fold of a recipe" in str(error)  # noqa: PT017 - either end is right
            assert str(path) in str(error)  # noqa: PT017
            ends["refused"] += 1
            continue
        assert (seconds, facts) == (1.0, {"columns": 3})
        for name in ARRAYS:
            assert np.array_equal(getattr(found["head"], name), getattr(fold, name)), (i, name)
        assert found["head"].class_names == ("a", "b")
        ends["right"] += 1
    assert ends["refused"] > 600, ends


@pytest.mark.parametrize("content", [b"", b"[", b"\xff", b"null", b"[" * 100_000, b"{}"])
def test_a_damaged_time_is_named(tmp_path, content):
    folder = RunFolder(tmp_path)
    assert folder.first_time(("key",), 2.5) == 2.5
    assert folder.first_time(("key",), 7.0) == 2.5
    (path,) = tmp_path.glob("time-*.json")
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no stored time") as error:
        folder.first_time(("key",), 1.0)
    assert str(path) in str(error.value)
