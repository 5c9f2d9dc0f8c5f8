import hashlib
import json
import os
import resource
import shutil

import h5py
import numpy as np
import pytest

from leukfeat import CellDataset, evaluate, extract_features, fit_head
from leukfeat.cnn import FineTuneConfig, fine_tune_backbone, load_fine_tuned
from leukfeat.cnn.steps import Steps
from leukfeat.exceptions import LeakageError, SeenByBackboneWarning, WeightsError
from leukfeat.features.backbones import find_backbone
from leukfeat.features.seen_data import FACTS, read_facts, seen_by, seen_by_weights
from leukfeat.features.weights import find_weights, load_weights
from leukfeat.imaging import CellAugmentation

# A small network of the registry: what is tested is the same for all.
SMALL = "mobilenetv2"
TINY = {"input_size": (32, 32), "backbone": SMALL, "weights": "random", "progress": False}


@pytest.fixture(scope="module")
def tuned(discs, tmp_path_factory):
    """Return weights whose tuning was killed in its second epoch, and went on."""
    folder = tmp_path_factory.mktemp("tuned")
    path = folder / "conv5.weights.h5"
    settings = {**TINY, "epochs": 2, "learning_rate": 1e-3, "checkpoint": folder / "kept"}
    learn, calls = Steps.learn, iter(range(100))

    def dying(self, *arguments):
        if next(calls) == 3:
            raise KeyboardInterrupt
        return learn(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Steps, "learn", dying)
        with pytest.raises(KeyboardInterrupt):
            fine_tune_backbone(discs, path, **settings)
        assert next(calls) == 4
        assert not path.exists()
        patch.setattr(Steps, "learn", dying)
        tuned = fine_tune_backbone(discs, path, **settings)
    assert next(calls) == 4 + 1 + 2, "the first epoch was computed again"
    assert sorted(p.name for p in folder.iterdir()) == ["conv5.weights.h5", "kept"]
    return tuned


def test_only_the_last_stage_has_changed(tuned):
    network = find_backbone(SMALL)
    before = load_weights(network, find_weights(network, "random", 0), (32, 32))
    after = load_weights(network, find_weights(network, tuned), (32, 32))
    changed = {
        layer.name
        for layer in before.layers
        if layer.weights
        for a, b in zip(layer.get_weights(), after.get_layer(layer.name).get_weights(), strict=True)
        if (a != b).any()
    }
    assert changed
    assert changed <= set(tuned.layers)
    names = [layer.name for layer in before.layers]
    boundary, _ = network.stages["conv4"]
    assert all(names.index(name) > names.index(boundary) for name in changed)
    assert not any("BN" in name for name in changed)


def test_a_tuning_that_was_stopped_has_the_digest_of_one_that_was_not(tuned, discs, tmp_path):
    network = find_backbone(SMALL)
    given = {**TINY, "epochs": 2, "learning_rate": 1e-3}
    through = fine_tune_backbone(discs, tmp_path / "through.weights.h5", **given)
    digest = find_weights(network, through).digest
    assert not through.history_["seconds"].equals(tuned.history_["seconds"])
    assert digest == find_weights(network, tuned).digest
    assert seen_by_weights("file", digest).subjects == tuned.record.subjects
    # One number of the weights changed is another digest.
    other = shutil.copy(through.path, tmp_path / "other.weights.h5")
    with h5py.File(other, "r+") as file:
        found = []
        file.visititems(
            lambda name, entry: found.append(name) if "vars/0" in name and entry.ndim == 4 else None
        )
        file[found[0]][0, 0, 0, 0] += 1
    assert find_weights(network, other).digest != digest
    # A file of an older version is named by all its bytes, as before.
    older = shutil.copy(through.path, tmp_path / "older.weights.h5")
    facts = read_facts(older)
    del facts["digest"]
    with h5py.File(older, "r+") as file:
        del file[FACTS]
        file.create_dataset(FACTS, data=np.frombuffer(json.dumps(facts).encode(), np.uint8))
    digest = find_weights(network, older).digest
    assert (
        digest
        == "sha256:" + hashlib.sha256((tmp_path / "older.weights.h5").read_bytes()).hexdigest()
    )


def test_the_weights_give_features_of_a_space_of_their_own(tuned, discs, other_discs):
    settings = {"backbone": SMALL, "input_size": 32, "progress": False, "engine": "keras"}
    before = extract_features(other_discs, weights="random", **settings)
    after = extract_features(other_discs, weights=tuned, **settings)
    assert before.spec.differences(after.spec)
    assert (before.X != after.X).any()

    def separation(features):
        means = [features.X[features.y == label].mean(axis=0) for label in (0, 1)]
        return np.linalg.norm(means[0] - means[1]) / features.X.std(axis=0).mean()

    assert separation(after) > separation(before)


def test_the_file_remembers_what_it_was_tuned_on(tuned, discs, other_discs):
    again = load_fine_tuned(tuned)
    assert os.fspath(again) == str(tuned.path)
    assert again.record.subjects == tuned.record.subjects
    assert again.history_.equals(tuned.history_)
    assert again.settings["stages"] == 1
    assert len(repr(again)) < 300
    assert "epochs on" in repr(again)
    again.check_unseen(other_discs)
    with pytest.raises(LeakageError, match="10 subjects"):
        again.check_unseen(discs)
    nameless = CellDataset(discs.frame.drop(columns="subject"), class_names=discs.class_names)
    with pytest.raises(LeakageError, match=r"on 0 subjects .* on 5 of their images"):
        again.check_unseen(nameless[:5])
    again.check_unseen(
        CellDataset(other_discs.frame.drop(columns="subject"), class_names=discs.class_names)
    )
    features = extract_features(
        nameless[:5], weights="random", input_size=32, layers="conv2", progress=False
    )
    with pytest.raises(LeakageError, match="on 5 of their images"):
        again.check_unseen(features)
    assert [line.get_ydata()[0] for line in again.plot_history().axes[0].lines]


