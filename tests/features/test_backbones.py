"""Every network against plain Keras: its own preprocessing, its own last map."""

import dataclasses

import numpy as np
import pytest

from leukfeat.features.backbones import find_backbone
from leukfeat.features.engines.keras_engine import KerasEngine
from leukfeat.features.engines.pooling import GEM_POWER
from leukfeat.features.spec import FeatureSpec
from leukfeat.features.stock_backbones import BACKBONES
from leukfeat.features.weights import WeightsSource, find_weights, load_weights

QUICK = ("mobilenetv2", "convnexttiny")
NAMES = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in BACKBONES
]


def make_spec(name, source, **settings):
    side = find_backbone(name).least_size
    return FeatureSpec(
        backbone=name,
        weights=source.kind,
        weights_digest=source.digest,
        input_size=(side, side),
        **settings,
    )


def make_pixels(side):
    pixels = np.random.default_rng(0).integers(1, 256, (3, side, side, 3), dtype=np.uint8)
    pixels[1, : side // 2] = 0
    return pixels


def rows_of(spec, source, pixels):
    return np.stack(list(KerasEngine(spec, source).stream(pixels, len(pixels))))


def largest_difference(a, b):
    return (np.abs(a - b).max(axis=1) / np.abs(b).max(axis=1)).max()


def plain_keras(name, weights, pixels):
    """What a user would write by hand."""
    import importlib

    import keras

    backbone = BACKBONES[name]
    module = importlib.import_module(f"keras.applications.{backbone.module}")
    model = getattr(keras.applications, backbone.constructor)(
        include_top=False, weights=weights, pooling="avg", input_shape=pixels.shape[1:]
    )
    return model.predict(module.preprocess_input(pixels.astype(np.float32)), verbose=0)


@pytest.fixture
def own_file(tmp_path):
    """Write seeded random weights of a network to a file."""

    def write(name):
        backbone = find_backbone(name)
        side = backbone.least_size
        model = load_weights(backbone, find_weights(backbone, "random", 1), (side, side))
        path = str(tmp_path / f"{name}.weights.h5")
        model.save_weights(path)
        return path

    return write


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_predict(name, own_file):
    path = own_file(name)
    source = find_weights(find_backbone(name), path)
    spec = make_spec(name, source)
    pixels = make_pixels(spec.input_size[0])
    rows = rows_of(spec, source, pixels)
    expected = plain_keras(name, path, pixels)
    assert expected.std() > 0
    assert rows.shape == (3, BACKBONES[name].count_features(("avg_pool",)))
    assert largest_difference(rows, expected) < 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_the_registry_tells_the_truth(name):
    backbone = BACKBONES[name]
    model = backbone.build(backbone.input_size, None)
    sides = []
    for stage, (_, channels) in backbone.stages.items():
        map_shape = backbone.stage_map(model, stage).shape
        assert map_shape[-1] == channels
        sides.append(map_shape[1])
    assert sides == sorted(sides, reverse=True)
    last = backbone.stage_map(model, "avg_pool")
    if backbone.norm_after_pooling:
        assert model.layers[-1].input is last
    else:
        assert model.output is last


def test_imagenet_efficientnet_by_path_is_as_by_name(own_file, monkeypatch):
    # Keras multiplies in the stem only where the weights are asked for by name.
    from keras.src.applications import efficientnet

    path = own_file("efficientnetb0")
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *args, **kwargs: path)
    backbone = find_backbone("efficientnetb0")
    source = WeightsSource("imagenet", backbone.imagenet_digest, path=path)
    spec = make_spec("efficientnetb0", source)
    pixels = make_pixels(spec.input_size[0])
    by_name = plain_keras("efficientnetb0", "imagenet", pixels)
    by_path = plain_keras("efficientnetb0", path, pixels)
    rows = rows_of(spec, source, pixels)
    assert largest_difference(rows, by_name) < 1e-5
    assert largest_difference(by_path, by_name) > 1e-2


def test_keras_gives_the_addresses_and_digests():
    from keras.src.applications import convnext, efficientnet, resnet, vgg16, vgg19

    for depth in (50, 101, 152):
        name = f"resnet{depth}"
        assert BACKBONES[name].imagenet_digest == f"md5:{resnet.WEIGHTS_HASHES[name][1]}"
        assert BACKBONES[name].imagenet_url.startswith(resnet.BASE_WEIGHTS_PATH)
    assert BACKBONES["vgg16"].imagenet_url == vgg16.WEIGHTS_PATH_NO_TOP
    assert BACKBONES["vgg19"].imagenet_url == vgg19.WEIGHTS_PATH_NO_TOP
    assert BACKBONES["efficientnetb0"].imagenet_digest == (
        f"md5:{efficientnet.WEIGHTS_HASHES['b0'][1]}"
    )
    assert BACKBONES["convnexttiny"].imagenet_digest == (
        f"sha256:{convnext.WEIGHTS_HASHES['convnext_tiny'][1]}"
    )
    assert BACKBONES["convnexttiny"].imagenet_url.startswith(convnext.BASE_WEIGHTS_PATH)


@pytest.fixture(scope="module")
def maps():
    """Return pixels, the plain map of a stage, and the settings of its space."""
    import keras

    backbone = find_backbone("mobilenetv2")
    source = find_weights(backbone, "random", 2)
    spec = dataclasses.replace(make_spec("mobilenetv2", source), layers=("conv3",))
    pixels = make_pixels(32)
    network = load_weights(backbone, source, (32, 32))
    model = keras.Model(network.input, network.get_layer("block_5_add").output)
    values = model.predict(backbone.preprocessing()(pixels.astype(np.float32)), verbose=0)
    assert values.shape == (3, 4, 4, 32)
    return spec, source, pixels, values


def test_gem_is_the_root_of_the_mean_of_powers(maps):
    spec, source, pixels, values = maps
    rows = rows_of(dataclasses.replace(spec, pooling="gem"), source, pixels)
    powers = np.maximum(values.astype(float), 1e-6) ** GEM_POWER
    assert largest_difference(rows, powers.mean(axis=(1, 2)) ** (1 / GEM_POWER)) < 1e-5


def test_masked_pooling_leaves_background_out(maps):
    spec, source, pixels, values = maps
    plain = rows_of(spec, source, pixels)
    rows = rows_of(dataclasses.replace(spec, mask="background"), source, pixels)
    # The upper half of the second image is 0: the two upper rows of its map are left out.
    assert largest_difference(rows[1:2], values[1:2, 2:].mean(axis=(1, 2))) < 1e-5
    assert largest_difference(rows[1:2], plain[1:2]) > 1e-3
    assert largest_difference(rows[::2], plain[::2]) < 1e-6
    nothing = np.zeros_like(pixels)
    same = rows_of(dataclasses.replace(spec, mask="background"), source, nothing)
    assert largest_difference(same, rows_of(spec, source, nothing)) < 1e-6
