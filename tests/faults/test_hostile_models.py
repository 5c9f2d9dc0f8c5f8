"""Files from a stranger whose payload would leave a mark: none is run, each is refused by name.

Every payload is first let run by a reader that trusts it, so that a test cannot pass because
the payload was a dud.
"""

import functools
import gzip
import hashlib
import io
import json
import pickle
import resource
import stat
import zipfile

import h5py
import joblib
import keras
import numpy as np
import pytest
import skops.io

import leukfeat as lf
from leukfeat.classifier import ModelFileError
from leukfeat.cnn.checkpoint import Progress
from leukfeat.exceptions import LeukfeatError, WeightsError
from leukfeat.features import FeatureSet, FeatureSpec
from leukfeat.features.network_file import foreign_parts, leads_elsewhere, load_network

BACKBONE = {
    "input_size": 8,
    "scale": 1 / 255,
    "mean": 0.5,
    "std": 0.25,
    "channel_order": "RGB",
    "layout": "NHWC",
    "trained_on": ("some-cells",),
    "licence": "MIT",
}


class Payload:
    """Leaves a mark when it is read back by pickle or, if its type is trusted, by skops."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return (np.save, (self.mark, np.ones(3)))

    def __getstate__(self):
        return {"mark": self.mark}

    def __setstate__(self, state):
        np.save(state["mark"], np.ones(3))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return the members of a good model file."""
    generator = np.random.default_rng(0)
    y = np.arange(64) % 2
    features = FeatureSet(
        generator.normal(size=(64, 5)) + y[:, None],
        y,
        subjects=[f"s{i % 8}" for i in range(64)],
        spec=FeatureSpec(weights="random", weights_digest="random-normal-1:0"),
    )
    head = lf.fit_head(features, "logistic_regression", tune=False)
    path = lf.save_model(lf.CellClassifier(head, features), tmp_path_factory.mktemp("m") / "a")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, good, compression=zipfile.ZIP_STORED, **changes):
    """Write a model file with members changed and their digests right, as its author could."""
    members = dict(good)
    for name, content in changes.items():
        members[name.replace("_dot_", ".")] = content
    about = json.loads(members.pop("model.json"))
    about["members"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for name, content in members.items()
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("model.json", json.dumps(about))
        for name, content in members.items():
            archive.writestr(name, content)
    return path


# ---------------------------------------------------------------- files that unpickle


def as_pickle(path, good, mark):
    path.write_bytes(pickle.dumps(Payload(mark)))
    return lambda: pickle.loads(path.read_bytes())


def as_old_pickle(path, good, mark):
    path.write_bytes(pickle.dumps(Payload(mark), protocol=0))
    return lambda: pickle.loads(path.read_bytes())


def as_joblib(path, good, mark):
    joblib.dump(Payload(mark), path)
    return lambda: joblib.load(path)


def as_compressed_joblib(path, good, mark):
    joblib.dump(Payload(mark), path, compress=3)
    return lambda: joblib.load(path)


def as_gzip(path, good, mark):
    path.write_bytes(gzip.compress(pickle.dumps(Payload(mark))))
    return lambda: pickle.loads(gzip.decompress(path.read_bytes()))


def as_head_by_pickle(path, good, mark):
    head = pickle.dumps(Payload(mark))
    packed(path, good, head_dot_skops=head)
    return lambda: pickle.loads(head)


def as_array_of_objects(path, good, mark):
    held = io.BytesIO()
    np.savez(held, cells=np.array([Payload(mark)], object))
    packed(path, good, reference_dot_npz=held.getvalue())
    return lambda: np.load(io.BytesIO(held.getvalue()), allow_pickle=True)["cells"]


# ---------------------------------------------------------------- skops


def as_foreign_type(path, good, mark):
    name = f"{Payload.__module__}.Payload"
    content = skops.io.dumps(without_reduce(mark))
    packed(path, good, head_dot_skops=content)
    return lambda: skops.io.loads(content, trusted=[name, "leukfeat.heads.head.Head"])


def without_reduce(mark):
    payload = Payload.__new__(Payload)
    payload.mark = str(mark)
    return payload


def as_partial_of_open(path, good, mark):
    held = skops.io.dumps(functools.partial(np.save, str(mark), np.ones(3)))
    packed(path, good, head_dot_skops=held)
    names = skops.io.get_untrusted_types(data=held)
    return lambda: skops.io.loads(held, trusted=names)()


# ---------------------------------------------------------------- Keras


def network_of(layer):
    pixels = keras.Input((8, 8, 3))
    return keras.Model(pixels, layer(keras.layers.Conv2D(2, 3)(pixels)))


def lambda_that_marks(mark):
    name = str(mark)
    # Only what was written as a lambda is stored as code.
    run = lambda x: (__import__("numpy").save(name, 1.0), x)[1]  # noqa: E731
    return network_of(keras.layers.Lambda(run, output_shape=(6, 6, 2)))


def as_keras_lambda(path, good, mark):
    path = path.with_suffix(".keras")
    lambda_that_marks(mark).save(path)
    mark.unlink(missing_ok=True)
    return lambda: keras.models.load_model(path, safe_mode=False)(np.ones((1, 8, 8, 3)))


def as_lambda_inside_a_model(path, good, mark):
    whole = path.with_suffix(".keras")
    run = as_keras_lambda(path, good, mark)
    content = whole.read_bytes()
    whole.rename(path.with_name("moved.keras"))
    packed(path, good, cnn_dot_keras=content)
    moved = path.with_name("moved.keras")
    return lambda: (moved.rename(whole), run(), whole.unlink())


ATTACKS = [
    as_pickle,
    as_old_pickle,
    as_joblib,
    as_compressed_joblib,
    as_gzip,
    as_head_by_pickle,
    as_array_of_objects,
    as_foreign_type,
    as_partial_of_open,
    as_keras_lambda,
    as_lambda_inside_a_model,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_payload_does_not_run(attack, good, tmp_path):
    mark = tmp_path / "mark.npy"
    path = tmp_path / "model.leukfeat"
    trusting = attack(path, good, mark)
    given = path if path.exists() else path.with_suffix(".keras")
    with pytest.raises(LeukfeatError) as error:
        lf.load_model(given)
    assert not mark.exists(), "the payload ran"
    assert str(given) in str(error.value)
    trusting()
    assert mark.exists(), "the payload is a dud: the test shows nothing"


# ---------------------------------------------------------------- archives


def traversal(archive, outside):
    archive.writestr(f"../{outside.name}", b"x")


def absolute(archive, outside):
    archive.writestr(str(outside), b"x")


def backslashes(archive, outside):
    archive.writestr(f"..\\{outside.name}", b"x")


def drive(archive, outside):
    archive.writestr("C:evil", b"x")


def link(archive, outside):
    entry = zipfile.ZipInfo("weights.h5")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, str(outside))


def surprise(archive, outside):
    archive.writestr("setup.py", b"x")


def bomb(archive, outside):
    archive.writestr("weights.h5", bytes(1 << 24), zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    "attack",
    [traversal, absolute, backslashes, drive, link, surprise, bomb],
    ids=lambda attack: attack.__name__,
)
def test_an_archive_does_not_reach_out(attack, good, tmp_path):
    path = packed(tmp_path / "in.leukfeat", good)
    outside = tmp_path / "outside"
    lf.load_model(path)  # good until it is touched
    with zipfile.ZipFile(path, "a") as archive:
        attack(archive, outside)
    with pytest.raises(ValueError, match=r"no place in it|compressed form") as error:
        lf.load_model(path)
    assert str(path) in str(error.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.leukfeat"]


@pytest.mark.parametrize(
    "around",
    [
        lambda content: b"#!/bin/sh\ntouch mark\nexit\n" + content,
        lambda content: content + b"more",
        lambda content: content + content,
        lambda content: content[:-2] + b"\4\0more",
        lambda content: b"PK\3\4" + content,
    ],
)
def test_bytes_that_no_member_accounts_for_are_refused(around, good, tmp_path):
    path = packed(tmp_path / "a.leukfeat", good)
    lf.load_model(path)
    path.write_bytes(around(path.read_bytes()))
    with pytest.raises(
        LeukfeatError, match=r"a\.leukfeat.*(bytes before, between or after|damaged)"
    ):
        lf.load_model(path)


def test_bytes_between_members_are_refused(good, tmp_path):
    path = tmp_path / "a.leukfeat"
    with zipfile.ZipFile(packed(path, good)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with open(path, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
            file.write(b"a message")
            archive.start_dir = file.tell()
    with pytest.raises(LeukfeatError, match="bytes before, between or after"):
        lf.load_model(path)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_model_file_that_is_cut_short_is_called_so(good, tmp_path, keep):
    path = packed(tmp_path / "a.leukfeat", good)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(LeukfeatError, match="incomplete or damaged") as error:
        lf.load_model(path)
    assert "pickle" not in str(error.value)
    with pytest.raises(LeukfeatError, match="incomplete or damaged"):
        lf.load_model(path, trusted=True)


def test_a_bomb_inside_the_head_is_refused(good, tmp_path):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as inner:
        inner.writestr("schema.json", "{}" + " " * (1 << 24))
    path = packed(tmp_path / "a.leukfeat", good, head_dot_skops=held.getvalue())
    with pytest.raises(ValueError, match="compressed form"):
        lf.load_model(path)


@pytest.mark.parametrize("name", ["head.skops", "reference.npz"])
def test_a_member_of_another_digest_is_refused(good, tmp_path, name):
    path = tmp_path / "a.leukfeat"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in good.items():
            archive.writestr(member, content[:-1] + b"?" if member == name else content)
    with pytest.raises(ModelFileError, match="digest"):
        lf.load_model(path)


def test_an_end_of_zip64_that_lies_is_refused(tmp_path):
    path = tmp_path / "a.leukfeat"
    locator = b"PK\x06\x07" + bytes(12) + b"\x09\0\0\0"
    path.write_bytes(locator + b"PK\x05\x06" + bytes(18))
    with pytest.raises(ModelFileError, match="not a leukfeat model file"):
        lf.load_model(path)


def deep(depth):
    return ("[" * depth + "]" * depth).encode()


@pytest.mark.parametrize(
    "about",
    [
        deep(100_000),
        b"\xff\xfe",
        b"",
        b"[]",
        b'{"format": "leukfeat-model"}',
        b'{"format": "leukfeat-model", "format_version": "2", "members": {"head.skops": {}}}',
        b'{"format": "leukfeat-model", "format_version": 2, "members": ["head.skops"]}',
        b'{"format": "leukfeat-model", "format_version": 2, "members": {"head.skops": 5}}',
        b'{"format": "leukfeat-model", "format_version": 2, "members": {"head.skops":'
        b' {"bytes": 1e999, "sha256": ""}}}',
        b'{"format": "leukfeat-model", "format_version": 2, "versions": 5, "members": {}}',
        b'{"format": "leukfeat-model", "format_version": 9, "versions": 5, "members": {}}',
    ],
    ids=lambda about: about[:24].decode("ascii", "replace") + f"...{len(about)}",
)
def test_a_description_that_is_none_is_refused(good, tmp_path, about):
    path = tmp_path / "a.leukfeat"
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in (good | {"model.json": about}).items():
            archive.writestr(member, content)
    with pytest.raises(ModelFileError) as error:
        lf.load_model(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "schema",
    [
        b"",
        b"[]",
        b"5",
        b"{}",
        deep(100_000),
        b'{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "protocol": 9}',
        b'{"__class__": "system", "__module__": "os", "__loader__": "FunctionNode",'
        b' "__id__": 1, "protocol": 0, "content": "x"}',
        b'{"__class__": "system", "__module__": "os", "__loader__": "TypeNode", "__id__": 1}',
        b'{"__class__": "Head", "__module__": "leukfeat.heads.head", "__loader__": "NoSuchNode",'
        b' "__id__": 1, "protocol": 2}',
        b'{"__class__": "Head", "__module__": "leukfeat.heads.head", "__loader__": "CachedNode",'
        b' "__id__": 1, "protocol": 2}',
        b'{"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "__id__": 1,'
        b' "protocol": 2, "content": []}',
    ],
    ids=lambda schema: schema[:60].decode() + f"...{len(schema)}",
)
def test_a_head_that_is_none_is_refused(good, tmp_path, schema):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as inner:
        inner.writestr("schema.json", schema)
    path = packed(tmp_path / "a.leukfeat", good, head_dot_skops=held.getvalue())
    with pytest.raises(ModelFileError) as error:
        lf.load_model(path)
    assert str(path) in str(error.value)


# ---------------------------------------------------------------- networks of a stranger


def rewritten_config(path, target, change):
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as new:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)


SWITCH = {
    "module": "keras.config",
    "class_name": "function",
    "config": "enable_unsafe_deserialization",
    "registered_name": "function",
}
READER = {
    "module": "keras.layers",
    "class_name": "StringLookup",
    "config": {"vocabulary": "/etc/hostname"},
    "registered_name": None,
}


@pytest.mark.parametrize("part", [SWITCH, READER], ids=lambda part: part["class_name"])
def test_a_network_that_calls_or_reads_is_refused(tmp_path, part):
    network_of(keras.layers.Activation("relu")).save(tmp_path / "good.keras")
    assert foreign_parts(tmp_path / "good.keras") == []

    def change(config):
        config["config"]["layers"][-1]["config"]["activation"] = part

    rewritten_config(tmp_path / "good.keras", tmp_path / "bad.keras", change)
    with pytest.raises(ModelFileError, match=part["class_name"]):
        lf.load_model(tmp_path / "bad.keras")
    own = lf.Backbone(name="stranger", file=tmp_path / "bad.keras", **BACKBONE)
    with pytest.raises(WeightsError, match=part["class_name"]):
        lf.extract_features([np.zeros((8, 8, 3), np.uint8)], backbone=own, progress=False)


# Keras resolves a part by module and name and calls what it finds, with arguments from the file.
CALLED = {
    "get_file": {"module": "keras.utils", "class_name": "get_file"},
    "switch": {"module": "keras.config", "class_name": "enable_unsafe_deserialization"},
    "vocabulary": {
        "module": "keras.src.layers.preprocessing.index_lookup",
        "class_name": "IndexLookup",
        "config": {"vocabulary": "/etc/hostname", "vocabulary_dtype": "string"},
    },
    "saved_model": {"module": "keras.layers", "class_name": "TFSMLayer"},
    "of_nobody": {"module": None, "class_name": "get_file"},
    "of_python": {"module": "os", "class_name": "system"},
    "of_keras's_imports": {"module": "keras.src.saving.saving_lib", "class_name": "zipfile"},
    "registered": {"module": "keras.layers", "class_name": "Dense", "registered_name": "x>Mine"},
    "spec": {"module": "tensorflow", "class_name": "__typespec__", "spec_name": "TensorSpec"},
    "texts": {
        "module": None,
        "class_name": "__numpy__",
        "config": {"value": ["a"], "dtype": "S1000000000"},
    },
    "no_name": {"module": "keras.layers", "class_name": 5},
}


@pytest.mark.parametrize("name", CALLED)
def test_what_keras_would_call_is_refused_whatever_its_version(tmp_path, name):
    """By our own check: the oldest Keras that may be installed calls these."""
    network_of(keras.layers.Activation("relu")).save(tmp_path / "good.keras")
    part = {"config": "x", "registered_name": None, **CALLED[name]}

    def change(config):
        layer = {"name": "g", "inbound_nodes": [{"args": ["mark"], "kwargs": {}}], **part}
        config["config"]["layers"].insert(1, layer)

    rewritten_config(tmp_path / "good.keras", tmp_path / "bad.keras", change)
    assert foreign_parts(tmp_path / "bad.keras") == [f"{part['module']}.{part['class_name']}"] or (
        part["module"] is None
        and foreign_parts(tmp_path / "bad.keras") == [str(part["class_name"])]
    )
    with pytest.raises(ValueError, match="run code of its author's"):
        load_network(tmp_path / "bad.keras", compile=False)


def test_weights_in_the_format_of_numpy_are_refused(tmp_path):
    """Older versions of Keras unpickle them."""
    mark = tmp_path / "mark.npy"
    network_of(keras.layers.Dense(2)).save(tmp_path / "good.keras")
    held = io.BytesIO()
    np.savez(held, **{"layers/dense": np.array([Payload(mark)], object)})
    with zipfile.ZipFile(tmp_path / "good.keras") as old:
        members = {name: old.read(name) for name in ("metadata.json", "config.json")}
        weights = old.read("model.weights.h5")
    np.load(io.BytesIO(held.getvalue()), allow_pickle=True)["layers/dense"]
    assert mark.exists()
    mark.unlink()
    for more in ({}, {"model.weights.h5": weights}):
        with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
            for name, content in {**members, **more}.items():
                archive.writestr(name, content)
            archive.writestr("model.weights.npz", held.getvalue())
        with pytest.raises(ValueError, match=r"model\.weights\.(npz|h5)"):
            load_network(tmp_path / "bad.keras", compile=False)
        with pytest.raises(ModelFileError, match=r"bad\.keras"):
            lf.load_model(tmp_path / "bad.keras")
    assert not mark.exists()


def test_a_checkpoint_with_a_foreign_network_is_refused(tmp_path):
    from leukfeat.cnn.training import _start

    network_of(keras.layers.Activation("relu")).save(tmp_path / "good.keras")
    rewritten_config(
        tmp_path / "good.keras",
        tmp_path / "bad.keras",
        lambda config: config["config"]["layers"].insert(1, {**CALLED["switch"], "config": "x"}),
    )

    class Folder:
        def load(self):
            return Progress(), tmp_path / "bad.keras", tmp_path / "bad.keras"

    with pytest.raises(ValueError, match=r"enable_unsafe_deserialization.*if_checkpoint"):
        _start(lambda: None, Folder())


def announce_many_weights(config):
    config["config"]["layers"][-1]["config"]["units"] = 2_000_000


def test_layers_larger_than_their_weights_are_refused_before_they_are_made(tmp_path):
    network_of(keras.layers.Dense(2)).save(tmp_path / "good.keras")
    load_network(tmp_path / "good.keras", compile=False)
    rewritten_config(tmp_path / "good.keras", tmp_path / "bad.keras", announce_many_weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"6000056 weights, and has \d{5} bytes"):
        load_network(tmp_path / "bad.keras", compile=False)
    # A later scope of Keras must not make them after all.
    with keras.StatelessScope():
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 15_000
    load_network(tmp_path / "good.keras", compile=False)


@pytest.mark.parametrize("member", ["config.json", "leukfeat.json", "model.weights.h5"])
def test_a_network_file_does_not_grow_when_it_is_read(tmp_path, member):
    network_of(keras.layers.Dense(2)).save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(tmp_path / "bad.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            if name != member:
                archive.writestr(name, content, zipfile.ZIP_STORED)
        with archive.open(member, "w") as file:
            for _ in range(100):
                file.write(b" " * 1_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match=f"{member}' has 100000000 bytes and is packed into"):
        lf.load_model(tmp_path / "bad.keras")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_arrays_that_the_weights_file_cannot_hold_are_refused(tmp_path):
    network_of(keras.layers.Dense(2)).save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as old:
        members = {name: old.read(name) for name in old.namelist()}
    weights = tmp_path / "weights.h5"
    weights.write_bytes(members["model.weights.h5"])
    with h5py.File(weights, "a") as file:
        file.create_dataset("huge", (1 << 40,), "f4", chunks=(1 << 10,))
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        for name, content in {**members, "model.weights.h5": weights.read_bytes()}.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=r"arrays that its \d+ bytes cannot hold"):
        load_network(tmp_path / "bad.keras", compile=False)


def link(file, name, outside):
    del file[name]
    file[name] = h5py.ExternalLink(str(outside), "/kernel")


def store_outside(file, name, outside):
    shape = file[name].shape
    del file[name]
    file.create_dataset(name, shape, "f4", external=[(str(outside), 0, h5py.h5f.UNLIMITED)])


def compute_from(file, name, outside):
    shape = file[name].shape
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(str(outside), "kernel", shape)
    del file[name]
    file.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("lead", [link, store_outside, compute_from])
def test_weights_that_stand_in_another_file_are_refused(tmp_path, lead):
    network_of(keras.layers.Dense(2)).save(tmp_path / "good.keras")
    with zipfile.ZipFile(tmp_path / "good.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = tmp_path / "some.weights.h5"
    weights.write_bytes(members["model.weights.h5"])
    with h5py.File(weights) as file:
        names = []
        file.visititems(lambda name, entry: names.append(name) if hasattr(entry, "shape") else None)
        shape = file[names[0]].shape
    with h5py.File(tmp_path / "outside.h5", "w") as file:
        file["kernel"] = np.ones(shape, "f4")
    assert leads_elsewhere(weights) == []
    with h5py.File(weights, "r+") as file:
        lead(file, names[0], tmp_path / "outside.h5")
    assert [part.split(" (")[0] for part in leads_elsewhere(weights)] == [names[0]]
    with pytest.raises(WeightsError, match="would read other files") as error:
        lf.extract_features([np.zeros((32, 32, 3), np.uint8)], weights=weights, progress=False)
    assert str(weights) in str(error.value)

    members["model.weights.h5"] = weights.read_bytes()
    with zipfile.ZipFile(tmp_path / "bad.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert f"model.weights.h5: {names[0]}" in foreign_parts(tmp_path / "bad.keras")[0]
    own = lf.Backbone(name="stranger", file=tmp_path / "bad.keras", **BACKBONE)
    with pytest.raises(WeightsError, match="read other files"):
        lf.extract_features([np.zeros((8, 8, 3), np.uint8)], backbone=own, progress=False)
