"""A user's own network, and a network of fit_cnn, travel inside the model file."""

import io
import json
import zipfile

import keras
import numpy as np
import pytest

import leukfeat as lf
from leukfeat.classifier import ModelFileError
from leukfeat.classifier.model_file import MODEL_FORMAT_VERSION
from leukfeat.exceptions import SeenByBackboneWarning, SpecMismatchError, WeightsError
from leukfeat.features import own_registry, seen_data

SIZE = 32
RULES = {
    "input_size": SIZE,
    "scale": 1 / 255,
    "mean": 0.5,
    "std": 0.25,
    "channel_order": "RGB",
    "layout": "NHWC",
    "trained_on": ("some-cells",),
    "licence": "MIT",
}


@pytest.fixture(autouse=True)
def _nothing_registered(monkeypatch):
    monkeypatch.setattr(own_registry, "_registered", {})


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    pixels = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(pixels)
    model = keras.Model(pixels, x)
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(size=w.shape) for w in model.get_weights()])
    path = tmp_path_factory.mktemp("own") / "own.keras"
    model.save(path)
    return lf.Backbone(name="own", file=path, **RULES)


@pytest.fixture(scope="module")
def features(cells, backbone):
    return lf.extract_features(cells, backbone=backbone, engine="keras", progress=False)


@pytest.fixture(scope="module")
def classifier(features, backbone):
    head = lf.fit_head(features, "logistic_regression", tune=False)
    return lf.CellClassifier(head, features, backbone=backbone)


def test_predictions_are_the_same_where_the_file_is_not(classifier, cells, backbone, tmp_path):
    path = lf.save_model(classifier, tmp_path / "own.leukfeat")
    again = lf.load_model(path)
    assert again.backbone.file != backbone.file
    assert again.backbone.to_dict() == backbone.to_dict()
    settings = {"engine": "keras", "progress": False}
    before, after = classifier.predict(cells, **settings), again.predict(cells, **settings)
    np.testing.assert_allclose(after["p_all"], before["p_all"], rtol=0, atol=1e-9)
    with zipfile.ZipFile(path) as archive:
        about = archive.read("model.json").decode()
    assert json.loads(about)["format_version"] == MODEL_FORMAT_VERSION
    assert backbone.file not in about


def test_what_a_network_has_seen_is_known_as_soon_as_a_model_is_read(
    classifier, features, tmp_path, monkeypatch
):
    path = lf.save_model(classifier, tmp_path / "own.leukfeat")
    monkeypatch.setattr(seen_data, "_by_digest", {})  # as in a new process
    assert seen_data.seen_by(features.spec).datasets == ()
    head = lf.load_model(path).head
    assert seen_data.seen_by(features.spec).datasets == ("some-cells",)
    given = {"spec": features.spec, "class_names": features.class_names, "positive": "all"}
    subjects = [f"new {one}" for one in features.subjects]
    test = lf.FeatureSet(features.X, features.y, subjects=subjects, name="some-cells 2", **given)
    with pytest.warns(SeenByBackboneWarning, match="trained on some-cells"):
        lf.evaluate(head, test)


def test_the_backbone_must_be_the_one_of_the_head(classifier, features, backbone, made_features):
    head = classifier.head
    with pytest.raises(WeightsError, match="backbone=BACKBONE"):
        lf.CellClassifier(head, features)
    lf.register_backbone(backbone)
    assert lf.CellClassifier(head, features).backbone == backbone
    other = lf.Backbone(name="own", file=backbone.file, **RULES | {"mean": 0.0})
    with pytest.raises(SpecMismatchError, match="is not the one"):
        lf.CellClassifier(head, features, backbone=other)
    with pytest.raises(ValueError, match="leave 'weights' out"):
        lf.CellClassifier(head, features, backbone=backbone, weights="a.weights.h5")
    stock = lf.fit_head(made_features, "logistic_regression", tune=False)
    with pytest.raises(ValueError, match="leave 'backbone' out"):
        lf.CellClassifier(stock, made_features, backbone=backbone)


@pytest.mark.parametrize(
    "change", [{"digest": "sha256:00"}, {"kind": "onnx"}, {"scale": 0}, {"surprise": 1}]
)
def test_a_declaration_that_was_changed_is_refused(classifier, tmp_path, change):
    path = lf.save_model(classifier, tmp_path / "own.leukfeat")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(members["model.json"])
    about["backbone"] |= change
    members["model.json"] = json.dumps(about).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ModelFileError, match="backbone that cannot be used"):
        lf.load_model(path)


def test_models_of_stock_networks_stay_readable_by_older_versions(made_features, tmp_path):
    head = lf.fit_head(made_features, "logistic_regression", tune=False)
    path = lf.save_model(head, tmp_path / "stock.leukfeat")
    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("model.json"))["format_version"] == 1


@pytest.fixture(scope="module")
def network(cells):
    settings = {"input_size": (32, 32), "filters": (8, 8), "dense": (8,), "progress": False}
    return lf.fit_cnn(cells, epochs=1, patience=None, **settings)


@pytest.mark.parametrize("name", ["cnn.leukfeat", "cnn.keras"])
def test_a_cnn_is_opened_by_the_same_call(network, cells, tmp_path, name):
    again = lf.load_model(lf.save_model(network, tmp_path / name))
    assert isinstance(again, lf.CNNClassifier)
    np.testing.assert_array_equal(again.predict_proba(cells), network.predict_proba(cells))
    assert again.train_subjects_ == network.train_subjects_


@pytest.mark.parametrize("name", ["cnn.leukfeat", "cnn.keras"])
def test_a_cnn_with_code_in_it_is_refused(network, tmp_path, name):
    path = lf.save_model(network, tmp_path / name)
    if name.endswith("keras"):
        path.write_bytes(with_lambda(path.read_bytes()))
    else:
        import hashlib

        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read("model.json"))
            content = with_lambda(archive.read("cnn.keras"))
        about["members"]["cnn.keras"] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model.json", json.dumps(about))
            archive.writestr("cnn.keras", content)
    with pytest.raises(ModelFileError, match=r"code of its author's.*Lambda"):
        lf.load_model(path)


def with_lambda(content):
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            member = old.read(name)
            if name == "config.json":
                config = json.loads(member)
                config["config"]["layers"][-1]["class_name"] = "Lambda"
                member = json.dumps(config).encode()
            new.writestr(name, member)
    return target.getvalue()


def test_a_keras_file_of_other_origin_is_refused(backbone):
    with pytest.raises(ModelFileError, match="no network saved by leukfeat"):
        lf.load_model(backbone.file)
