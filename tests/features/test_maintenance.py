"""Stores are listed, verified, repaired, pruned and merged; a good row is never lost by it."""

import datetime
import hashlib
import os

import h5py
import numpy as np
import pytest

from leukfeat.exceptions import CacheError, SpecMismatchError
from leukfeat.features.image_keys import image_keys
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.layout import open_for_appending
from leukfeat.features.store.maintenance import (
    find_stores,
    list_stores,
    merge_stores,
    prune_rows,
    remove_store,
    repair_store,
    verify_store,
)

SPEC = FeatureSpec(weights_digest="test")
WIDTH = 16


def block(first, n, width=WIDTH):
    keys = [hashlib.sha256(b"%d" % i).digest() for i in range(first, first + n)]
    rows = [np.random.default_rng(i).standard_normal(width) for i in range(first, first + n)]
    controls = [np.random.default_rng(i).random(18) for i in range(first, first + n)]
    return keys, np.array(rows, np.float32), np.array(controls, np.float32)


def fill(path, *spans, spec=SPEC, width=WIDTH):
    with StoreWriter(str(path), spec) as writer:
        for first, n in spans:
            keys, rows, controls = block(first, n, width)
            writer.append(keys, rows, controls, {"keras": "3"})
            writer.append_files([(b"\xff" + key[1:], key) for key in keys])
    return str(path)


def holds(path, first, n, width=WIDTH):
    keys, features, controls = block(first, n, width)
    wanted = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32)
    with StoreReader(path) as store:
        places = store.index.find(wanted)
        if (places < 0).any():
            return False
        rows = store.read(places)
        files = store.files()
    return (
        np.array_equal(rows.features, features)
        and np.array_equal(rows.controls, controls)
        and not rows.damaged.any()
        and all(files.get(b"\xff" + key[1:]) == key for key in keys)
    )


def damage(path, row):
    """Flip one bit of a row's features."""
    with open(path, "r+b") as file:
        content = file.read()
        at = content.find(block(row, 1)[1].tobytes())
        assert at > 0
        file.seek(at)
        file.write(bytes([content[at] ^ 1]))


def kill_a_writer(path):
    pid = os.fork()
    if pid == 0:
        file = open_for_appending(path)
        file["features"].resize(90, axis=0)
        file["features"].flush()
        os._exit(9)
    os.waitpid(pid, 0)


def test_a_folder_is_listed_with_what_cannot_be_used(tmp_path):
    fill(tmp_path / "b.h5", (0, 5))
    fill(tmp_path / "b.h5", (5, 2))
    (tmp_path / "a.h5").write_bytes(b"no store")
    (tmp_path / "notes.txt").write_text("not looked at")
    bad, good = list_stores(tmp_path)
    assert "cannot be opened" in bad.problem
    assert (good.rows, good.n_features, good.spec, good.problem) == (7, WIDTH, SPEC, None)
    assert good.bytes == os.path.getsize(tmp_path / "b.h5")
    assert [session["keras"] for session in good.sessions] == ["3", "3"]
    assert datetime.datetime.fromisoformat(good.created).tzinfo is not None
    assert not good.is_open
    assert [store.path for store in list_stores(tmp_path / "b.h5")] == [str(tmp_path / "b.h5")]
    with pytest.raises(CacheError, match="No such file"):
        find_stores(tmp_path / "missing")


def test_a_sound_store_is_sound(tmp_path):
    report = verify_store(fill(tmp_path / "s.h5", (0, 70)))
    assert report.is_sound
    assert (report.rows, report.damaged_rows, report.unfinished, report.unknown_origin) == (
        70,
        0,
        0,
        0,
    )
    with StoreReader(tmp_path / "s.h5") as store:
        assert report.content_digest == store.content_digest()


def test_damage_is_found_reported_by_place_and_repaired(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 70))
    for row in (3, 4, 66):
        damage(path, row)
    report = verify_store(path)
    assert not report.is_sound
    assert report.damaged_blocks == [(3, 4), (66, 66)]
    assert report.rows == 67
    repaired = repair_store(path)
    assert (repaired.rewritten, repaired.rows_kept, repaired.rows_dropped) == (True, 67, 3)
    assert verify_store(path).is_sound
    assert verify_store(path).content_digest == report.content_digest
    assert holds(path, 0, 3)
    assert holds(path, 5, 61)
    assert holds(path, 67, 3)
    again = repair_store(path)
    assert (again.rewritten, again.rows_kept, again.rows_dropped) == (False, 67, 0)