def test_evaluating_on_the_tuning_cells_says_so(tuned, discs, other_discs, tmp_path):
    # By path alone, under another name: the file tells, and not the object.
    copied = shutil.copy(tuned.path, tmp_path / "renamed.weights.h5")
    settings = {"backbone": SMALL, "input_size": 32, "progress": False, "engine": "keras"}
    features = extract_features(other_discs, weights=str(copied), **settings)
    head = fit_head(features, "logistic_regression", tune=False)
    test = extract_features(discs, weights=str(copied), **settings)
    with pytest.warns(SeenByBackboneWarning, match="trained on 10 subjects of these cells"):
        result = evaluate(head, test)
    assert any("80 of 80 images" in note for note in result.notes)
    assert seen_by(test.spec).subjects == tuned.record.subjects


def test_what_the_first_weights_had_seen_is_handed_on(tuned, discs, other_discs, tmp_path):
    settings = TINY | {"weights": tuned}
    again = fine_tune_backbone(other_discs, tmp_path / "again.weights.h5", epochs=1, **settings)
    assert load_fine_tuned(again).before.subjects == tuned.record.subjects
    with pytest.raises(LeakageError, match="10 subjects"):
        again.check_unseen(discs)
    with pytest.raises(LeakageError, match="6 subjects"):
        again.check_unseen(other_discs)


def test_with_augmentation_the_whole_network_runs(discs, tmp_path):
    tuned = fine_tune_backbone(
        discs[:40], tmp_path / "t.weights.h5", epochs=1, augmentation=CellAugmentation(), **TINY
    )
    assert len(tuned.history_) == 1
    assert load_fine_tuned(tuned).settings["augmentation"]["flip"] is True


def test_wrong_arguments_are_named(discs, tmp_path):
    with pytest.raises(ValueError, match=r"\.weights\.h5"):
        fine_tune_backbone(discs, tmp_path / "tuned.h5", **TINY)
    with pytest.raises(ValueError, match="at most 3"):
        fine_tune_backbone(discs, tmp_path / "t.weights.h5", stages=4, **TINY)
    with pytest.raises(ValueError, match="branch goes round"):
        fine_tune_backbone(discs, tmp_path / "t.weights.h5", **{**TINY, "backbone": "convnexttiny"})
    with pytest.raises(ValueError, match="stages"):
        FineTuneConfig(stages=0)
    (tmp_path / "x.weights.h5").write_bytes(b"no HDF5")
    with pytest.raises(WeightsError, match="no weights file of fine_tune_backbone"):
        load_fine_tuned(tmp_path / "x.weights.h5")


@pytest.mark.parametrize("backbone", ["resnet50", "vgg16", "densenet121", "inceptionv3"])
def test_every_network_has_a_last_stage_to_tune(backbone):
    from leukfeat.cnn.fine_tuning import _boundary, _freeze_up_to

    network = find_backbone(backbone)
    whole = network.build((75, 75), None)
    tuned = _freeze_up_to(whole, _boundary(network, 1))
    assert tuned
    assert 0 < sum(np.size(w) for w in whole.trainable_weights) < whole.count_params()


def replaced(file, **dataset):
    del file[FACTS]
    file.create_dataset(FACTS, **dataset)


def huge(file, path):
    replaced(file, shape=(3 << 30,), dtype="u1", chunks=(1 << 20,))


def table(file, path):
    replaced(file, shape=(1 << 16, 1 << 16), dtype="u1", chunks=(1 << 10, 1 << 10))


def numbers(file, path):
    replaced(file, data=np.zeros(9))


def scalar(file, path):
    replaced(file, data=np.uint8(3))


def no_json(file, path):
    replaced(file, data=np.frombuffer(b"{", np.uint8))


def a_list(file, path):
    replaced(file, data=np.frombuffer(b"[1]", np.uint8))


def deep(file, path):
    replaced(file, data=np.frombuffer(b"[" * 100_000, np.uint8))


def group(file, path):
    del file[FACTS]
    file.create_group(FACTS)


def linked(file, path):
    with h5py.File(path.with_name("outside.h5"), "w") as outside:
        outside["facts"] = np.frombuffer(b"{}", np.uint8)
    del file["leukfeat"]
    file[FACTS] = h5py.ExternalLink(str(path.with_name("outside.h5")), "/facts")


@pytest.mark.parametrize(
    "attack", [huge, table, numbers, scalar, no_json, a_list, deep, group, linked]
)
def test_facts_that_are_none_are_refused_with_the_file(tuned, tmp_path, attack):
    path = tmp_path / "forged.weights.h5"
    shutil.copy(tuned, path)
    with h5py.File(path, "r+") as file:
        attack(file, path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in (load_fine_tuned, read_facts, lambda p: find_weights(find_backbone(SMALL), p)):
        with pytest.raises(WeightsError, match=r"forged\.weights\.h5"):
            read(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_facts_that_lack_a_part_are_refused_with_the_file(tuned, tmp_path):
    path = tmp_path / "forged.weights.h5"
    shutil.copy(tuned, path)
    with h5py.File(path, "r+") as file:
        replaced(file, data=np.frombuffer(b'{"format": 1, "record": 5}', np.uint8))
    with pytest.raises(WeightsError, match=r"forged\.weights\.h5.*damaged"):
        load_fine_tuned(path)
