"""Weights are found, checked, fetched, or refused with what to do."""

import dataclasses
import hashlib
import io
import os
import time
import urllib.error
import urllib.request

import h5py
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import WeightsError
from leukfeat.features import file_digest
from leukfeat.features.backbones import find_backbone
from leukfeat.features.download import fetch_imagenet
from leukfeat.features.file_digest import digest_file
from leukfeat.features.weights import _first_sentence, find_weights, load_weights

RESNET = find_backbone("resnet50")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    def unreachable(url, timeout):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("LEUKFEAT_WEIGHTS_DIR", raising=False)


@pytest.fixture
def hdf5_file(tmp_path):
    path = tmp_path / "some.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((3, 4))
    return path


def test_offline_the_error_says_all_that_is_needed(offline, tmp_path):
    images = np.zeros((1, 32, 32, 3), np.uint8)
    with pytest.raises(WeightsError) as caught:
        lf.extract_features(images, input_size=32, progress=False)
    text = str(caught.value)
    assert "'resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5'" in text
    assert (
        "from https://storage.googleapis.com/tensorflow/keras-applications/resnet/resnet50" in text
    )
    assert "MD5 4d473c1dd8becc155b73f8504c6f6626" in text
    assert os.path.join(os.environ["LEUKFEAT_CACHE_DIR"], "weights") in text
    assert "LEUKFEAT_WEIGHTS_DIR" in text
    assert "weights='random'" in text
    assert "Name or service not known" in text


def test_nothing_is_fetched_where_the_user_says_offline(monkeypatch):
    monkeypatch.setenv("LEUKFEAT_OFFLINE", "1")
    monkeypatch.setattr(urllib.request, "urlopen", None)
    with pytest.raises(WeightsError, match="LEUKFEAT_OFFLINE is set"):
        fetch_imagenet(RESNET)


def test_a_download_is_checked_before_it_is_kept(monkeypatch):
    content = b"weights" * 100_000
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(content))
    with pytest.raises(WeightsError, match="what was received has MD5"):
        fetch_imagenet(RESNET)
    folder = os.path.join(os.environ["LEUKFEAT_CACHE_DIR"], "weights")
    assert os.listdir(folder) == []
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = fetch_imagenet(dataclasses.replace(RESNET, imagenet_digest=f"md5:{md5}"))
    with open(path, "rb") as file:
        assert file.read() == content
    assert os.listdir(folder) == [RESNET.imagenet_file]


def test_a_connection_that_breaks_leaves_nothing(monkeypatch):
    class Broken(io.BytesIO):
        def read(self, size):
            raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Broken())
    with pytest.raises(WeightsError, match="reset by peer"):
        fetch_imagenet(RESNET)
    assert os.listdir(os.path.join(os.environ["LEUKFEAT_CACHE_DIR"], "weights")) == []


@pytest.mark.parametrize("place", ["LEUKFEAT_WEIGHTS_DIR", "cache", "keras"])
def test_a_file_that_is_not_keras_own_is_refused(offline, monkeypatch, tmp_path, place):
    folder = {
        "LEUKFEAT_WEIGHTS_DIR": tmp_path / "mine",
        "cache": tmp_path / "cache" / "weights",
        "keras": tmp_path / "keras" / "models",
    }[place]
    monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path / "cache"))
    if place == "LEUKFEAT_WEIGHTS_DIR":
        monkeypatch.setenv(place, str(folder))
    folder.mkdir(parents=True)
    (folder / RESNET.imagenet_file).write_bytes(b"half of it")
    with pytest.raises(
        WeightsError, match=r"(?s)damaged or not Keras's: its MD5 is .* expected 4d47"
    ):
        load_weights(RESNET, find_weights(RESNET, "imagenet"), (32, 32))


