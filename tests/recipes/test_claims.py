import json

import numpy as np
import pytest

from leukfeat import CellDataset, FeatureSet, make_cells
from leukfeat.exceptions import WeightsError
from leukfeat.metrics import Interval
from leukfeat.recipes import claims as claims_module
from leukfeat.recipes import known_claims, try_claims
from leukfeat.recipes.claim_experiments import EXPERIMENTS, Bench, Finding, _paired_mean

TINY = {"input_size": (32, 32), "filters": (4, 4), "dense": (), "epochs": 2, "class_weight": None}
QUIET = {"weights": "random", "progress": False, "n_runs": 2}
EXTRACTION = {"input_size": 32, "layers": "conv2"}


@pytest.fixture(scope="module")
def cells():
    return make_cells(24, 96, size=32)


@pytest.fixture
def bench(cells):
    return Bench(
        cells=cells, features=lambda: None, masks=None, cnn={}, n_runs=3, level=0.95,
        random_state=0, progress=False,
    )  # fmt: skip


def test_every_claim_has_an_experiment_and_says_what_it_expects():
    for claim in known_claims().values():
        assert claim.experiment in EXPERIMENTS
        assert claim.expected in ("higher", "lower")
        assert claim.sentence.endswith(".")
        assert claim.with_ != claim.without


@pytest.mark.parametrize(
    ("low", "high", "expected", "verdict"),
    [
        (0.01, 0.05, "higher", "holds"),
        (0.01, 0.05, "lower", "contradicted"),
        (-0.05, -0.01, "lower", "holds"),
        (-0.01, 0.05, "higher", "not shown"),
        (float("nan"), float("nan"), "higher", "not shown"),
    ],
)
def test_the_verdict_follows_the_interval(low, high, expected, verdict, bench, monkeypatch):
    middle = (low + high) / 2 if low == low else 0.03
    difference = Interval(estimate=middle, low=low, high=high)
    finding = Finding(with_=0.9, without=0.87, difference=difference, note="made")
    monkeypatch.setitem(EXPERIMENTS, "made", lambda *arguments: finding)
    claim = claims_module.Claim(
        name="made", sentence="It is made.", experiment="made", with_={"a": 1}, without={},
        figure="accuracy", expected=expected,
    )  # fmt: skip
    assert claims_module._try(claim, bench).verdict == verdict


def test_the_interval_allows_for_shared_training_cells(bench):
    differences = np.array([0.1, 0.2, 0.3])
    plain = _paired_mean(differences, bench, 10, "runs")
    shared = _paired_mean(differences, bench, 10, "runs", test_to_train=1 / 3)
    assert plain.estimate == shared.estimate == pytest.approx(0.2)
    assert plain.high - 0.2 == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-5)
    assert shared.width / plain.width == pytest.approx(2**0.5)
    assert not _paired_mean(differences[:1], bench, 10, "runs").known


def test_claims_on_features(cells):
    names = ["composite-beats-svm", "irrelevant-features-hurt", "svm-is-memory-efficient"]
    found = try_claims(cells, names=names, extraction=EXTRACTION, **QUIET)
    assert list(found.table["claim"]) == [known_claims()[name].sentence for name in names]
    for name in names[:2]:
        one = found[name]
        assert one.difference.estimate == pytest.approx(one.with_ - one.without, abs=1e-6)
        assert one.difference.n_subjects == 24
    assert all("cells of 24 subjects" in one.note for one in found.verdicts)
    memory = found["svm-is-memory-efficient"]
    assert memory.with_ > 0
    assert memory.without > 0
    assert json.loads(json.dumps(found.to_dict()))["claims"][0]["name"] == names[0]
    assert "| A composite of several classifiers beats the SVM." in found.to_markdown()
    assert "<table" in found._repr_html_()


def test_a_claim_on_networks_compares_pairs_on_the_same_subjects(cells, monkeypatch):
    from leukfeat.recipes import claim_networks

    trained, original = [], claim_networks.fit_cnn

    def noting(images, config, **settings):
        trained.append((tuple(images.ids), config, settings["random_state"]))
        return original(images, config, **settings)

    monkeypatch.setattr(claim_networks, "fit_cnn", noting)
    found = try_claims(cells, names=["augmentation-reduces-overfitting"], cnn=TINY, **QUIET)
    assert len(trained) == 4
    for with_, without in (trained[:2], trained[2:]):
        assert with_[0] == without[0]
        assert with_[2] == without[2]
        assert with_[1].augmentation is not None
        assert without[1].augmentation is None
        assert with_[1].replace(augmentation=None) == without[1]
    assert trained[0][0] != trained[2][0]
    assert found.verdicts[0].difference.known
    assert f"{len(cells)} cells of 24 subjects" in found.verdicts[0].note


