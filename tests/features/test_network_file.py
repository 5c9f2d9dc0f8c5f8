"""A network file gives what Keras gives, and is put together once."""

import keras
import numpy as np
import pytest

from leukfeat.features.network_file import load_network


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network with layers in common, random layers and a trained optimiser."""
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    shared = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, padding="same")])
    x = keras.layers.Concatenate()([shared(image), shared(image[:, ::-1])])
    x = keras.layers.Dropout(0.5)(keras.layers.BatchNormalization()(x))
    model = keras.Model(
        image, keras.layers.Dense(2, name="last")(keras.layers.GlobalAveragePooling2D()(x))
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    pixels = np.random.default_rng(0).random((6, 8, 8, 3), np.float32)
    model.train_on_batch(pixels, np.ones((6, 2)))
    path = tmp_path_factory.mktemp("network") / "a.keras"
    model.save(path)
    return path, pixels


@pytest.mark.parametrize("compile", [False, True])
def test_it_is_what_keras_reads(saved, compile):
    path, pixels = saved
    keras.utils.set_random_seed(1)  # a file does not hold the state of Dropout
    ours = load_network(path, compile=compile)
    keras.utils.set_random_seed(1)
    keras_reads = keras.models.load_model(path, compile=compile)
    assert [one.name for one in ours.layers] == [one.name for one in keras_reads.layers]
    assert [v.name for v in ours.variables] == [v.name for v in keras_reads.variables]
    for one, other in zip(ours.variables, keras_reads.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(ours(pixels), keras_reads(pixels))
    assert ours.compiled == keras_reads.compiled == compile
    if compile:
        states = [model.optimizer.variables for model in (ours, keras_reads)]
        assert int(ours.optimizer.iterations) == 1
        for one, other in zip(*states, strict=True):
            np.testing.assert_array_equal(one, other)
        losses = [model.train_on_batch(pixels, np.ones((6, 2))) for model in (ours, keras_reads)]
        assert losses[0] == losses[1]


def test_it_is_put_together_once(saved, monkeypatch):
    built, build = [], keras.layers.Dense.build
    monkeypatch.setattr(
        keras.layers.Dense,
        "build",
        lambda self, input_shape: built.append(self.name) or build(self, input_shape),
    )
    load_network(saved[0], compile=True)
    assert built == ["last"]


def test_weights_are_read_where_there_is_no_room_for_a_copy(saved, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zipfile.ZipFile.extract", full)
    ours, pixels = load_network(saved[0], compile=False), saved[1]
    np.testing.assert_array_equal(ours(pixels), keras.models.load_model(saved[0])(pixels))