def test_keras_own_file_is_used_from_every_folder(offline, monkeypatch, tmp_path):
    source = find_weights(RESNET, "random", 0)
    model = load_weights(RESNET, source, (32, 32))
    folder = tmp_path / "keras" / "models"
    folder.mkdir(parents=True)
    path = folder / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.weights.h5"
    model.save_weights(path)
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    own = dataclasses.replace(
        RESNET, imagenet_digest=f"md5:{md5}", imagenet_url=f"https://host/{path.name}"
    )
    loaded = load_weights(own, find_weights(own, "imagenet"), (32, 32))
    for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
        assert np.array_equal(a, b)
    # The same file given by its path names the same feature space.
    assert find_weights(own, path).digest == find_weights(own, "imagenet").digest


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.h5", None, "No such file"),
        ("text.h5", b"not weights", "is not HDF5"),
        ("empty.h5", b"", "is not HDF5"),
        ("folder", "folder", "no regular file"),
    ],
)
def test_a_path_that_is_no_weights_file(tmp_path, name, content, words):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"(?s){name}.*{words}"):
        lf.extract_features(np.zeros((1, 32, 32, 3), np.uint8), weights=path)


def test_weights_of_another_network_are_refused(hdf5_file):
    images = np.zeros((1, 32, 32, 3), np.uint8)
    with pytest.raises(WeightsError, match=r"(?s)some\.weights\.h5.*does not load into 'resnet50'"):
        lf.extract_features(images, weights=hdf5_file, input_size=32, progress=False)


def test_cut_and_infinite_weights_are_refused(tmp_path):
    model = load_weights(RESNET, find_weights(RESNET, "random", 0), (32, 32))
    whole = tmp_path / "whole.weights.h5"
    values = model.get_weights()
    values[0][0, 0, 0, 0] = np.nan
    model.set_weights(values)
    model.save_weights(whole)
    with pytest.raises(WeightsError, match="NaN or infinite"):
        load_weights(RESNET, find_weights(RESNET, whole), (32, 32))
    cut = tmp_path / "cut.weights.h5"
    with open(whole, "rb") as file:
        cut.write_bytes(file.read(1_000_000))
    with pytest.raises(WeightsError, match=r"cut\.weights\.h5.*is damaged.*truncated"):
        load_weights(RESNET, find_weights(RESNET, cut), (32, 32))


@pytest.mark.parametrize("weights", [None, 3, ["imagenet"]])
def test_weights_that_are_no_choice(weights):
    with pytest.raises(ValueError, match="'weights' parameter must be"):
        find_weights(RESNET, weights)


def test_a_copy_names_the_same_weights(hdf5_file, tmp_path):
    copy = tmp_path / "other name.h5"
    copy.write_bytes(hdf5_file.read_bytes())
    first, second = find_weights(RESNET, hdf5_file), find_weights(RESNET, copy)
    assert first.digest == second.digest
    assert first.digest == f"sha256:{hashlib.sha256(copy.read_bytes()).hexdigest()}"
    copy.write_bytes(hdf5_file.read_bytes() + b"\0")
    assert find_weights(RESNET, copy).digest != first.digest


class TestDigestFile:
    def test_an_unchanged_old_file_is_digested_once(self, tmp_path, monkeypatch):
        path = tmp_path / "file"
        path.write_bytes(b"content")
        time.sleep(2.1)
        expected = hashlib.sha256(b"content").hexdigest()
        assert digest_file(str(path)) == expected
        monkeypatch.setattr(file_digest.hashlib, "file_digest", None)
        assert digest_file(str(path)) == expected

    def test_a_young_file_is_digested_again(self, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(b"content")
        status = path.stat()
        digest_file(str(path))
        path.write_bytes(b"CONTENT")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert digest_file(str(path)) == hashlib.sha256(b"CONTENT").hexdigest()

    def test_a_cache_folder_that_cannot_be_written_is_no_error(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("LEUKFEAT_CACHE_DIR", str(tmp_path / "file"))
        monkeypatch.setattr(file_digest, "_RACY_NS", -(10**18))
        assert digest_file(str(tmp_path / "file")) == hashlib.sha256(b"").hexdigest()


def test_what_keras_says_ends_with_its_sentence():
    keras_says = (
        "A total of 13 objects could not be loaded. Example error message for object <Conv2D "
        "name=block1_conv1, built=True>:\n\nLayer 'block1_conv1' expected 2 variables"
    )
    assert _first_sentence(ValueError(keras_says)) == "A total of 13 objects could not be loaded."
    assert _first_sentence(OSError("broken\nin two")) == "broken in two."
    assert _first_sentence(KeyError()) == "KeyError."