def test_a_network_is_trained_once_for_all_claims_and_runs(cells, tmp_path, monkeypatch):
    from leukfeat.recipes import claim_networks

    trained, original = [], claim_networks.fit_cnn

    def noting(images, config, **settings):
        trained.append(config)
        return original(images, config, **settings)

    monkeypatch.setattr(claim_networks, "fit_cnn", noting)
    given = {**QUIET, "n_runs": 1, "cnn": TINY, "output": tmp_path}
    names = ["standardisation-raises-accuracy", "standardisation-raises-f1"]
    first = try_claims(cells, names=names, **given)
    assert len(trained) == 2
    again = try_claims(cells, names=[*names, "batch-norm-reduces-overfitting"], **given)
    assert len(trained) == 3
    for name in names:
        assert again[name].with_ == first[name].with_
        assert again[name].without == first[name].without
    (kept, *_) = sorted((tmp_path / "claims").glob("network-*.json"))
    kept.write_text("[]")
    with pytest.raises(ValueError, match=kept.name):
        try_claims(cells, names=[*names, "batch-norm-reduces-overfitting"], **given)


def test_weights_that_are_not_there_are_told_before_a_network_is_trained(
    cells, tmp_path, monkeypatch
):
    from leukfeat.recipes import claim_networks

    def refuse(*arguments, **settings):
        raise AssertionError("a network was trained")

    monkeypatch.setattr(claim_networks, "fit_cnn", refuse)
    names = ["relu-converges-faster", "composite-beats-svm"]
    given = {**QUIET, "weights": tmp_path / "none.h5"}
    with pytest.raises(WeightsError, match=r"none\.h5"):
        try_claims(cells, names=names, **given)


def test_folds_that_share_training_cells_are_not_counted_as_independent(bench, monkeypatch):
    from leukfeat.recipes import claim_experiments

    sizes = iter([2.0, 2.1, 2.2, 1.0, 1.0, 1.0])
    monkeypatch.setattr(claim_experiments, "_megabytes", lambda head: next(sizes))
    monkeypatch.setattr(claim_experiments, "_head", lambda bench, side: _Nothing())
    y = np.arange(24) % 2
    features = FeatureSet(np.zeros((24, 1)), y, subjects=[f"s{i}" for i in range(24)])
    bench.__dict__["extracted"] = features
    found = EXPERIMENTS["memory"](bench, {"name": "svm"}, {"name": "svm"}, "fitted_megabytes")
    alone = _paired_mean(np.array([1.0, 1.1, 1.2]), bench, 24, "folds")
    assert found.difference.estimate == pytest.approx(alone.estimate)
    assert found.difference.width / alone.width == pytest.approx((1 + 3 / 2) ** 0.5)


class _Nothing:
    def fit(self, features):
        return self


def test_masks_without_masks_are_refused(cells):
    with pytest.raises(ValueError, match="needs a column 'mask'"):
        try_claims(cells, names=["watershed-beats-clustering"], masks=cells, **QUIET)


def test_segmentation_is_scored_on_the_masks_given_and_else_not_tested(cells):
    names = ["watershed-beats-clustering"]
    assert try_claims(cells, names=names, **QUIET).verdicts[0].verdict == "not tested"
    cut_out = make_cells(4, 4, size=120).images
    masks = [(image > 0).any(axis=2) for image in cut_out]
    plasma = np.array([235, 225, 220], np.uint8)
    images = [np.where(m[..., None], i, plasma) for i, m in zip(cut_out, masks, strict=True)]
    given = CellDataset.from_arrays(images, mask=masks)
    one = try_claims(cells, names=names, masks=given, **QUIET).verdicts[0]
    assert 0 <= one.without <= 1
    assert one.difference.n_cells == 4


def test_unknown_claims_are_refused():
    with pytest.raises(ValueError, match="relu-converges-faster"):
        try_claims(names=["relu-is-nice"])
