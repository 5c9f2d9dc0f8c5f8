import json
import pickle
import subprocess
import zipfile
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest

from leukfeat import CellDataset, evaluate, load_model, save_model
from leukfeat.classifier import ModelFileError
from leukfeat.cnn import fit_cnn, load_cnn, read_cells
from leukfeat.cnn.learning_curves import plot_learning_curves
from leukfeat.exceptions import LeakageError, SpecMismatchError


def test_datasets_arrays_paths_and_decoded_images_are_all_taken(trained, other_discs):
    wanted = trained.predict_proba(other_discs)
    assert wanted.shape == (30, 2)
    np.testing.assert_allclose(wanted.sum(axis=1), 1)
    for cells in (
        trained.read_cells(other_discs),
        other_discs.images,
        np.stack(other_discs.images),
    ):
        np.testing.assert_allclose(trained.predict_proba(cells), wanted, atol=1e-6)
    assert trained.predict_proba(other_discs[:0]).shape == (0, 2)


def test_a_prediction_does_not_depend_on_its_neighbours(trained, other_discs):
    together = trained.predict_proba(other_discs)
    alone = np.concatenate([trained.predict_proba(other_discs[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(alone, together[:5], atol=1e-6)


def test_the_threshold_decides_for_two_classes(trained, other_discs):
    probability = trained.predict_proba(other_discs)[:, trained.positive_]
    np.testing.assert_array_equal(trained.predict(other_discs), probability >= 0.5)
    strict = pickle.loads(pickle.dumps(trained))
    strict.threshold_ = float(np.sort(probability)[-3])
    assert strict.predict(other_discs).sum() == 3


def test_more_than_two_classes(small):
    rng = np.random.default_rng(0)
    colours = np.array([[200, 90, 90], [90, 200, 90], [90, 90, 200]])
    y = np.arange(90) % 3
    images = rng.normal(colours[y][:, None, None], 20, (90, 32, 32, 3)).clip(0, 255)
    cells = CellDataset.from_arrays(images.astype(np.uint8), y, np.arange(90) % 9)
    cnn = fit_cnn(cells, epochs=8, learning_rate=5e-3, **small)
    assert cnn.predict_proba(cells).shape == (90, 3)
    assert cnn.threshold_ is None
    assert cnn.positive_ is None
    assert cnn.score(cells) > 0.8


def test_evaluate_takes_it_like_a_head(trained, other_discs, discs):
    result = evaluate(trained, trained.read_cells(other_discs))
    accuracy = next(r for r in result.scores.itertuples() if r.metric == "accuracy")
    assert accuracy.estimate == pytest.approx(trained.score(other_discs))
    assert accuracy.n_subjects == 6
    with pytest.raises(LeakageError, match="in training"):
        evaluate(trained, trained.read_cells(discs))
    with pytest.raises(SpecMismatchError, match="read_cells"):
        evaluate(trained, read_cells(other_discs, input_size=(16, 16)))


def test_a_file_gives_the_same_classifier_back(trained, other_discs, tmp_path):
    import keras

    path = tmp_path / "cnn.keras"
    trained.save(path)
    loaded = load_cnn(path)
    np.testing.assert_array_equal(
        loaded.predict_proba(other_discs), trained.predict_proba(other_discs)
    )
    assert loaded.config == trained.config
    assert loaded.history_.equals(trained.history_)
    assert loaded.train_subjects_ == trained.train_subjects_
    assert loaded.class_names_ == ("hem", "all")
    assert (loaded.positive_, loaded.threshold_) == (1, 0.5)
    assert repr(loaded) == repr(trained)
    stock = keras.models.load_model(path, safe_mode=True)
    pixels = loaded.read_cells(other_discs[:4]).X.astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(stock(pixels))[:, 0], trained.predict_proba(other_discs[:4])[:, 1], atol=1e-6
    )
    assert [p.name for p in tmp_path.iterdir()] == ["cnn.keras"]


def test_control_heads_stand_beside_a_loaded_network(trained, other_discs, tmp_path):
    images = trained.read_cells(other_discs)
    wanted = evaluate(trained, images)
    assert [*wanted.controls] == ["majority", "colour only", "size only"]
    for name in ("cnn.keras", "cnn.leukfeat"):
        save_model(trained, tmp_path / name)
        loaded = load_model(tmp_path / name)
        assert list(loaded.control_heads_) == list(trained.control_heads_)
        found = evaluate(loaded, images)
        pd.testing.assert_frame_equal(found.to_frame(), wanted.to_frame())


def rewrite(path, **changed):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | changed
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            if data is not None:
                archive.writestr(name, data)


def test_files_without_control_heads_stay_readable(trained, other_discs, tmp_path):
    path = tmp_path / "older.keras"
    trained.save(path)
    rewrite(path, **{"controls.skops": None})
    loaded = load_cnn(path)
    assert loaded.control_heads_ == {}
    result = evaluate(loaded, loaded.read_cells(other_discs))
    assert any("no control heads" in note for note in result.notes)


def test_control_heads_that_run_code_are_refused(trained, tmp_path):
    import skops.io

    path = tmp_path / "hostile.keras"
    for held, message in (
        ({"colour": subprocess.Popen}, "not know to be safe.*Popen"),
        ([1.0], "holds no control heads"),
    ):
        trained.save(path)
        rewrite(path, **{"controls.skops": skops.io.dumps(held)})
        with pytest.raises(ValueError, match=message):
            load_cnn(path)
        with pytest.raises(ModelFileError, match=message):
            load_model(path)


def test_control_heads_of_a_scikit_learn_that_cannot_be_read_name_it(
    trained, tmp_path, monkeypatch
):
    import skops.io

    path = tmp_path / "older.keras"
    trained.save(path)
    with zipfile.ZipFile(path) as archive:
        facts = json.loads(archive.read("leukfeat.json"))
    assert facts["versions"]["scikit-learn"] == version("scikit-learn")
    facts["versions"]["scikit-learn"] = "1.7.2"
    rewrite(path, **{"leukfeat.json": json.dumps(facts)})

    def renamed(*args, **kwargs):
        raise AttributeError("'renamed'")

    monkeypatch.setattr(skops.io, "loads", renamed)
    with pytest.raises(ModelFileError, match=r"was written with scikit-learn 1\.7\.2"):
        load_model(path)


def test_a_network_that_would_run_code_is_refused(trained, tmp_path):
    path = tmp_path / "hostile.keras"
    trained.save(path)
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][-1]["config"]["activation"] = {
        "module": "keras.config",
        "class_name": "function",
        "config": "enable_unsafe_deserialization",
        "registered_name": "function",
    }
    rewrite(path, **{"config.json": json.dumps(config)})
    for read in (load_cnn, load_model):
        with pytest.raises(ValueError, match="run code of its author's or read other files"):
            read(path)


def test_no_name_of_a_patient_is_in_the_file(trained, discs, tmp_path):
    trained.save(tmp_path / "cnn.keras")
    with zipfile.ZipFile(tmp_path / "cnn.keras") as archive:
        text = b"".join(archive.read(name) for name in archive.namelist())
    assert not [s for s in set(discs.subjects) if f'"{s}"'.encode() in text]
    assert next(iter(trained.train_subjects_)).encode() in text


def test_what_is_no_network_of_ours_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match=r"end in '\.keras'"):
        trained.save(tmp_path / "cnn.h5")
    (tmp_path / "text.keras").write_text("no archive")
    with pytest.raises(ValueError, match="no network saved by leukfeat"):
        load_cnn(tmp_path / "text.keras")
    trained.model_.save(tmp_path / "stock.keras")
    with pytest.raises(ValueError, match="no network saved by leukfeat"):
        load_cnn(tmp_path / "stock.keras")
    trained.save(tmp_path / "newer.keras")
    with zipfile.ZipFile(tmp_path / "newer.keras") as archive:
        facts = archive.read("leukfeat.json").replace(b'"format": 1', b'"format": 9')
        members = {n: archive.read(n) for n in archive.namelist() if n != "leukfeat.json"}
    with zipfile.ZipFile(tmp_path / "newer.keras", "w") as archive:
        for name, data in (members | {"leukfeat.json": facts}).items():
            archive.writestr(name, data)
    with pytest.raises(ValueError, match="format 9"):
        load_cnn(tmp_path / "newer.keras")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"config": None}, "must be a table"), ({"class_names": [None, "all"]}, "class names are")],
)
def test_facts_of_another_kind_are_refused(trained, tmp_path, wrong, message):
    path = tmp_path / "wrong.keras"
    trained.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["leukfeat.json"] = json.dumps(json.loads(members["leukfeat.json"]) | wrong)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(ModelFileError, match=message):
        load_model(path)


def test_learning_curves_show_both_sides_and_the_kept_epoch(trained):
    figure = trained.plot_history()
    loss, accuracy = figure.axes
    np.testing.assert_array_equal(loss.lines[0].get_ydata(), trained.history_["loss"])
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), trained.history_["val_loss"])
    best = trained.history_["val_loss"].idxmin() + 1
    assert list(accuracy.lines[2].get_xdata()) == [best, best]
    alone = plot_learning_curves(trained.history_[["epoch", "loss", "accuracy"]])
    assert len(alone.axes[0].lines) == 1
