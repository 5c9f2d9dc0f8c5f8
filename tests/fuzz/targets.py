"""What is fuzzed: the reader of images, the feature store and the model loader.

A target has seeds and takes one input. It returns if the input was read rightly or refused as
the documentation says; anything else leaves it as an exception.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import struct
import tempfile
import warnings
import zipfile

import cv2
import h5py
import keras
import numpy as np

import leukfeat as lf
from leukfeat.exceptions import CacheError, ImageReadError, LeukfeatError
from leukfeat.features import FeatureSet, FeatureSpec
from leukfeat.features.store import StoreReader, StoreWriter
from leukfeat.features.store.maintenance import list_stores, repair_store, verify_store
from leukfeat.imaging.reading import read_image

MOST_PIXELS = 1_000_000


class Target:
    """One file at a time, in memory where there is such a folder."""

    ending = ""

    def __init__(self):
        base = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.folder = tempfile.mkdtemp(prefix="leukfeat-fuzz-", dir=base)
        self.path = os.path.join(self.folder, f"input{self.ending}")
        os.environ["LEUKFEAT_CACHE_DIR"] = os.path.join(self.folder, "user-cache")
        logging.getLogger("leukfeat").addHandler(logging.NullHandler())
        logging.getLogger("leukfeat").propagate = False

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, content):
        with open(self.path, "wb") as file:
            file.write(content)

    def must_name_the_file(self, error):
        if self.path not in str(error):
            raise AssertionError("a refusal that does not name the file") from error

    def one_input(self, data):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.run(data)


class Reader(Target):
    """The bytes are an image file."""

    ending = ".img"

    def seeds(self):
        pixels = np.random.default_rng(0).integers(0, 256, (40, 33, 3), np.uint8)
        deep = pixels.astype(np.uint16) * 257
        for ending in (".bmp", ".png", ".jpg", ".tif", ".webp", ".jp2", ".ppm"):
            for image in (pixels, pixels[..., 0], deep):
                done, coded = cv2.imencode(ending, image)
                if done:
                    yield coded.tobytes()
        yield cv2.imencode(".png", np.dstack([pixels, pixels[..., :1]]))[1].tobytes()

    def run(self, data):
        self.write(data)
        try:
            image = read_image(self.path, max_pixels=MOST_PIXELS)
        except ImageReadError as error:
            self.must_name_the_file(error)
            return
        assert image.dtype == np.uint8, image.dtype
        assert image.ndim == 3, image.shape
        assert image.shape[2] == 3, image.shape
        assert 0 < image.shape[0] * image.shape[1] <= MOST_PIXELS, image.shape


class Store(Target):
    """The bits of the first byte choose how the file is made, and whether it is repaired too.

    Bit 0: the rest is a whole file, or changes to a good one (3 bytes place, 1 byte xor).
    Bit 1: repair it and read again, which is slow.
    """

    ending = ".h5"

    def __init__(self):
        super().__init__()
        generator = np.random.default_rng(0)
        self.keys = [generator.bytes(32) for _ in range(8)]
        self.rows = generator.standard_normal((8, 6)).astype(np.float32)
        controls = np.ones((8, 18), np.float32)
        with StoreWriter(self.path, FeatureSpec(weights_digest="test")) as writer:
            writer.append(self.keys, self.rows, controls, {})
            writer.append_files([(key[::-1], key) for key in self.keys])
        with open(self.path, "rb") as file:
            self.good = file.read()
        with h5py.File(self.path) as file:
            self.places = [
                file[name].id.get_chunk_info(0).byte_offset
                for name in file
                if isinstance(file[name], h5py.Dataset) and file[name].id.get_num_chunks()
            ]

    def seeds(self):
        yield b"\0" + self.good
        for place in (0, 60, 200, 1000, *self.places):
            for how in (b"\1", b"\3"):
                yield how + struct.pack("<I", place)[:3] + b"\xff"

    def run(self, data):
        content = bytearray(data[1:])
        if data[:1] and data[0] % 2:
            content = bytearray(self.good)
            for i in range(1, len(data) - 3, 4):
                place = int.from_bytes(data[i : i + 3], "little") % len(content)
                content[place] ^= data[i + 3]
        self.write(content)
        right = dict(zip(self.keys, self.rows, strict=True))
        repairs = bool(data[:1] and data[0] & 2)
        for _ in range(1 + repairs):
            try:
                with StoreReader(self.path) as store:
                    found = store.read(np.arange(len(store.keys)))
                    for key, row, is_damaged in zip(
                        store.keys, found.features, found.damaged, strict=True
                    ):
                        name = key.tobytes()
                        if key.any() and not is_damaged and name in right:
                            assert np.array_equal(row, right[name]), "a wrong row"
                verify_store(self.path)
            except CacheError as error:
                self.must_name_the_file(error)
            list_stores(self.path)
            if repairs:
                with contextlib.suppress(CacheError):
                    repair_store(self.path)


class Model(Target):
    """The first byte chooses a member that the rest replaces, with its digest right."""

    ending = ".leukfeat"

    def __init__(self):
        super().__init__()
        generator = np.random.default_rng(0)
        y = np.arange(32) % 2
        features = FeatureSet(
            generator.normal(size=(32, 3)) + y[:, None],
            y,
            subjects=[f"s{i % 8}" for i in range(32)],
            spec=FeatureSpec(weights="random", weights_digest="random-normal-1:0"),
        )
        head = lf.fit_head(features, "logistic_regression", tune=False)
        lf.save_model(lf.CellClassifier(head, features), self.path)
        with open(self.path, "rb") as file:
            self.good = file.read()
        self.members = _members(self.good)
        self.head = _members(self.members["head.skops"])
        pixels = keras.Input((8, 8, 3))
        network = os.path.join(self.folder, "network.keras")
        keras.Model(pixels, keras.layers.Dense(2)(pixels)).save(network)
        with open(network, "rb") as file:
            self.network = _members(file.read())

    def seeds(self):
        yield b"\0" + self.good
        yield b"\1" + self.members["model.json"]
        yield b"\2" + self.members["head.skops"]
        yield b"\3" + self.head["schema.json"]
        yield b"\4" + self.members["reference.npz"]
        yield b"\5" + self.network["config.json"]

    def run(self, data):
        kind, content = (data[0] % 6 if data else 0), data[1:]
        members = dict(self.members)
        if kind == 0:
            self.write(content)
        else:
            if kind == 1:
                self._pack(members, about=content)
            else:
                if kind == 2:
                    members["head.skops"] = content
                elif kind == 3:
                    members["head.skops"] = _zip(self.head | {"schema.json": content})
                elif kind == 4:
                    members["reference.npz"] = content
                else:
                    members["cnn.keras"] = _zip(self.network | {"config.json": content})
                self._pack(members)
        try:
            lf.load_model(self.path)
        except LeukfeatError as error:
            self.must_name_the_file(error)

    def _pack(self, members, about=None):
        members = dict(members)
        old = json.loads(members.pop("model.json"))
        if about is None:
            old["members"] = {
                name: {"sha256": hashlib.sha256(member).hexdigest(), "bytes": len(member)}
                for name, member in members.items()
            }
            about = json.dumps(old).encode()
        self.write(_zip({"model.json": about, **members}))


def _members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(members):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


TARGETS = {"reader": Reader, "store": Store, "model": Model}
