import numpy as np
import pytest
from scipy.stats import spearmanr

import leukfeat as lf
from leukfeat.evaluation import EvidenceMap, write_evidence
from leukfeat.evaluation.evidence_pictures import evidence_picture
from leukfeat.exceptions import SpecMismatchError

NETWORK = {"weights": "random", "layers": "conv2", "input_size": 48}
CORNER = np.s_[0:16, 0:16]


@pytest.fixture(scope="module")
def planted():
    """Grey noise; cells of one class have a bright coloured corner."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    images = [rng.integers(90, 120, (48, 48, 3), dtype=np.uint8) for _ in y]
    for image, label in zip(images, y, strict=True):
        if label:
            image[CORNER] = rng.integers(180, 255, (16, 16, 3))
    subjects = [f"S{i // 4}{label}" for i, label in enumerate(y)]
    cells = lf.CellDataset.from_arrays(
        images, y, subjects, class_names=["hem", "all"], positive="all"
    )
    return cells, lf.extract_features(cells, progress=False, **NETWORK)


def _head(features, name="logistic_regression", y=None):
    if y is not None:
        features = features[np.arange(len(features))]
        features.y = y
        features.subjects = features.groups = None
    return lf.fit_head(features, name, tune=False, cv=3, controls=False)


def _share(found):
    positive = np.maximum(found, 0)
    n = len(found) // 3  # a third of the side, and the border that the network sees besides
    return positive[: n + 1, : n + 1].sum() / positive.sum()


def test_a_linear_heads_map_adds_up_to_its_log_odds(planted):
    cells, features = planted
    head = _head(features)
    maps = EvidenceMap(head, weights="random")
    assert maps.method == "gradient"
    p = head.predict_proba(features)[:, 1]
    log_odds = np.log(p) - np.log1p(-p)
    one, two = maps(cells.images[1]), maps(cells.images[2])
    assert one.shape == (12, 12)
    assert one.sum() - two.sum() == pytest.approx(log_odds[1] - log_odds[2], rel=0.02)


@pytest.mark.parametrize("name", ["logistic_regression", "svm", "random_forest"])
def test_a_planted_cue_holds_half_of_the_evidence_whatever_the_head(planted, name):
    cells, features = planted
    head = _head(features, name)
    baseline = features.X[features.y == 0].mean(0)
    maps = EvidenceMap(head, weights="random", baseline=baseline, window=12, stride=6)
    assert maps.method == ("occlusion" if name == "random_forest" else "gradient")
    assert np.mean([_share(maps(cells.images[i])) for i in (1, 21, 41)]) >= 0.5


def test_after_shuffling_labels_the_map_is_another(planted):
    cells, features = planted
    baseline = features.X[features.y == 0].mean(0)
    true = EvidenceMap(_head(features), weights="random", baseline=baseline)
    ranks = []
    for seed in range(12):
        y = np.random.default_rng(seed).permutation(features.y)
        other = EvidenceMap(_head(features, y=y), weights="random", baseline=baseline)
        image = cells.images[2 * seed + 1]
        ranks.append(spearmanr(true(image).ravel(), other(image).ravel()).statistic)
    assert abs(np.mean(ranks)) < 0.2


def test_what_has_no_map_is_said(planted):
    _, features = planted
    with pytest.raises(SpecMismatchError, match="fitted on features of a network"):
        EvidenceMap(_head(lf.FeatureSet(features.X, features.y, subjects=features.subjects)))
    head = _head(features)
    with pytest.raises(SpecMismatchError, match="Give those that extract_features was given"):
        EvidenceMap(head, weights="random", random_state=1)
    with pytest.raises(ValueError, match="must be one of the classes"):
        EvidenceMap(head, weights="random", target="none")
    with pytest.raises(ValueError, match="made of trees"):
        EvidenceMap(_head(features, "random_forest"), weights="random", method="gradient")
    with pytest.raises(ValueError, match="'method' must be"):
        EvidenceMap(head, weights="random", method="guess")


def test_a_classifier_brings_weights_and_baseline(planted):
    cells, features = planted
    head = _head(features)
    classifier = lf.CellClassifier(head, features)
    of_classifier = EvidenceMap(classifier)
    mean = features.X.mean(0)
    by_hand = EvidenceMap(head, weights="random", baseline=mean)
    image = cells.images[1]
    np.testing.assert_allclose(of_classifier(image), by_hand(image), rtol=1e-3, atol=1e-5)
    assert of_classifier.target == "all"
    assert EvidenceMap(head, weights="random", target="hem").target == "hem"


def test_a_map_belongs_to_what_the_network_saw(tmp_path):
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 255, (60, 90, 3), dtype=np.uint8) for _ in range(24)]
    cells = lf.CellDataset.from_arrays(
        images, np.arange(24) % 2, class_names=["hem", "all"], positive="all"
    )
    features = lf.extract_features(cells, progress=False, crop=40, **NETWORK)
    maps = EvidenceMap(_head(features), weights="random")
    assert maps.picture(images[0]).shape == (48, 48, 3)
    assert evidence_picture(maps, images[0]).shape == (48, 48, 3)
    cover = EvidenceMap(_head(features), weights="random", method="occlusion", window=30, stride=30)
    assert cover.picture(images[0]).shape == (60, 90, 3)
    (tmp_path / "gone.png").write_bytes(b"")
    table = write_evidence(
        maps, [images[0], str(tmp_path / "gone.png")], tmp_path / "maps", errors="skip"
    )
    assert [p.name for p in (tmp_path / "maps").iterdir()] == ["0000_cell.png"]
    assert table["reason"].str.contains("gone.png").tolist() == [False, True]
    assert table["evidence"][0] == pytest.approx(maps(images[0]).sum())
    assert abs(table["strongest"][0]) == pytest.approx(np.abs(maps(images[0])).max())
    covered = write_evidence(cover, images[:1], tmp_path / "covers", titles=["$5 and \u767d"])
    assert covered["evidence"].isna().all()
    assert abs(covered["strongest"][0]) == pytest.approx(np.abs(cover(images[0])).max())
    assert "fall when a place is covered" in cover.meaning
    assert "constant" in maps.meaning
    assert (
        "baseline"
        in EvidenceMap(_head(features), weights="random", baseline=0 * features.X[0]).meaning
    )
    with pytest.raises(ValueError, match=r"gone\.png"):
        write_evidence(maps, [str(tmp_path / "gone.png")], tmp_path / "maps")
