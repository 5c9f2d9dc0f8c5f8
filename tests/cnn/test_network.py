import random

import numpy as np
import pytest

from leukfeat.cnn import CNNConfig
from leukfeat.cnn.network import build_network

SMALL = CNNConfig(input_size=(32, 32), filters=(4, 6), dense=(5,), learning_rate=0.01)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "leaky_relu", "padding": "valid", "kernel_size": (5, 3)},
        {"activation": "prelu", "pooling": "average", "batch_norm": False},
        {"activation": "sigmoid", "readout": "max", "convolutions": 2, "l2": 0.0},
        {"standardise": "image", "optimizer": "sgd", "dropout": 0.0, "dense": ()},
        {"attention": ("channel", "spatial"), "optimizer": "rmsprop"},
        {"block": "dilated_residual", "attention": ("spatial",), "readout": "average"},
    ],
    ids=lambda settings: next(iter(settings.values())),
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_option_builds_learns_and_loads_in_safe_mode(settings, n_classes, tmp_path):
    import keras

    from leukfeat.cnn.steps import Steps

    # Without dropout, whose noise would hide whether it learns.
    model = build_network(SMALL.replace(**{"dropout": 0.0, **settings}), n_classes)
    steps = Steps(model)
    batch = PIXELS, np.arange(3) % n_classes, np.ones(3, np.float32)
    first = steps.learn(*batch)
    for _ in range(15):
        last = steps.learn(*batch)
    assert last.loss < first.loss
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(model(PIXELS), loaded(PIXELS))
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)


def test_settings_are_in_the_network():
    import keras

    model = build_network(SMALL.replace(convolutions=2, kernel_size=5, padding="valid"), 2)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [4, 4, 6, 6]
    assert {layer.kernel_size for layer in convolutions} == {(5, 5)}
    assert {layer.padding for layer in convolutions} == {"valid"}
    assert convolutions[0].kernel_regularizer is not None
    assert sum(isinstance(layer, keras.layers.Dropout) for layer in model.layers) == 1


def test_dilations_are_in_the_network():
    import keras

    config = SMALL.replace(block="dilated_residual", dilation_rates=(1, 3))
    layers = build_network(config, 2).layers
    rates = [x.dilation_rate[0] for x in layers if isinstance(x, keras.layers.Conv2D)]
    assert rates.count(3) == 2


def test_image_standardisation_undoes_brightness_and_contrast():
    model = build_network(SMALL.replace(standardise="image"), 2)
    darker = PIXELS * 0.5 + 20
    np.testing.assert_allclose(model(PIXELS), model(darker), atol=5e-3)
    plain = build_network(SMALL, 2)
    assert abs(np.asarray(plain(PIXELS)) - np.asarray(plain(darker))).max() > 5e-3


def test_dataset_standardisation_uses_the_moments():
    config = SMALL.replace(standardise="dataset")
    with pytest.raises(ValueError, match="channel_moments"):
        build_network(config, 2)
    shifted = build_network(config, 2, channel_moments=(np.full(3, 100.0), np.full(3, 25.0)))
    at_zero = build_network(config, 2, channel_moments=(np.zeros(3), np.full(3, 25.0)))
    np.testing.assert_allclose(shifted(PIXELS + 100), at_zero(PIXELS), atol=1e-4)


def test_one_seed_one_network_and_the_global_states_are_left_alone():
    np.random.seed(7)  # noqa: NPY002 - it is the global state that must not move
    random.seed(7)
    before = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    one, same, other = (build_network(SMALL, 2, random_state=s).get_weights() for s in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(one, same, strict=True))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert random.getstate() == before[1]


def test_the_loss_must_fit_the_classes():
    with pytest.raises(ValueError, match="categorical"):
        build_network(SMALL.replace(loss="binary"), 3)
    with pytest.raises(ValueError, match="two classes"):
        build_network(SMALL, 1)
    assert build_network(SMALL.replace(loss="categorical"), 2).output_shape == (None, 2)