def test_a_part_that_hdf5_cannot_read_costs_only_its_rows(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 1000), width=2048)
    content = bytearray((tmp_path / "s.h5").read_bytes())
    # Signature of the blocks that hold the addresses of chunks.
    at = content.rfind(b"EADB")
    content[at + 20] ^= 0xFF
    (tmp_path / "s.h5").write_bytes(bytes(content))
    report = verify_store(path)
    assert 0 < report.damaged_rows < 1000
    assert report.rows == 1000 - report.damaged_rows
    assert repair_store(path).rows_kept == report.rows
    keys, features, _ = block(0, 1000, 2048)
    bad = {i for a, b in report.damaged_blocks for i in range(a, b + 1)}
    with StoreReader(path) as store:
        places = store.index.find(np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32))
        assert set(np.flatnonzero(places < 0)) == bad
        kept = places >= 0
        assert np.array_equal(store.read(places[kept]).features, features[kept])


def test_a_killed_writers_store_is_recovered(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 10))
    kill_a_writer(path)
    (tmp_path / ".s.h5.0123.tmp").write_bytes(b"half")
    report = verify_store(path)
    assert report.is_open
    assert report.is_sound
    assert len(report.leftovers) == 1
    repaired = repair_store(path)
    assert repaired.rewritten
    assert repaired.rows_kept == 10
    assert {p.name for p in tmp_path.iterdir()} <= {"s.h5", ".s.h5.lock"}
    assert not verify_store(path).is_open
    assert holds(path, 0, 10)


def test_what_is_beyond_repair_is_said(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 10))
    with open(path, "r+b") as file:
        file.write(bytes(64))
    with pytest.raises(CacheError, match=r"s\.h5"):
        repair_store(path)
    assert os.path.getsize(path) > 1000


def test_rows_twice_are_found_and_reduced_to_one(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 6))
    fill(path, (2, 2))  # a writer that did not look
    assert verify_store(path).duplicates == 2
    assert repair_store(path).rows_kept == 6
    assert holds(path, 0, 6)
    assert verify_store(path).is_sound


def test_rows_of_other_images_are_pruned(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 100))
    keep = set(block(10, 20)[0]) | {bytes(31) + b"\1"}
    dry = prune_rows(path, keep=keep, dry_run=True)
    assert (dry.rows_removed, dry.rows_kept) == (80, 20)
    assert holds(path, 0, 100)
    done = prune_rows(path, keep=keep)
    assert (done.rows_removed, done.rows_kept) == (80, 20)
    assert holds(path, 10, 20)
    with StoreReader(path) as store:
        assert len(store) == len(store.files()) == 20


def test_old_rows_are_pruned_and_those_of_unknown_age_kept(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 4))
    fill(path, (4, 3))
    fill(path, (7, 2))
    with h5py.File(path, "r+", libver="latest") as file:
        texts = file["sessions"][()]
        file["sessions"][0] = texts[0].replace(b'"started": "2', b'"started": "1')
        file["sessions"][2] = b"not json"
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    assert prune_rows(path, before=now - day).rows_removed == 4
    assert holds(path, 4, 5)
    assert prune_rows(path, before=now + day).rows_removed == 3
    assert holds(path, 7, 2)
    with pytest.raises(ValueError, match="time zone"):
        prune_rows(path, before=datetime.datetime(2020, 1, 1))
    with pytest.raises(ValueError, match="'keep' or 'before'"):
        prune_rows(path)


def test_a_row_goes_only_if_it_is_both_unused_and_old(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 4))
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    assert prune_rows(path, keep=set(block(0, 4)[0]), before=soon).rows_removed == 0
    assert prune_rows(path, keep=set(block(0, 1)[0]), before=soon).rows_removed == 3


def test_a_whole_store_is_removed_but_nothing_that_is_none(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 4))
    assert remove_store(path, dry_run=True).rows_removed == 4
    assert os.path.exists(path)
    assert remove_store(path).rows_removed == 4
    assert not os.path.exists(path)
    precious = tmp_path / "precious.h5"
    with h5py.File(precious, "w") as file:
        file["a"] = 1
    with pytest.raises(CacheError, match="not a feature store"):
        remove_store(precious)
    assert precious.exists()


