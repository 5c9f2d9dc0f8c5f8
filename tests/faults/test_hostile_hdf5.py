"""HDF5 made to harm: it is refused by name, nothing outside is read, no memory is taken."""

import os
import resource
import struct

import h5py
import numpy as np
import pytest

from leukfeat.exceptions import CacheError
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.maintenance import (
    list_stores,
    merge_stores,
    repair_store,
    verify_store,
)

SPEC = FeatureSpec(weights_digest="test")
CEILING_MB = 150
DATASETS = ("features", "controls", "checksum", "session", "key", "files", "sessions")


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.h5"
    keys = [np.random.default_rng(i).bytes(32) for i in range(8)]
    with StoreWriter(str(path), SPEC) as writer:
        writer.append(keys, np.ones((8, 16), np.float32), np.ones((8, 18), np.float32), {})
        writer.append_files([(key[::-1], key) for key in keys])
    return path


def replaced(file, name, **arguments):
    del file[name]
    return file.create_dataset(name, **arguments)


def external_link(file, name, outside):
    del file[name]
    file[name] = h5py.ExternalLink(str(outside), f"/{name}")


def soft_link(file, name, outside):
    file.move(name, "elsewhere")
    file[name] = h5py.SoftLink("/elsewhere")


def link_loop(file, name, outside):
    del file[name]
    file[name] = h5py.SoftLink("/loop")
    file["loop"] = h5py.SoftLink(f"/{name}")


def group_loop(file, name, outside):
    del file[name]
    file[name] = file["/"]


def virtual_dataset(file, name, outside):
    shape, dtype = file[name].shape, file[name].dtype
    layout = h5py.VirtualLayout(shape, dtype)
    layout[...] = h5py.VirtualSource(str(outside), name, shape, dtype)
    del file[name]
    file.create_virtual_dataset(name, layout)


def external_storage(file, name, outside):
    shape, dtype = file[name].shape, file[name].dtype
    size = int(np.prod(shape)) * dtype.itemsize
    replaced(file, name, shape=shape, dtype=dtype, external=[(str(outside), 0, size)])


def huge(file, name, outside):
    # Nothing is stored, all of it is announced.
    file[name].resize(1 << 40, axis=0)


def huge_but_for_the_width(file, name, outside):
    shape = (1 << 24, 1 << 24) if file[name].ndim == 2 else (1 << 48,)
    replaced(file, name, shape=shape, maxshape=(None, *shape[1:]), dtype=file[name].dtype)


def huge_chunk(file, name, outside):
    shape, dtype = file[name].shape, file[name].dtype
    entry = int(np.prod(shape[1:])) * dtype.itemsize
    chunk = ((1 << 31) // entry, *shape[1:])
    maxshape = (None, *shape[1:])
    replaced(file, name, shape=shape, dtype=dtype, chunks=chunk, maxshape=maxshape)


def objects(file, name, outside):
    replaced(file, name, shape=file[name].shape, dtype=h5py.string_dtype())


def references(file, name, outside):
    replaced(file, name, shape=file[name].shape, dtype=h5py.ref_dtype)


def compound(file, name, outside):
    replaced(file, name, shape=file[name].shape, dtype=[("a", "f4"), ("b", h5py.string_dtype())])


def opaque(file, name, outside):
    replaced(file, name, shape=file[name].shape, dtype=np.dtype("V16"))


def filtered(file, name, outside):
    shape, dtype = file[name].shape, file[name].dtype
    maxshape = (None, *shape[1:])
    new = replaced(
        file, name, shape=shape, dtype=dtype, compression="gzip", chunks=True, maxshape=maxshape
    )
    new.resize(1000, axis=0)


def group(file, name, outside):
    del file[name]
    file.create_group(name)


def named_type(file, name, outside):
    del file[name]
    file[name] = np.dtype("f4")


def scalar(file, name, outside):
    del file[name]
    file[name] = 1.0


def missing(file, name, outside):
    del file[name]


ATTACKS = [
    external_link,
    soft_link,
    link_loop,
    group_loop,
    virtual_dataset,
    external_storage,
    huge,
    huge_but_for_the_width,
    huge_chunk,
    objects,
    references,
    compound,
    opaque,
    filtered,
    group,
    named_type,
    scalar,
    missing,
]


def everything_refuses(path):
    actions = [StoreReader, verify_store, repair_store, lambda p: merge_stores([p], f"{p}.new.h5")]
    for act in actions:
        with pytest.raises(CacheError) as error:
            act(str(path))
        assert repr(str(path))[1:-1] in str(error.value)
    assert list_stores(path)[0].problem
    assert not os.path.exists(f"{path}.new.h5")


@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_datasets(good, tmp_path, attack, name):
    outside = tmp_path / "outside.bin"
    outside.write_bytes(b"a secret" * 4096)
    with h5py.File(good, "r+", libver="latest") as file:
        attack(file, name, outside)
    os.utime(outside, (1, 1))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    everything_refuses(good)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < CEILING_MB * 1024
    assert os.stat(outside).st_atime == 1


def deep_json(depth):
    return "[" * depth + "]" * depth


ATTRIBUTES = {
    "format": [np.zeros(3), np.array(["leukfeat-features"] * 2, object), 5, "", b"leukfeat\xff"],
    "format_version": [np.zeros((2, 2)), "1", 1.5, -1, np.int64(1 << 62), h5py.Empty("i4")],
    "spec": [
        "",
        "[]",
        "null",
        "5",
        '"text"',
        "{}",
        "{",
        deep_json(20_000),
        '{"version": 1e999}',
        '{"input_size": 5}',
        '{"input_size": [1e99, 224]}',
        '{"layers": [["a"]]}',
        '{"layers": {}}',
        '{"version": "x"}',
        '{"crop": "224"}',
        '{"views": [[]]}',
        np.zeros(1000),
        np.array(["{}"], object),
        5,
        b"\xff\xfe",
    ],
    "spec_digest": ["", "0" * 64, 5, np.zeros(64, "u1")],
    "control_columns": ["", "[]", 5, np.zeros((9, 9))],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in ATTRIBUTES.items() for value in values],
    ids=lambda value: str(value)[:20].encode("ascii", "replace").decode(),
)
def test_attributes(good, name, value):
    with h5py.File(good, "r+", libver="latest") as file:
        del file.attrs[name]
        file.attrs[name] = value
    everything_refuses(good)


