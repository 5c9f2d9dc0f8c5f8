"""The store's file: what is written is what is read, and nothing else is taken for it."""

import os
import tracemalloc

import h5py
import numpy as np
import pytest

from leukfeat.exceptions import CacheError
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter, store_path
from leukfeat.features.store.file_index import FileIndex
from leukfeat.features.store.layout import is_marked_as_written_to, open_for_appending
from leukfeat.features.store.rewriting import create_store, rewrite_store
from leukfeat.features.store.row_index import RowIndex

SPEC = FeatureSpec(weights_digest="test")


def block(first, n, n_features=16):
    generator = np.random.default_rng(first)
    keys = [bytes([1]) + int(first + i).to_bytes(31, "big") for i in range(n)]
    features = generator.standard_normal((n, n_features)).astype(np.float32)
    return keys, features, generator.random((n, 18)).astype(np.float32)


def fill(path, *spans):
    with StoreWriter(str(path), SPEC) as writer:
        for first, n in spans:
            writer.append(*block(first, n), {"keras": "3"})
    return str(path)


def wanted(keys):
    return np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32)


def test_rows_come_back_in_any_order(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 64), (64, 64), (128, 9))
    parts = zip(block(0, 64), block(64, 64), strict=True)
    all_keys = block(0, 64)[0] + block(64, 64)[0]
    _, features, controls = (np.concatenate(part) for part in parts)
    order = np.random.default_rng(0).permutation(128)
    with StoreReader(path) as reader:
        assert len(reader) == 137
        assert reader.n_features == 16
        assert reader.spec == SPEC
        rows = reader.read(reader.index.find(wanted([all_keys[i] for i in order])))
        again = reader.read(np.array([5, 5, 3]))
    assert np.array_equal(rows.features, features[order])
    assert np.array_equal(rows.controls, controls[order])
    assert not rows.damaged.any()
    assert np.array_equal(again.features, features[[5, 5, 3]])


def test_rows_that_lie_far_apart_are_read_alone(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 3000))
    _, features, controls = block(0, 3000)
    places = np.array([2999, 0, 7, 7, 500, 1023, 1024, 2047, 516, 517, 533, 0])
    with StoreReader(path) as reader:
        assert reader._file.id.get_access_plist().get_cache()[2] == 0  # no whole chunk for one row
        rows = reader.read(places)
    assert np.array_equal(rows.features, features[places])
    assert np.array_equal(rows.controls, controls[places])
    assert not rows.damaged.any()


def test_content_digest_does_not_depend_on_order_or_blocks(tmp_path):
    digests = []
    for name, spans in {"a": [(0, 5), (5, 60)], "b": [(5, 60), (0, 5)], "c": [(0, 4)]}.items():
        path = tmp_path / f"{name}.h5"
        with StoreWriter(str(path), SPEC) as writer:
            for span in spans:
                writer.append(*block(*span), {})
        with StoreReader(path) as reader:
            digests.append(reader.content_digest())
    assert digests[0] == digests[1] != digests[2]


def test_sessions_say_what_computed_the_rows(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 3))
    fill(path, (3, 3))
    with StoreReader(path) as reader:
        first, second = reader.sessions()
    assert '"keras": "3"' in first
    assert "processor" in second
    with h5py.File(path, "r") as file:
        assert file["session"][()].tolist() == [0, 0, 0, 1, 1, 1]


def test_a_store_is_put_in_place_whole(tmp_path, monkeypatch):
    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("leukfeat.features.store.rewriting.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        create_store(str(tmp_path / "s.h5"), SPEC, 4)
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_writer_leaves_a_store_that_is_read_and_recovered(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 10))
    assert not is_marked_as_written_to(path)
    # What a killed process leaves: rows beyond the last key, and the mark in the superblock.
    pid = os.fork()
    if pid == 0:
        file = open_for_appending(path)
        file["features"].resize(90, axis=0)
        file["features"][10:] = 7
        file["features"].flush()
        os._exit(9)
    os.waitpid(pid, 0)
    assert is_marked_as_written_to(path)
    (tmp_path / ".s.h5.leftover.tmp").write_bytes(b"half a file")
    with StoreReader(path) as reader:
        assert len(reader) == 10
    fill(path, (10, 5))
    assert not is_marked_as_written_to(path)
    assert {p.name for p in tmp_path.iterdir()} <= {"s.h5", ".s.h5.lock"}
    with StoreReader(path) as reader:
        rows = reader.read(np.arange(15))
        assert len(reader) == 15
    assert not rows.damaged.any()
    assert np.array_equal(rows.features[:10], block(0, 10)[1])
    assert np.array_equal(rows.features[10:], block(10, 5)[1])


