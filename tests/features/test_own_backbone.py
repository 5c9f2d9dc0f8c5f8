"""A network of the user's own gives the rows that Keras gives by hand, or is refused by name."""

import dataclasses
import importlib.util
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import leukfeat as lf
from leukfeat.exceptions import WeightsError
from leukfeat.features import own_registry
from leukfeat.features.engines import choice, installed_engines
from leukfeat.features.engines.onnx_message import stores_weights_elsewhere
from leukfeat.features.spec import FeatureSpec

onnx_files = importlib.util.module_from_spec(
    importlib.util.spec_from_file_location("onnx_files", Path(__file__).with_name("onnx_files.py"))
)
onnx_files.__spec__.loader.exec_module(onnx_files)
integers, model, nested, node, number, value, varint = (
    getattr(onnx_files, name)
    for name in ("integers", "model", "nested", "node", "number", "value", "varint")
)

SIZE = 24
RULES = {
    "input_size": SIZE,
    "scale": 1 / 255,
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.25, 0.3),
    "channel_order": "BGR",
    "layout": "NHWC",
}
needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed"
)


@pytest.fixture(autouse=True)
def _engines_loaded_anew(monkeypatch):
    monkeypatch.setattr(choice, "_loaded", choice._loaded.__class__())
    monkeypatch.setattr(own_registry, "_registered", {})


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    """Return a convolution, relu and mean over positions, with drawn weights."""
    import keras

    pixels = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="map")(pixels)
    x = keras.layers.GlobalAveragePooling2D(name="vector")(x)
    model = keras.Model(pixels, x)
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(size=w.shape).astype("f4") for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def keras_file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "own.keras"
    network.save(path)
    return path


@pytest.fixture
def write_onnx(network, tmp_path):
    def write(name="own.onnx", **settings):
        kernel, bias = network.get_weights()
        path = tmp_path / name
        path.write_bytes(
            onnx_files.convolution(kernel, bias, SIZE, **({"pooled": True} | settings))
        )
        return path

    return write


def own(file, **changes):
    return lf.Backbone(name="own", file=file, **(RULES | changes))


def extract(images, backbone, **settings):
    return lf.extract_features(images, backbone=backbone, progress=False, **settings)


def by_hand(network, images, layer="vector"):
    """What a user would write: BGR, scaled, then mean and deviation a channel."""
    import keras

    x = (images[..., ::-1].astype(np.float32) / 255 - RULES["mean"]) / RULES["std"]
    model = keras.Model(network.input, network.get_layer(layer).output)
    return model.predict(x.astype(np.float32), verbose=0)


def assert_rows(found, expected):
    difference = np.abs(found - expected).max(axis=1) / np.abs(expected).max(axis=1)
    assert difference.max() < 1e-5


@pytest.mark.parametrize("engine", installed_engines())
def test_keras_rows_are_those_of_predict(images, network, keras_file, engine):
    features = extract(images, own(keras_file), engine=engine)
    assert features.shape == (5, 6)
    assert_rows(features.X, by_hand(network, images))


@pytest.mark.parametrize("engine", installed_engines())
@pytest.mark.parametrize("pooling", ["avg", "gem"])
def test_a_map_is_pooled_as_declared(images, network, keras_file, engine, pooling):
    features = extract(images, own(keras_file, output="map", pooling=pooling), engine=engine)
    values = by_hand(network, images, "map").astype(float)
    if pooling == "avg":
        expected = values.mean(axis=(1, 2))
    else:
        expected = np.cbrt((np.maximum(values, 1e-6) ** 3).mean(axis=(1, 2)))
    assert_rows(features.X, expected)


@needs_openvino
@pytest.mark.parametrize("batch", ["batch", 1, 4])
@pytest.mark.parametrize("pooled", [True, False])
def test_onnx_rows_are_those_of_predict(images, network, write_onnx, pooled, batch):
    backbone = own(write_onnx(pooled=pooled, batch=batch), layout="NCHW")
    features = extract(images, backbone)
    assert features.spec.engine == "openvino"
    assert_rows(features.X, by_hand(network, images))


