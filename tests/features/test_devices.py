"""A device is a place and no feature space; one that is not there is said to be missing."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.features.engines import choice, installed_engines
from leukfeat.features.engines.devices import find_device

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
SETTINGS = {
    "backbone": "mobilenetv2",
    "weights": "random",
    "layers": "conv2",
    "input_size": 32,
    "progress": False,
}


@pytest.fixture(autouse=True)
def _engines_loaded_anew(monkeypatch):
    monkeypatch.setattr(choice, "_loaded", choice._loaded.__class__())


@pytest.mark.parametrize("device", ["cpu", "GPU:", "GPU:x", "CPU:0", "TPU", "", None, 0])
def test_what_names_no_device_is_refused(device):
    with pytest.raises(ValueError, match="'device' parameter"):
        lf.extract_features(IMAGES, device=device, **SETTINGS)


@pytest.mark.parametrize("engine", installed_engines())
def test_the_processor_by_name_gives_the_same_space_and_rows(engine):
    by_name = lf.extract_features(IMAGES, device="CPU", engine=engine, **SETTINGS)
    chosen = lf.extract_features(IMAGES, engine=engine, **SETTINGS)
    assert by_name.spec == chosen.spec
    assert np.abs(by_name.X - chosen.X).max() <= 1e-5 * np.abs(chosen.X).max()


@pytest.mark.parametrize("engine", installed_engines())
def test_a_device_that_is_not_there(engine):
    with pytest.raises(ValueError, match=rf"device='GPU:99' is not there: engine='{engine}' finds"):
        lf.extract_features(IMAGES, device="GPU:99", engine=engine, **SETTINGS)


def test_a_warm_call_asks_for_no_device(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    held = lf.extract_features(IMAGES, cache=cache, engine="keras", **SETTINGS)
    monkeypatch.setattr(choice, "_make", None)
    choice._loaded.clear()
    again = lf.extract_features(IMAGES, cache=cache, engine="keras", device="GPU:99", **SETTINGS)
    assert np.array_equal(again.X, held.X)


@pytest.mark.parametrize(
    ("device", "available", "found"),
    [
        ("CPU", ["CPU", "GPU"], "CPU"),
        ("GPU", ["CPU", "GPU"], "GPU"),
        ("GPU:0", ["CPU", "GPU"], "GPU"),
        ("GPU", ["CPU", "GPU.0", "GPU.1"], "GPU.0"),
        ("GPU:1", ["CPU", "GPU.0", "GPU.1"], "GPU.1"),
        ("GPU:1", ["CPU:0", "GPU:0", "GPU:1"], "GPU:1"),
        ("GPU:10", ["GPU:1", "GPU:10"], "GPU:10"),
        ("CPU", ["CPU:0"], "CPU:0"),
    ],
)
def test_names_of_devices(device, available, found):
    assert find_device(device, available, "keras") == found


@pytest.mark.parametrize(("device", "available"), [("GPU", ["CPU"]), ("GPU:2", ["GPU.0", "GPU.1"])])
@pytest.mark.parametrize("engine", ["openvino", "keras"])
def test_the_message_says_what_there_is_and_what_to_do(device, available, engine):
    with pytest.raises(ValueError, match="is not there") as caught:
        find_device(device, available, engine)
    assert str(available) in str(caught.value)
    assert ("engine='keras'." if engine == "openvino" else "and-cuda") in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs TensorFlow")
def test_keras_computes_where_it_is_told():
    """Two logical processors stand for two cards: rows and weights lie on the second."""
    code = """
import numpy as np
import tensorflow as tf
one = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(one, [tf.config.LogicalDeviceConfiguration()] * 2)
from leukfeat.features.engines import devices, keras_engine
from leukfeat.features.backbones import find_backbone
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.weights import find_weights
keras_engine.find_device = lambda device, available, engine: available[1]
source = find_weights(find_backbone("mobilenetv2"), "random")
spec = FeatureSpec(backbone="mobilenetv2", weights="random", weights_digest=source.digest,
                   layers=("conv2",), input_size=(32, 32))
engine = keras_engine.KerasEngine(spec, source, device="GPU:1")
with engine._placed():
    print(engine._compute(np.zeros((2, 32, 32, 3), np.uint8)).device)
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert run.stdout.strip().endswith("CPU:1")