def test_rewriting_leaves_out_damaged_and_dropped_rows(tmp_path):
    path = fill(tmp_path / "s.h5", (0, 8))
    keys, features, _ = block(0, 8)
    content = bytearray((tmp_path / "s.h5").read_bytes())
    content[content.find(features[6].tobytes()) + 1] ^= 4
    (tmp_path / "s.h5").write_bytes(bytes(content))
    with StoreReader(path) as reader:
        assert np.flatnonzero(reader.read(np.arange(8)).damaged).tolist() == [6]
    assert rewrite_store(path, {keys[1], b"unknown"}).rows == 6
    with StoreReader(path) as reader:
        assert reader.index.find(wanted(keys)).tolist() == [0, -1, 1, 2, 3, 4, -1, 5]


def test_keys_that_begin_alike_are_told_apart(tmp_path):
    keys = [bytes([9]) * 31 + bytes([i]) for i in range(5)]
    with StoreWriter(str(tmp_path / "s.h5"), SPEC) as writer:
        writer.append(keys, *block(0, 5)[1:], {})
    with StoreReader(tmp_path / "s.h5") as reader:
        assert reader.index.find(wanted(keys[::-1])).tolist() == [4, 3, 2, 1, 0]
        assert reader.index.find(wanted([bytes([9]) * 32])).tolist() == [-1]
        assert [reader.index.find_one(key) for key in keys] == [0, 1, 2, 3, 4]
        for absent in (bytes([9]) * 32, bytes(32), bytes([9]) * 7 + bytes(25), bytes([255]) * 32):
            assert reader.index.find_one(absent) == -1


def test_files_are_looked_up_whether_all_are_kept_or_those_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("leukfeat.features.store.reader._FILES_WINDOW", 7)
    keys, features, controls = block(0, 40)
    digests = [key[::-1] for key in keys]
    stranger = bytes([2]) * 32
    with StoreWriter(str(tmp_path / "s.h5"), SPEC) as writer:
        writer.append(keys, features, controls, {})
        writer.append_files(list(zip(digests, keys, strict=True)))
        # Of a row that was dropped, of a killed writer, and one that is there twice.
        writer.append_files([(stranger, stranger), (stranger[:31] + b"x", bytes(32))])
        writer.append_files([(bytes(32), keys[0]), (digests[3], keys[3])])
    with StoreReader(tmp_path / "s.h5") as reader:
        assert reader.n_files == 44
        everything = reader.file_index()
        assert [everything.get(digest) for digest in digests] == keys
        few = reader.file_index({digests[3], digests[20], stranger})
        assert len(few) == 3
        assert (few.get(digests[3]), few.get(digests[20])) == (keys[3], keys[20])
        assert few.get(digests[4]) is None
        for files in (everything, few, reader.file_index(set())):
            for absent in (stranger, stranger[:31] + b"x", bytes(32), bytes([3]) * 32):
                assert files.get(absent) is None


def test_looking_one_file_up_among_a_million_takes_no_memory_for_the_others():
    keys = np.frombuffer(np.random.default_rng(0).bytes(32 << 10), np.uint8).reshape(-1, 32)
    index = RowIndex(keys)

    def entries():
        draw = np.random.default_rng(1)
        for start in range(0, 1_000_000, 20_000):
            digests = np.frombuffer(draw.bytes(20_000 * 32), np.uint8).reshape(-1, 32)
            yield np.hstack([digests, keys[np.arange(start, start + 20_000) % len(keys)]])

    digest = next(entries())[12_345, :32].tobytes()
    tracemalloc.start()
    try:
        files = FileIndex(entries(), keys, index, asked={digest})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert files.get(digest) == keys[12_345 % len(keys)].tobytes()
    assert peak < 10e6  # 64 MB of entries went by