@needs_openvino
def test_an_inner_tensor_of_onnx_is_pooled_as_declared(images, network, write_onnx):
    backbone = own(write_onnx(), layout="NCHW", output="map", pooling="gem")
    values = by_hand(network, images, "map").astype(float)
    expected = np.cbrt((np.maximum(values, 1e-6) ** 3).mean(axis=(1, 2)))
    assert_rows(extract(images, backbone).X, expected)


def test_keras_with_channels_first(images, network, tmp_path):
    import keras

    pixels = keras.Input((3, SIZE, SIZE))
    model = keras.Model(pixels, network(keras.layers.Permute((2, 3, 1))(pixels)))
    model.save(tmp_path / "first.keras")
    features = extract(images, own(tmp_path / "first.keras", layout="NCHW"), engine="keras")
    assert_rows(features.X, by_hand(network, images))


def test_every_declaration_is_a_space_of_its_own(images, keras_file):
    plain = own(keras_file)
    changed = [
        own(keras_file, mean=0.5),
        own(keras_file, std=(0.2, 0.25, 0.31)),
        own(keras_file, scale=1 / 256),
        own(keras_file, channel_order="RGB"),
        own(keras_file, output="vector"),
    ]
    rows = [extract(images, one, engine="keras") for one in [plain, *changed]]
    assert len({one.spec.digest for one in rows}) == 6
    for one in rows[1:5]:
        assert np.abs(one.X - rows[0].X).max() > 1e-4
    assert rows[0].spec.preprocessing is not None
    assert FeatureSpec.from_json(rows[0].spec.to_json()) == rows[0].spec
    # Neither licence nor provenance changes a value.
    told = own(keras_file, licence="MIT", trained_on="c-nmc-2019")
    assert extract(images, told, engine="keras").spec == rows[0].spec


def test_by_its_registered_name(images, keras_file):
    first = lf.register_backbone("by-name", keras_file, **RULES)
    assert "by-name" in lf.registered_backbones()
    by_object = extract(images, first, engine="keras")
    assert np.array_equal(extract(images, "by-name", engine="keras").X, by_object.X)
    assert lf.register_backbone("by-name", keras_file, **RULES) == first
    with pytest.raises(ValueError, match="overwrite=True"):
        lf.register_backbone("by-name", keras_file, **RULES | {"scale": 1.0})
    lf.register_backbone("by-name", keras_file, overwrite=True, **RULES | {"scale": 1.0})
    assert extract(images, "by-name", engine="keras").spec != by_object.spec
    with pytest.raises(ValueError, match="needs 'file'"):
        lf.register_backbone("nothing")
    with pytest.raises(ValueError, match="stock network"):
        lf.register_backbone("resnet50", keras_file, **RULES)
    with pytest.raises(ValueError, match="by-name"):
        extract(images, "by-nome")


def test_rows_are_cached_and_planned(images, keras_file, tmp_path, monkeypatch):
    backbone = own(keras_file)
    cells = lf.CellDataset.from_arrays(images)
    plan = extract(cells, backbone, cache=tmp_path / "cache", dry_run=True)
    assert plan.rows_missing == 5
    first = extract(cells, backbone, cache=tmp_path / "cache", engine="keras")
    monkeypatch.setattr(choice, "_make", None)  # a warm call loads no engine
    monkeypatch.setattr(choice, "_loaded", {})
    assert np.array_equal(extract(cells, backbone, cache=tmp_path / "cache").X, first.X)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a/b"}, "'name'"),
        ({"input_size": 0}, "'input_size'"),
        ({"input_size": (24.0, 24)}, "'input_size'"),
        ({"mean": (1, 2)}, "'mean'"),
        ({"mean": "0.5"}, "'mean'"),
        ({"std": (1, 0, 1)}, "'std'"),
        ({"std": (1, float("nan"), 1)}, "'std'"),
        ({"scale": 0}, "'scale'"),
        ({"channel_order": "GBR"}, "'channel_order'.*'RGB', 'BGR'"),
        ({"layout": "HWC"}, "'layout'"),
        ({"pooling": "max"}, "'pooling'"),
        ({"output": ""}, "'output'"),
        ({"trained_on": [1]}, "'trained_on'"),
    ],
)
def test_wrong_declarations_are_refused_by_name(keras_file, changes, message):
    with pytest.raises(ValueError, match=message):
        lf.Backbone(**{"name": "own", "file": keras_file} | RULES | changes)


