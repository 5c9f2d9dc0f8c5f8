"""A store that lacks its end is called damaged everywhere, and nothing of it is thrown away."""

import hashlib
import json
import logging

import numpy as np
import pytest
from typer.testing import CliRunner

from leukfeat.cli.app import app
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.maintenance import merge_stores, repair_store, verify_store

N, WIDTH = 120, 2048
SPEC = FeatureSpec(weights_digest="test")


def rows(first, n):
    keys = [hashlib.sha256(b"%d" % i).digest() for i in range(first, first + n)]
    draw = np.random.default_rng(first)
    features = draw.standard_normal((n, WIDTH)).astype(np.float32)
    return keys, features, draw.random((n, 18)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "s.h5"
    with StoreWriter(str(path), SPEC) as writer:
        for first in range(0, N, 40):
            writer.append(*rows(first, 40), {"keras": "3"})
    return path


def cut(whole, share, folder):
    path = folder / "s.h5"
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def held(path, whole):
    """Return how many rows of a store are those of the whole one, bit by bit; all must be."""
    with StoreReader(str(whole)) as right, StoreReader(str(path)) as store:
        found = store.read(np.arange(len(store.keys)))
        assert not found.damaged.any()
        truth = right.read(right.index.find(store.keys))
        assert np.array_equal(found.features, truth.features)
        return len(store)


def run(*arguments, code):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize(
    ("share", "kept"), [(0.1, 0), (0.3, 0), (0.45, 0), (0.51, 0), (0.58, 68), (0.9, 113), (0.99, N)]
)
def test_verify_says_so_and_repair_keeps_the_rows_and_the_file(whole, tmp_path, share, kept):
    path = cut(whole, share, tmp_path)
    content = path.read_bytes()
    report = verify_store(path)
    assert not report.is_sound
    assert report.missing_bytes == len(whole.read_bytes()) - len(content)
    assert (
        f"cut short by {report.missing_bytes} bytes" in run("cache", "verify", path, code=1).output
    )
    repaired = run("cache", "repair", path, code=0).output
    assert held(path, whole) == kept
    assert verify_store(path).is_sound
    aside = tmp_path / "s.h5.damaged"
    assert aside.read_bytes() == content
    assert str(aside) in repaired


def test_the_copy_of_an_earlier_repair_stays(whole, tmp_path):
    for name in ("s.h5.damaged", "s.h5.damaged-2"):
        path = cut(whole, 0.6, tmp_path)
        assert repair_store(path).kept_aside == str(tmp_path / name)
    assert repair_store(path).kept_aside is None


def test_doctor_list_and_merge_say_so_too(whole, tmp_path):
    path = cut(whole, 0.6, tmp_path)
    assert "cut short" in run("cache", "ls", tmp_path, code=1).output
    assert "cut short" in run("doctor", "--cache", tmp_path, code=1).output
    found = json.loads(run("doctor", "--cache", tmp_path, "--json", code=1).stdout)
    assert list(found["stores"]["cut_short"]) == [str(path)]
    merged = tmp_path / "merged.h5"
    assert f"{path} is cut short" in run("cache", "merge", path, "--into", merged, code=1).output
    assert held(merged, whole) == verify_store(path).rows
    assert merge_stores([merged], tmp_path / "again.h5").cut_short == []


def test_a_writer_keeps_the_cut_file_aside_before_it_goes_on(whole, tmp_path, caplog):
    path = cut(whole, 0.51, tmp_path)
    content = path.read_bytes()
    with caplog.at_level(logging.WARNING, "leukfeat"), StoreWriter(str(path), SPEC) as writer:
        writer.append(*rows(N, 8), {})
    assert "cut short" in caplog.text
    assert (tmp_path / "s.h5.damaged").read_bytes() == content
    report = verify_store(path)
    assert (report.is_sound, report.rows) == (True, 8)


def test_rows_that_lost_their_key_are_damage(whole, tmp_path):
    path = tmp_path / "s.h5"
    content = whole.read_bytes()
    key = rows(0, 1)[0][0]
    path.write_bytes(content.replace(key, bytes(len(key))))
    report = verify_store(path)
    assert (report.is_sound, report.rows, report.rows_without_key) == (False, N - 1, 1)
    assert "1 rows have lost the name" in run("cache", "verify", path, code=1).output
    assert repair_store(path).rows_kept == N - 1
    assert verify_store(path).is_sound
