import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from leukfeat.cnn import CNNConfig, fit_cnn
from leukfeat.cnn.checkpoint import Checkpoint, Progress, digest_of
from leukfeat.cnn.network import build_network
from leukfeat.cnn.sides import two_sides
from leukfeat.cnn.steps import Steps
from leukfeat.cnn.training import class_weights
from leukfeat.exceptions import LeakageError
from leukfeat.imaging import augment_cells


def weights_of(cnn):
    return [np.asarray(w) for w in cnn.model_.get_weights()]


def test_it_learns_what_can_be_learnt(trained, other_discs):
    assert trained.history_["loss"].iloc[-1] < 0.6 * trained.history_["loss"].iloc[0]
    assert trained.score(other_discs) > 0.9


def test_the_best_epoch_is_what_is_kept(trained, discs):
    sides = two_sides(discs, None, trained.config)
    images, labels, weights = sides.labelled(sides.validation)
    outcome = Steps(trained.model_).check(images.X.astype(np.float32), labels, weights)
    assert outcome.loss == pytest.approx(trained.history_["val_loss"].min(), rel=1e-5)


@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_the_penalty_is_told_apart_from_the_cross_entropy(l2):
    rng = np.random.default_rng(0)
    config = CNNConfig(input_size=(16, 16), filters=(4,), dense=(3,), l2=l2, batch_norm=False)
    model = build_network(config, 2)
    pixels = rng.uniform(0, 255, (10, 16, 16, 3)).astype(np.float32)
    labels = np.arange(10) % 2
    outcome = Steps(model).check(pixels, labels, np.ones(10, np.float32))
    kernels = [np.asarray(w) for w in model.get_weights() if np.ndim(w) > 1][:-1]
    assert outcome.penalty == pytest.approx(l2 * sum((w**2).sum() for w in kernels), rel=1e-5)
    probability = np.asarray(model(pixels))[:, 0].astype(float)
    cross_entropy = log_loss(labels, probability)
    assert outcome.loss - outcome.penalty == pytest.approx(cross_entropy, rel=1e-4)


def test_a_network_a_fold_is_no_retracing_that_tensorflow_warns_of(trained):
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("tensorflow")
    logger.addHandler(handler)
    try:
        pixels = np.zeros((2, *trained.config.input_size, 3), np.float32)
        for _ in range(8):
            Steps(trained.model_).check(pixels, np.zeros(2, int), np.ones(2, np.float32))
    finally:
        logger.removeHandler(handler)
    assert not [message for message in said if "retracing" in message]


@pytest.mark.parametrize("killed_in", ["epoch", "checkpoint"])
def test_a_killed_training_goes_on_to_the_same_weights(
    discs, small, tmp_path, monkeypatch, killed_in
):
    settings = {**small, "epochs": 3, "patience": None, "dropout": 0.5}
    through = fit_cnn(discs, **settings)
    calls = {"learn": 0, "save": 0}

    def dying(name, original, at):
        def call(self, *arguments):
            calls[name] += 1
            if calls[name] == at:
                raise KeyboardInterrupt
            return original(self, *arguments)

        return call

    with monkeypatch.context() as patch:
        if killed_in == "epoch":
            patch.setattr(Steps, "learn", dying("learn", Steps.learn, at=6))
        else:
            patch.setattr(Checkpoint, "save", dying("save", Checkpoint.save, at=2))
        with pytest.raises(KeyboardInterrupt):
            fit_cnn(discs, checkpoint=tmp_path, **settings)
    resumed = fit_cnn(discs, checkpoint=tmp_path, **settings)
    for a, b in zip(weights_of(through), weights_of(resumed), strict=True):
        np.testing.assert_array_equal(a, b)
    kept = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    assert through.history_[kept].equals(resumed.history_[kept])