def test_wrong_files_are_refused_by_name(tmp_path):
    with pytest.raises(WeightsError, match="does not exist"):
        own(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("weights")
    with pytest.raises(WeightsError, match="no keras file"):
        own(tmp_path / "text.keras")
    (tmp_path / "model.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(WeightsError, match=r"'.keras' or '.onnx'"):
        own(tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("hello", "")
    with pytest.raises(WeightsError, match=r"damaged, or no file of model\.save"):
        extract(np.zeros((1, 8, 8, 3), np.uint8), own(tmp_path / "empty.keras"), engine="keras")


def test_a_file_that_changes_is_noticed(images, network, keras_file, tmp_path):
    path = tmp_path / "changing.keras"
    path.write_bytes(keras_file.read_bytes())
    backbone = own(path)
    network.save(path)
    if path.read_bytes() == keras_file.read_bytes():
        path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(WeightsError, match="has changed"):
        extract(images, backbone)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layout": "NCHW"}, r"layout='NCHW'.*declare \(n, 3, 24, 24\)"),
        ({"input_size": 32}, r"takes an input of shape \(n, 24, 24, 3\)"),
        ({"output": "nothing"}, "no layer 'nothing'.*'vector'"),
    ],
)
def test_a_network_that_does_not_fit_its_declaration(images, keras_file, changes, message):
    with pytest.raises(WeightsError, match=message):
        extract(images, own(keras_file, **changes), engine="keras")


def test_tokens_are_neither_a_vector_nor_a_map(images, network, tmp_path):
    import keras

    tokens = keras.layers.Reshape((-1, 6))(network.get_layer("map").output)
    keras.Model(network.input, tokens).save(tmp_path / "tokens.keras")
    with pytest.raises(WeightsError, match=r"shape \(n, 576, 6\).*class token"):
        extract(images, own(tmp_path / "tokens.keras"), engine="keras")


@pytest.mark.parametrize("engine", installed_engines())
def test_weights_that_give_nan_are_refused_and_nothing_is_kept(images, network, tmp_path, engine):
    import keras

    broken = keras.models.clone_model(network)
    broken.set_weights([np.full_like(w, np.nan) for w in network.get_weights()])
    broken.save(tmp_path / "nan.keras")
    with pytest.raises(WeightsError, match="holds NaN or infinite values"):
        extract(images, own(tmp_path / "nan.keras"), engine=engine, cache=tmp_path / "cache")
    stores = list((tmp_path / "cache").glob("*.h5"))
    assert not stores or not len(lf.features.store.StoreReader(str(stores[0])))


@needs_openvino
def test_onnx_with_nan_is_refused(images, network, tmp_path):
    kernel, bias = network.get_weights()
    path = tmp_path / "nan.onnx"
    path.write_bytes(onnx_files.convolution(kernel * np.nan, bias, SIZE, pooled=True))
    with pytest.raises(WeightsError, match="holds NaN"):
        extract(images, own(path, layout="NCHW"))


def test_values_that_overflow_are_refused(images, network, tmp_path):
    import keras

    large = keras.models.clone_model(network)
    large.set_weights([np.full_like(w, 3e38) for w in network.get_weights()])
    large.save(tmp_path / "large.keras")
    with pytest.raises(WeightsError, match=r"NaN or infinite values \(6 of 6\)"):
        extract(images, own(tmp_path / "large.keras"), engine="keras")


def test_nan_for_one_image_names_it(images, engine_of_rows):
    rows = np.ones((5, 4), np.float32)
    rows[3, 1] = np.nan
    engine_of_rows(rows)
    with pytest.raises(WeightsError, match="image 3"):
        lf.extract_features(images, weights="random", progress=False)


@pytest.fixture
def engine_of_rows(monkeypatch):
    from leukfeat.features import extraction_run

    class Given:
        versions = {}  # noqa: RUF012

        def __init__(self, rows):
            self.rows, self.n_features = rows, rows.shape[1]

        def stream(self, inputs, batch_size):
            for row, _ in zip(self.rows, inputs, strict=False):
                yield row

    def put(rows):
        monkeypatch.setattr(extraction_run, "load_engine", lambda spec, source: Given(rows))

    return put


def lambda_model(network):
    import keras

    return keras.Model(network.input, keras.layers.Lambda(lambda x: x * 2)(network.output))


@pytest.fixture
def keras_reads_nothing(monkeypatch):
    import keras

    monkeypatch.setattr(keras.models, "load_model", None)


def test_code_in_a_keras_file_is_refused(images, network, tmp_path, keras_reads_nothing):
    lambda_model(network).save(tmp_path / "lambda.keras")
    with pytest.raises(WeightsError, match=r"code of its author's.*Lambda"):
        extract(images, own(tmp_path / "lambda.keras"), engine="keras")


@pytest.mark.parametrize("module", ["os", "builtins", "leukfeat.cnn.layers", "keras_evil", ""])
def test_foreign_modules_in_a_keras_file_are_refused(
    images, keras_file, tmp_path, module, keras_reads_nothing
):
    path = tmp_path / "foreign.keras"
    with zipfile.ZipFile(keras_file) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"][1]["module"] = module
                config["config"]["layers"][1]["class_name"] = "system"
                content = json.dumps(config).encode()
            target.writestr(name, content)
    with pytest.raises(WeightsError, match=r"code of its author's.*system"):
        extract(images, own(path), engine="keras")


def test_choices_that_a_declaration_has_made_are_refused(images, keras_file, tmp_path):
    backbone = own(keras_file)
    for settings in (
        {"layers": "conv4"},
        {"pooling": "gem"},
        {"mask": "background"},
        {"input_size": 48},
        {"weights": "random"},
    ):
        with pytest.raises(ValueError, match=next(iter(settings))):
            extract(images, backbone, **settings)
    with pytest.raises(ValueError, match="uint8"):
        extract(images.astype(np.float32) / 255, backbone)


def test_onnx_is_run_by_openvino_only(images, write_onnx):
    with pytest.raises(ValueError, match=r"run by \['openvino'\] only"):
        extract(images, own(write_onnx(), layout="NCHW"), engine="keras")


def test_onnx_without_openvino_names_the_extra(images, write_onnx, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "openvino" else find(name, *a)
    )
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    with pytest.raises(ImportError, match=r"leukfeat\[fast\].*nothing else runs"):
        extract(images, own(write_onnx(), layout="NCHW"))


@needs_openvino
@pytest.mark.parametrize(
    ("written", "declared", "message"),
    [
        ({"external": True}, {}, "external_data=False"),
        ({"kind": "Strange"}, {}, "OpenVINO cannot read"),
        ({}, {"layout": "NHWC"}, r"layout='NHWC'.*declare \(n, 24, 24, 3\)"),
        ({}, {"input_size": 32}, "input_size"),
        ({}, {"output": "nothing"}, "no tensor 'nothing'.*'vector'"),
    ],
)
def test_onnx_that_cannot_be_used_is_refused(images, write_onnx, written, declared, message):
    backbone = own(write_onnx(**written), **{"layout": "NCHW"} | declared)
    with pytest.raises(WeightsError, match=message):
        extract(images, backbone)


def external(name, shape):
    entry = nested(1, "location") + nested(2, "elsewhere.bin")
    sides = b"".join(number(1, side) for side in shape)
    return sides + number(2, 1) + nested(8, name) + nested(13, entry) + number(14, 1)


def of_a_constant(kernel):
    """Write the network with its kernel in an attribute of a node, not among the initialisers."""
    attribute = nested(
        5, nested(1, "value") + nested(5, external("kernel", kernel)) + number(20, 4)
    )
    nodes = [
        node("Constant", [], "kernel", attribute),
        node("Conv", ["image", "kernel"], "map", integers("pads", [1, 1, 1, 1])),
        node("GlobalAveragePool", ["map"], "mean"),
        node("Flatten", ["mean"], "vector"),
    ]
    given, taken = value("image", ["batch", 3, 24, 24]), value("vector", ["batch", kernel[0]])
    return model(nodes, [], [given], [taken])


@needs_openvino
def test_a_second_file_of_a_node_is_refused_too(images, tmp_path):
    """Its digest would not cover the weights: they could change, and the rows with them."""
    openvino = pytest.importorskip("openvino")
    path, shape = tmp_path / "second.onnx", (4, 3, 3, 3)
    path.write_bytes(of_a_constant(shape))
    for scale in (1, 7):  # OpenVINO reads it, and whatever stands in the second file
        np.full(shape, scale, np.float32).tofile(tmp_path / "elsewhere.bin")
        read = openvino.Core().read_model(path)
        [held] = [
            o.data for o in read.get_ops() if o.get_type_name() == "Constant" and o.data.ndim == 4
        ]
        assert (held == scale).all()
    with pytest.raises(WeightsError, match="keeps weights in a second file"):
        extract(images, own(path, layout="NCHW"))


T = external("t", (1,))
PLAIN = nested(8, "t") + nested(9, bytes(4))


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda t: nested(7, nested(5, t)),
        lambda t: nested(7, nested(15, nested(1, t))),
        lambda t: nested(7, nested(15, nested(2, t))),
        lambda t: nested(7, nested(1, nested(5, nested(10, t)))),
        lambda t: nested(7, nested(1, nested(5, nested(22, nested(1, t))))),
        lambda t: nested(7, nested(1, nested(5, nested(23, nested(2, t))))),
        lambda t: nested(7, nested(1, nested(5, nested(6, nested(5, t))))),
        lambda t: nested(7, nested(1, nested(5, nested(11, nested(1, nested(5, nested(5, t))))))),
        lambda t: nested(7, b"") + nested(25, nested(7, nested(5, nested(5, t)))),
        lambda t: nested(7, b"") + nested(25, nested(11, nested(5, t))),
        lambda t: nested(7, b"") + nested(20, nested(1, nested(5, t))),
    ],
)
def test_every_place_of_a_tensor_is_looked_at(tmp_path, wrapped):
    path = tmp_path / "a.onnx"
    for tensor, expected in ((PLAIN, False), (T, True), (PLAIN + number(14, (1 << 32) + 1), True)):
        path.write_bytes(wrapped(tensor))
        assert stores_weights_elsewhere(path) is expected