def test_a_type_that_numpy_has_not(good):
    with h5py.File(good, "r+", libver="latest") as file:
        del file.attrs["format"]
        kind = h5py.h5t.TypeID.copy(h5py.h5t.STD_B32LE)  # a bit field
        space = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file.id, b"format", kind, space)
    everything_refuses(good)


def test_rows_without_end_of_one_beginning_do_not_take_forever(tmp_path):
    """Keys that share their first bytes are looked up by a slower path, which must stay bounded."""
    keys = [b"\1" * 8 + np.random.default_rng(i).bytes(24) for i in range(3000)]
    path = str(tmp_path / "s.h5")
    with StoreWriter(path, SPEC) as writer:
        writer.append(keys, np.ones((3000, 4), np.float32), np.ones((3000, 18), np.float32), {})
    with StoreReader(path) as store:
        wanted = np.frombuffer(b"".join(keys[::-1]), np.uint8).reshape(-1, 32)
        assert store.index.find(wanted).tolist() == list(range(2999, -1, -1))


def test_old_formats_and_other_peoples_files(tmp_path):
    """Files of HDF5 that are none of ours, among them what other programs write."""
    for libver in ("earliest", "v108", "latest"):
        path = tmp_path / f"{libver}.h5"
        with h5py.File(path, "w", libver=libver) as file:
            file.create_group("model_weights/layer").create_dataset("kernel:0", data=np.ones(9))
            file.attrs["backend"] = "tensorflow"
        everything_refuses(path)
        assert path.stat().st_size > 100


def test_a_store_behind_a_user_block_is_refused(good):
    path = good.with_name("block.h5")
    path.write_bytes(bytes(512) + good.read_bytes())
    everything_refuses(path)


def lookup3(data):
    """HDF5's checksum of metadata (Bob Jenkins's lookup3), to seal what was altered."""
    mask = 0xFFFFFFFF

    def turned(x, k):
        return ((x << k) | (x >> (32 - k))) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    blocks = [data[i : i + 12] for i in range(0, len(data), 12)]
    for block in blocks:
        x, y, z = struct.unpack("<III", bytes(block).ljust(12, b"\0"))
        a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
        if block is blocks[-1]:
            break
        for k1, k2, k3 in ((4, 6, 8), (16, 19, 4)):
            a = ((a - c) & mask) ^ turned(c, k1)
            c = (c + b) & mask
            b = ((b - a) & mask) ^ turned(a, k2)
            a = (a + c) & mask
            c = ((c - b) & mask) ^ turned(b, k3)
            b = (b + a) & mask
    for k1, k2, k3 in ((14, 11, 25), (16, 4, 14), (24, 0, 0)):
        c = ((c ^ b) - turned(b, k1)) & mask
        if not k2:
            break
        a = ((a ^ c) - turned(c, k2)) & mask
        b = ((b ^ a) - turned(a, k3)) & mask
    return c


@pytest.mark.parametrize("place", range(8, 44))
def test_a_superblock_that_is_altered_and_sealed_again(good, place):
    """Its checksum is right, so that HDF5 believes it; the refusal must still be ours."""
    content = bytearray(good.read_bytes())
    assert lookup3(content[:44]) == struct.unpack_from("<I", content, 44)[0]
    content[place] ^= 0xFF
    struct.pack_into("<I", content, 44, lookup3(content[:44]))
    good.write_bytes(bytes(content))
    try:
        with StoreReader(good) as store:
            store.read(np.arange(len(store.keys)))
    except CacheError as error:
        assert str(good) in str(error)  # noqa: PT017 - either end is right