def foreign_plain(path):
    with h5py.File(path, "w") as file:
        file["features"] = np.zeros((3, 4))


def foreign_text(path):
    path.write_text("an,honest,csv\n")


def foreign_empty(path):
    path.write_bytes(b"")


def newer_format(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 99


def other_digest(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        file.attrs["spec"] = FeatureSpec(weights_digest="other").to_json()


def newer_spec(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        file.attrs["spec"] = '{"version": 99}'


def missing_dataset(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        del file["key"]


def external_link(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        del file["key"]
        file["key"] = h5py.ExternalLink("/etc/hostname", "/key")


def external_storage(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        del file["checksum"]
        file.create_dataset("checksum", (2,), "<u4", external=[("/etc/passwd", 0, 8)])


def virtual_dataset(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        del file["key"]
        layout = h5py.VirtualLayout((2, 32), "u1", maxshape=(None, 32))
        layout[:] = h5py.VirtualSource("/etc/hostname", "key", (2, 32))
        file.create_virtual_dataset("key", layout)


def objects(path):
    fill(path, (0, 2))
    with h5py.File(path, "r+") as file:
        del file["key"]
        file.create_dataset("key", (2, 32), h5py.string_dtype())


def cut(path):
    fill(path, (0, 64))
    path.write_bytes(path.read_bytes()[:3000])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (foreign_plain, "not a feature store"),
        (foreign_text, "damaged, or no HDF5"),
        (foreign_empty, "damaged, or no HDF5"),
        (newer_format, "version 99, known is 1"),
        (other_digest, "does not match its digest"),
        (newer_spec, "newer leukfeat"),
        (missing_dataset, "'key' is missing"),
        (external_link, "'key' is missing or of another kind"),
        (external_storage, "'checksum' is missing or of another kind"),
        (virtual_dataset, "'key' is missing or of another kind"),
        (objects, "'key' is of another kind"),
        (cut, "damaged"),
    ],
)
def test_a_file_that_is_no_store_of_ours_is_refused(tmp_path, make, words):
    path = tmp_path / "odd.h5"
    make(path)
    before = path.read_bytes()
    with pytest.raises(CacheError, match=rf"(?s)odd\.h5.*{words}"):
        StoreReader(str(path))
    assert path.read_bytes() == before


def test_no_flipped_byte_gives_a_wrong_row(tmp_path):
    path = tmp_path / "s.h5"
    fill(path, (0, 40))
    truth = dict(zip(block(0, 40)[0], block(0, 40)[1], strict=True))
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = damaged = 0
    for _ in range(300):
        content = bytearray(whole)
        content[generator.integers(len(whole))] ^= 1 << generator.integers(8)
        path.write_bytes(bytes(content))
        try:
            with StoreReader(str(path)) as reader:
                places = np.flatnonzero(reader.written)
                rows = reader.read(places)
                keys = [key.tobytes() for key in reader.keys[places]]
        except CacheError:
            refused += 1
            continue
        damaged += int(rows.damaged.sum())
        for key, row, bad in zip(keys, rows.features, rows.damaged, strict=True):
            assert bad or np.array_equal(row, truth[key])
    assert refused
    assert damaged


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="Cannot write to the cache folder"):
        StoreWriter(str(tmp_path / "file" / "s.h5"), SPEC).__enter__()
    with pytest.raises(CacheError, match=r"is a file\. Give a folder"):
        store_path(tmp_path / "file", SPEC)
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(CacheError, match="is a folder"):
        store_path(tmp_path / "folder.h5", SPEC)


def test_an_error_while_writing_keeps_what_was_written(tmp_path, monkeypatch):
    path = str(tmp_path / "s.h5")
    put = StoreWriter._put

    def full(dataset, start, values):
        if dataset.name == "/key":
            raise OSError(28, "No space left on device")
        put(dataset, start, values)

    with StoreWriter(path, SPEC) as writer:
        writer.append(*block(0, 8), {})
        monkeypatch.setattr(StoreWriter, "_put", staticmethod(full))
        with pytest.raises(CacheError, match="No space left"):
            writer.append(*block(8, 8), {})
    monkeypatch.undo()
    fill(path, (8, 8))
    with StoreReader(path) as reader:
        assert len(reader) == 16
        assert not reader.read(np.arange(16)).damaged.any()
