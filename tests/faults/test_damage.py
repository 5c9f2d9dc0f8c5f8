"""Flipped bytes, zeroed stretches, cut files: a right row, a row computed again, or a refusal."""

import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import CacheError
from leukfeat.features.store import StoreReader
from leukfeat.features.store.maintenance import repair_store, verify_store

N = 60


@pytest.fixture
def store(jobs, images, truth, engine, tmp_path):
    lf.extract_features(images[:N], cache=tmp_path / "whole", **jobs.SETTINGS)
    (path,) = (tmp_path / "whole").glob("*.h5")
    return path


def spoil(content, draw):
    """Damage a file's content in one of the ways that disks and people know."""
    content = bytearray(content)
    kind = draw.choice(["bit", "bits", "header", "zeros", "noise", "cut", "swap"])
    if kind == "bit":
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == "bits":
        for _ in range(40):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == "header":
        content[draw.randrange(4096)] = draw.randrange(256)
    elif kind in ("zeros", "noise"):
        start = draw.randrange(len(content))
        length = min(len(content) - start, draw.choice([8, 512, 4096, 65536]))
        filling = bytes(length) if kind == "zeros" else draw.randbytes(length)
        content[start : start + length] = filling
    elif kind == "cut":
        del content[draw.randrange(len(content)) :]
    else:
        a, b = (512 * draw.randrange(len(content) // 512) for _ in range(2))
        content[a : a + 512], content[b : b + 512] = content[b : b + 512], content[a : a + 512]
    return kind, bytes(content)


def damage_often(store, jobs, images, truth, folder, seeds):
    whole = store.read_bytes()
    right = dict(zip(truth.ids.tolist(), truth.X, strict=True))
    ends = Counter()
    for seed in seeds:
        kind, content = spoil(whole, random.Random(seed))
        cache = folder / f"cache{seed}"
        cache.mkdir()
        path = cache / store.name
        path.write_bytes(content)
        try:
            with StoreReader(path) as reader:
                rows = reader.read(np.arange(len(reader.keys)))
                for i in np.flatnonzero(reader.written & ~rows.damaged):
                    name = reader.keys[i].tobytes().hex()
                    assert np.array_equal(right[name], rows.features[i]), (seed, "a wrong row")
                reader.files()
                reader.sessions()
        except CacheError as error:
            assert str(path) in str(error)  # noqa: PT017 - either end is right
            with pytest.raises(CacheError):
                repair_store(path)
            assert path.read_bytes() == content, "what cannot be used is not touched"
            ends["refused", kind] += 1
        else:
            report = verify_store(path)
            assert report.rows <= N
            try:
                features = lf.extract_features(images[:N], cache=cache, **jobs.SETTINGS)
            except CacheError:
                # Damage that shows only while appending: the next call puts it in order.
                ends["refused at first", kind] += 1
                features = lf.extract_features(images[:N], cache=cache, **jobs.SETTINGS)
            assert np.array_equal(features.X, truth.X[:N]), (seed, "wrong rows for the user")
            assert features.ids.tolist() == truth.ids[:N].tolist()
            repair_store(path)
            assert verify_store(path).is_sound
            ends["used", kind] += 1
        shutil.rmtree(cache)
    return ends


def test_damaged_stores(store, jobs, images, truth, engine, tmp_path):
    ends = damage_often(store, jobs, images, truth, tmp_path, range(40))
    assert sum(n for (end, _), n in ends.items() if end == "used") > 10, ends


@pytest.mark.slow
def test_many_damaged_stores(store, jobs, images, truth, engine, tmp_path):
    ends = damage_often(store, jobs, images, truth, tmp_path, range(1000, 2000))
    sys.stdout.write(f"{sorted(ends.items())}\n")  # shown with -s
    assert sum(ends.values()) == 1000


def test_a_damaged_row_is_computed_again_and_nothing_else(store, jobs, images, truth, engine):
    content = bytearray(store.read_bytes())
    for row in (5, 40):
        content[content.find(truth.X[row].tobytes()) + 100] ^= 1
    store.write_bytes(bytes(content))
    jobs.set_computed(0)
    features = lf.extract_features(images[:N], cache=store.parent, **jobs.SETTINGS)
    assert engine.computed() == 2
    assert np.array_equal(features.X, truth.X[:N])
    assert verify_store(store).is_sound


def test_an_image_replaced_under_the_same_size_and_time_is_noticed(jobs, engine, tmp_path):
    """The times can be set by anyone; the inode's change time cannot."""
    jobs.make_images(tmp_path / "images", 2)
    first, second = jobs.images_of(tmp_path / "images")
    content = Path(first).read_bytes(), Path(second).read_bytes()
    size = max(map(len, content))
    padded = [data + bytes(size - len(data)) for data in content]  # PNG ends where it says
    long_ago = 1_600_000_000
    for path, data in zip((first, second), padded, strict=True):
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (long_ago, long_ago))
    before = lf.extract_features([first, second], cache=tmp_path / "c", **jobs.SETTINGS)
    with open(first, "r+b") as file:  # the same inode, even
        file.write(padded[1])
    os.utime(first, (long_ago, long_ago))
    after = lf.extract_features([first, second], cache=tmp_path / "c", **jobs.SETTINGS)
    assert after.ids[0] == after.ids[1] == before.ids[1] != before.ids[0]
    assert np.array_equal(after.X[0], before.X[1])


def test_what_is_read_first_lies_under_a_checksum(store):
    """HDF5's heap of variable-length text has none, and some damage there is an endless loop."""
    content = store.read_bytes()
    assert b"GCOL" not in content
    at = content.index(b"leukfeat-features")
    store.write_bytes(content[:at] + b"L" + content[at + 1 :])
    with pytest.raises(CacheError):
        StoreReader(store)