def test_killed_while_a_model_is_written_the_state_points_to_whole_files(tmp_path):
    class Model:
        def __init__(self, dies=False):
            self.dies = dies

        def save(self, path):
            path.write_text("half")
            if self.dies:
                raise KeyboardInterrupt
            path.write_text("whole")

    checkpoint = Checkpoint(tmp_path, {"seed": "0"})
    checkpoint.save(Model(), Progress(1, 1, 0.5, [{"loss": 1.0}]))
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(Model(dies=True), Progress(2, 2, 0.4, []))
    progress, last, best = Checkpoint(tmp_path, {"seed": "0"}).load()
    assert progress == Progress(1, 1, 0.5, [{"loss": 1.0}])
    assert {last.read_text(), best.read_text()} == {"whole"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "recursion"),
        (b"[]", "names no format"),
        (b'{"format": 1}', "of which training"),
        (b'{"format": 1, "identity": {"seed": "0"}}', "progress"),
        (
            b'{"format": 1, "identity": {"seed": "0"}, "progress": {}, "last": "a.keras", '
            b'"best": "a.keras"}',
            "a.keras is not there",
        ),
    ],
)
def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path, content, said):
    (tmp_path / "state.json").write_bytes(content)
    with pytest.raises(ValueError, match="cannot be gone on from") as error:
        Checkpoint(tmp_path, {"seed": "0"}).load()
    assert said in str(error.value)
    assert "state.json" in str(error.value)
    assert "overwrite" in str(error.value)


def test_a_checkpoint_of_another_training_is_refused(discs, small, tmp_path):
    settings = {**small, "epochs": 1, "augmentation": None}
    fit_cnn(discs, checkpoint=tmp_path, **settings)
    with pytest.raises(ValueError, match="settings differ"):
        fit_cnn(discs, checkpoint=tmp_path, **settings, l2=0.1)
    with pytest.raises(ValueError, match="training cells, validation cells differ"):
        fit_cnn(discs[:60], checkpoint=tmp_path, **settings)
    with pytest.raises(FileExistsError, match="already holds"):
        fit_cnn(discs, checkpoint=tmp_path, if_checkpoint="error", **settings)
    with pytest.raises(ValueError, match="if_checkpoint"):
        fit_cnn(discs, checkpoint=tmp_path, if_checkpoint="maybe", **settings)
    again = fit_cnn(discs, checkpoint=tmp_path, if_checkpoint="overwrite", **settings, l2=0.1)
    assert len(again.history_) == 1


def test_training_stops_early_and_the_rate_is_halved(discs, small):
    # Labels that say nothing: the loss on unseen subjects soon stops falling.
    rng = np.random.default_rng(0)
    shuffled = type(discs)(
        discs.frame.assign(label=rng.permutation(discs.y)), class_names=discs.class_names
    )
    cnn = fit_cnn(
        shuffled, epochs=40, patience=2, learning_rate=0.02, augmentation=None, l2=0.0, **small
    )
    history = cnn.history_
    best = history["val_loss"].idxmin()
    assert len(history) == best + 3 < 40
    assert history["learning_rate"].iloc[-1] < history["learning_rate"].iloc[0]


def test_a_diverging_training_says_so(discs, small):
    with pytest.raises(FloatingPointError, match="Lower 'learning_rate'"):
        fit_cnn(
            discs, epochs=4, learning_rate=1e30, optimizer="sgd", batch_norm=False,
            augmentation=None, **small,
        )  # fmt: skip


def test_without_validation_the_last_epoch_is_kept(discs, small):
    cnn = fit_cnn(discs[:40], epochs=2, validation_fraction=0, augmentation=None, **small)
    assert len(cnn.history_) == 2
    assert "val_loss" not in cnn.history_
    assert cnn.record.n_validation == 0
    assert "last epoch" in cnn.split_note_


def test_class_weights_give_every_class_the_same_sum():
    y = np.array([0] * 30 + [1] * 10)
    weights = class_weights(y, 2)[y]
    assert weights[y == 0].sum() == pytest.approx(weights[y == 1].sum())
    assert weights.mean() == pytest.approx(1)


def test_a_digest_tells_where_one_part_ends():
    assert digest_of(["a", "b"]) != digest_of(["ab"])
    assert digest_of(np.array([1, 2])) == digest_of(np.array([1, 2]))


def test_views_of_cells_stop_no_training(discs, other_discs, trained):
    more = augment_cells(discs)
    sides = two_sides(more, None, trained.config)
    assert pd.isna(sides.validation.column("parent_id")).all()
    assert not set(sides.validation.ids) & set(sides.training.column("parent_id"))
    assert not pd.isna(sides.training.column("parent_id")).all()
    with pytest.raises(LeakageError, match="30 of 60 test rows are augmented"):
        two_sides(discs, augment_cells(other_discs), trained.config)
