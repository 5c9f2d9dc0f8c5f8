"""The features are Keras's own: the same network, weights and preprocessing, the same numbers."""

import hashlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features.backbones import find_backbone
from leukfeat.features.engines import installed_engines
from leukfeat.features.weights import find_weights, load_weights

TOLERANCE = 1e-5
"""Largest difference a row, as a part of the row's largest value."""


@pytest.fixture(scope="session")
def weights_file(tmp_path_factory):
    """Return the real weights, or seeded random ones where there are none."""
    from pathlib import Path

    shared = Path(__file__).resolve().parents[2].parent / "shared" / "weights"
    real = next(iter(sorted(shared.glob("resnet50*.h5"))), None)
    if real is not None:
        return str(real)
    backbone = find_backbone("resnet50")
    model = load_weights(backbone, find_weights(backbone, "random", 0), (64, 64))
    path = tmp_path_factory.mktemp("weights") / "resnet50.weights.h5"
    model.save_weights(path)
    return str(path)


@pytest.fixture(scope="session")
def images():
    """Return images with some structure at all scales, 70 x 90."""
    generator = np.random.default_rng(0)
    smooth = [generator.integers(0, 256, (k, k, 3), dtype=np.uint8) for k in (2, 5, 11, 40) * 3]
    return [cv2.resize(image, (90, 70), interpolation=cv2.INTER_CUBIC) for image in smooth]


def plain_keras(images, weights, size):
    """What a user would write by hand."""
    import keras

    model = keras.applications.ResNet50(
        include_top=False, weights=weights, pooling="avg", input_shape=(size, size, 3)
    )
    x = np.stack([cv2.resize(i, (size, size), interpolation=shrink(i, size)) for i in images])
    x = keras.applications.resnet50.preprocess_input(x.astype(np.float32))
    return model.predict(x, verbose=0, batch_size=8)


def shrink(image, size):
    return cv2.INTER_AREA if min(image.shape[:2]) >= size else cv2.INTER_LINEAR


def largest_difference(a, b):
    return (np.abs(a - b).max(axis=1) / np.abs(b).max(axis=1)).max()


def extract(images, weights, engine="keras", **settings):
    return lf.extract_features(images, weights=weights, engine=engine, progress=False, **settings)


def test_equal_to_predict(images, weights_file):
    features = extract(images, weights_file, input_size=64)
    expected = plain_keras(images, weights_file, 64)
    assert features.shape == expected.shape == (12, 2048)
    assert largest_difference(features.X, expected) < TOLERANCE


@pytest.mark.real_data
@pytest.mark.parametrize("engine", installed_engines())
def test_equal_to_predict_on_real_cells(shared_data, real_weights, engine):
    paths = sorted((shared_data / "cnmc").glob("*.bmp"))[:3]
    paths += sorted((shared_data / "taleqani" / "Benign").glob("*.jpg"))[:3]
    features = extract(paths, real_weights, engine=engine)
    # Read independently of our reader: OpenCV gives BGR, Keras's weights want RGB first.
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
    assert largest_difference(features.X, plain_keras(images, str(real_weights), 224)) < TOLERANCE


def test_stages_are_the_means_of_their_maps(images, weights_file):
    import keras

    names = ["conv3", "conv2", "avg_pool"]
    features = extract(images[:3], weights_file, input_size=64, layers=names)
    network = keras.applications.ResNet50(
        include_top=False, weights=weights_file, input_shape=(64, 64, 3)
    )
    maps = ["conv3_block4_out", "conv2_block3_out", "conv5_block3_out"]
    model = keras.Model(network.input, [network.get_layer(name).output for name in maps])
    x = np.stack([cv2.resize(i, (64, 64), interpolation=cv2.INTER_AREA) for i in images[:3]])
    outputs = model.predict(keras.applications.resnet50.preprocess_input(x.astype("f4")), verbose=0)
    expected = np.concatenate([output.mean(axis=(1, 2)) for output in outputs], axis=1)
    assert features.shape == (3, 512 + 256 + 2048)
    assert largest_difference(features.X, expected) < TOLERANCE


def test_rows_do_not_depend_on_batches_or_neighbours(images, weights_file):
    whole = extract(images, weights_file, input_size=64).X
    for batch_size in (1, 5):
        part = extract(images, weights_file, input_size=64, batch_size=batch_size).X
        assert largest_difference(part, whole) < 1e-6
    alone = extract(images[7:8], weights_file, input_size=64).X
    assert largest_difference(alone, whole[7:8]) < 1e-6


def test_colour_order_matters(images, weights_file):
    rgb = extract(images[:4], weights_file, input_size=64).X
    bgr = extract([image[..., ::-1] for image in images[:4]], weights_file, input_size=64).X
    assert largest_difference(bgr, rgb) > 0.01


def test_a_crop_is_a_window_at_native_scale(images, weights_file):
    cropped = extract(images[:4], weights_file, input_size=64, crop=48).X
    windows = [image[11:59, 21:69] for image in images[:4]]
    assert largest_difference(cropped, plain_keras(windows, weights_file, 64)) < TOLERANCE


def test_random_weights_are_the_same_in_every_process(images):
    settings = {"input_size": 32, "layers": "conv2"}
    here = extract(images[:2], "random", random_state=3, **settings)
    code = (
        "import sys, numpy as np, leukfeat as lf\n"
        "images = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(2, 70, 90, 3)\n"
        "f = lf.extract_features(images, weights='random', random_state=3, input_size=32,\n"
        "                        layers='conv2', engine='keras', progress=False)\n"
        "sys.stdout.buffer.write(f.X.tobytes())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=np.stack(images[:2]).tobytes(),
        capture_output=True,
        check=True,
        timeout=120,
    )
    there = np.frombuffer(done.stdout, np.float32).reshape(here.shape)
    assert largest_difference(there, here.X) < 1e-6
    other = extract(images[:2], "random", random_state=4, **settings)
    assert largest_difference(other.X, here.X) > 0.01
    assert other.spec.digest != here.spec.digest


def test_random_weights_leave_the_users_generators_alone():
    backbone = find_backbone("resnet50")
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    model = load_weights(backbone, find_weights(backbone, "random", 0), (32, 32))
    assert np.random.random() == expected  # noqa: NPY002
    digest = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()
    # Frozen: a cache made with random weights must stay valid.
    assert digest.startswith("a2cf02da9a466d58")
