import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from leukfeat.evaluation import feature_gradient, occlusion_evidence, pooled_evidence


def _maps(rng, n=80):
    """Maps of 5 x 5 places; class 1 has a cue in the upper left four."""
    y = np.arange(n) % 2
    maps = rng.normal(size=(n, 5, 5, 8))
    maps[y == 1, :2, :2, 0] += 8
    return maps, y


def test_a_linear_heads_evidence_sums_to_its_score():
    maps, y = _maps(np.random.default_rng(0))
    head = make_pipeline(StandardScaler(), LogisticRegression()).fit(maps.mean((1, 2)), y)
    scale, linear = head[0], head[1]
    slope = linear.coef_[0] / scale.scale_
    evidence = pooled_evidence(head.decision_function, maps[1])
    np.testing.assert_allclose(evidence, maps[1] @ slope / 25, rtol=1e-4, atol=1e-8)
    constant = linear.intercept_[0] - scale.mean_ @ slope
    score = head.decision_function(maps[1].mean((0, 1))[None])[0]
    assert evidence.sum() + constant == pytest.approx(score, rel=1e-4)


def test_an_rbf_svms_slope_is_that_of_its_kernel():
    maps, y = _maps(np.random.default_rng(1))
    X = maps.mean((1, 2))
    svm = SVC(gamma=0.3).fit(X, y)
    k = np.exp(-0.3 * ((X[0] - svm.support_vectors_) ** 2).sum(1))
    expected = -0.6 * (svm.dual_coef_[0] * k) @ (X[0] - svm.support_vectors_)
    np.testing.assert_allclose(feature_gradient(svm.decision_function, X[0]), expected, atol=1e-5)
    assert len(feature_gradient(svm.decision_function, X[0], block=3)) == 8


def test_a_planted_cue_holds_most_of_the_positive_evidence_and_shuffled_labels_do_not():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(2)
    maps, y = _maps(rng, 200)
    maps = np.abs(maps)  # as after a rectifier
    X = maps.mean((1, 2))
    head = make_pipeline(StandardScaler(), SVC()).fit(X[:100], y[:100])
    base = X[:100].mean(0)
    shares, ranks = [], []
    for i in range(101, 200, 4):
        found = pooled_evidence(head.decision_function, maps[i], baseline=base)
        rise = head.decision_function(maps[i].mean((0, 1))[None]) - head.decision_function(
            base[None]
        )
        assert found.sum() == pytest.approx(rise[0], abs=0.05)
        positive = np.maximum(found, 0)
        shares.append(positive[:2, :2].sum() / positive.sum())
        shuffled = make_pipeline(StandardScaler(), SVC()).fit(
            X[:100], np.random.default_rng(i).permutation(y[:100])
        )
        other = pooled_evidence(shuffled.decision_function, maps[i], baseline=base)
        ranks.append(spearmanr(found.ravel(), other.ravel()).statistic)
    assert np.mean(shares) >= 0.5
    assert abs(np.mean(ranks)) < 0.2


def test_covering_the_cue_lowers_the_score():
    image = np.zeros((40, 40, 3), np.uint8)
    image[8:16, 8:16] = 200

    def score(images):
        return np.array([i[..., 0].mean() for i in images])

    evidence = occlusion_evidence(score, image, window=8, stride=4)
    assert evidence.shape == (40, 40)
    assert evidence[12, 12] > 0
    assert evidence[32, 32] == 0
    assert evidence[4:20, 4:20].sum() == pytest.approx(evidence.sum())
    with pytest.raises(ValueError, match="at least 1 pixel"):
        occlusion_evidence(score, image, window=0)
    with pytest.raises(ValueError, match="height, width, n_features"):
        pooled_evidence(score, np.zeros((3, 3)))