@pytest.mark.parametrize(
    "content",
    [
        b"",
        nested(8, "x"),
        nested(7, b"")[:1],
        varint(100 << 3 | 3) + nested(7, b""),
        nested(7, varint(5 << 3 | 2) + varint(9)),
    ],
)
def test_a_message_that_cannot_be_followed_is_refused(tmp_path, content):
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="it "):
        stores_weights_elsewhere(path)


@needs_openvino
@pytest.mark.parametrize("content", [b"onnx", b"\x08\x08", b"\xff" * 40, b""])
def test_what_is_no_onnx_is_refused(images, tmp_path, content):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.onnx"):
        extract(images, own(path, layout="NCHW"))


def test_a_declaration_is_frozen_and_comes_back(keras_file):
    backbone = own(keras_file, trained_on=["a", "b"], licence="MIT")
    with pytest.raises(dataclasses.FrozenInstanceError):
        backbone.scale = 1.0
    values = json.loads(json.dumps(backbone.to_dict()))
    assert str(keras_file) not in json.dumps(values)
    assert lf.Backbone.from_dict(values, str(keras_file)) == backbone
    with pytest.raises(WeightsError, match="expected sha256:00"):
        lf.Backbone.from_dict(values | {"digest": "sha256:00"}, str(keras_file))


@pytest.mark.parametrize("name", ["ResNet50", "resnet-50", "resnet_50"])
def test_a_name_that_is_nearly_one_is_recognised(name):
    with pytest.raises(ValueError, match="Did you mean 'resnet50'"):
        own_registry.resolve_backbone(name)


def test_a_model_in_memory_is_sent_to_a_file(keras_file):
    import keras

    model = keras.models.load_model(keras_file)
    with pytest.raises(ValueError, match=r"model\.save\('NAME\.keras'\), and give Backbone\("):
        own_registry.resolve_backbone(model)