def test_stores_of_one_space_are_merged_with_their_origin(tmp_path):
    a = fill(tmp_path / "a.h5", (0, 50))
    b = fill(tmp_path / "b.h5", (30, 60), (200, 5))
    c = fill(tmp_path / "c.h5", (85, 20))
    report = merge_stores([b, c], a)
    assert (report.rows, report.rows_added) == (110, 60)
    assert (report.rows_shared, report.rows_differing) == (25, 0)
    assert holds(a, 0, 105)
    assert holds(a, 200, 5)
    assert verify_store(a).is_sound
    assert verify_store(a).unknown_origin == 0
    assert list_stores(a)[0].rows == 110
    assert len(list_stores(a)[0].sessions) == 3
    # Order does not matter for what is held, and the sources are as they were.
    other = merge_stores([c, b, tmp_path / "new.h5", a][:2], tmp_path / "new.h5")
    assert other.rows == 80
    assert holds(b, 30, 60)
    both = merge_stores([a], tmp_path / "new.h5")
    assert both.rows_added == 30
    assert verify_store(tmp_path / "new.h5").content_digest == verify_store(a).content_digest


def test_a_row_that_three_stores_hold_is_shared_once(tmp_path):
    a = fill(tmp_path / "a.h5", (0, 10))
    b = fill(tmp_path / "b.h5", (0, 10))
    c = fill(tmp_path / "c.h5", (5, 10))
    report = merge_stores([b, c], a)
    assert (report.rows, report.rows_shared, report.rows_differing) == (15, 10, 0)


def test_another_space_is_refused_by_name_and_nothing_changes(tmp_path):
    a = fill(tmp_path / "a.h5", (0, 5))
    b = fill(tmp_path / "b.h5", (5, 5), spec=FeatureSpec(weights_digest="test", crop=224))
    before = verify_store(a).content_digest
    with pytest.raises(SpecMismatchError, match="crop: None != 224"):
        merge_stores([b], a)
    with pytest.raises(SpecMismatchError, match="crop"):
        merge_stores([a, b], tmp_path / "new.h5")
    assert not (tmp_path / "new.h5").exists()
    assert verify_store(a).content_digest == before
    with pytest.raises(ValueError, match="'sources'"):
        merge_stores([], a)


def test_rows_that_contradict_each_other_stop_a_merge(tmp_path):
    a = fill(tmp_path / "a.h5", (0, 5))
    keys, rows, controls = block(0, 5)
    near, wrong = tmp_path / "near.h5", tmp_path / "wrong.h5"
    for path, values in ((near, rows * np.float32(1.000001)), (wrong, rows[::-1])):
        with StoreWriter(str(path), SPEC) as writer:
            writer.append(keys, values, controls, {})
    report = merge_stores([near], a)
    assert report.rows_differing == 5
    assert 0 < report.largest_difference < 1e-5
    assert holds(a, 0, 5)
    with pytest.raises(CacheError, match="one of them is wrong"):
        merge_stores([wrong], a)
    assert holds(a, 0, 5)


def test_damaged_rows_do_not_travel(tmp_path):
    a = fill(tmp_path / "a.h5", (0, 5))
    b = fill(tmp_path / "b.h5", (3, 7))
    damage(a, 3)
    damage(b, 8)
    report = merge_stores([b], a)
    assert report.rows_damaged == 2
    assert report.rows == 9
    assert report.rows_added == 5
    assert holds(a, 0, 8)
    assert holds(a, 9, 1)


def test_image_keys_are_those_of_the_store(write_images, engine, tmp_path):
    import leukfeat as lf

    paths = write_images(6)
    features = lf.extract_features(paths, cache=tmp_path / "c.h5", weights="random", progress=False)
    with StoreReader(tmp_path / "c.h5") as store:
        files = store.files()
    for known in (None, files):
        keys, problems = image_keys([*paths[:4], str(tmp_path / "missing.png")], known)
        assert {key.hex() for key in keys} == set(features.ids[:4])
        assert len(problems) == 1
    assert prune_rows(tmp_path / "c.h5", keep=keys).rows_kept == 4
