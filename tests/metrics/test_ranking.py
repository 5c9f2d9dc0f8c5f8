import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from leukfeat import metrics as lm


def _clustered(rng, *, mixed, n_subjects=12, ties=True):
    codes = np.repeat(np.arange(n_subjects), rng.integers(3, 20, n_subjects))
    y = rng.integers(0, 2, len(codes)) if mixed else (codes % 2)
    score = y + rng.normal(size=n_subjects)[codes] + rng.normal(size=len(codes))
    return y, np.round(score, 1) if ties else score, codes


@pytest.mark.parametrize("mixed", [True, False])
def test_every_left_out_area_is_scikit_learns(mixed):
    y, score, codes = _clustered(np.random.default_rng(0), mixed=mixed)
    area, without = lm.auroc_by_subject(y, score, codes, n_subjects=12)
    ap, ap_without = lm.average_precision_by_subject(y, score, codes, n_subjects=12)
    assert area == pytest.approx(roc_auc_score(y, score))
    assert ap == pytest.approx(average_precision_score(y, score))
    for i in range(12):
        keep = codes != i
        assert without[i] == pytest.approx(roc_auc_score(y[keep], score[keep]))
        assert ap_without[i] == pytest.approx(average_precision_score(y[keep], score[keep]))


@pytest.mark.parametrize("mixed", [True, False])
def test_cell_weights_are_scikit_learns_sample_weights(mixed):
    rng = np.random.default_rng(1)
    y, score, codes = _clustered(rng, mixed=mixed)
    weights = rng.random(len(y))
    area, _ = lm.auroc_by_subject(y, score, codes, n_subjects=12, weights=weights)
    ap, _ = lm.average_precision_by_subject(y, score, codes, n_subjects=12, weights=weights)
    assert area == pytest.approx(roc_auc_score(y, score, sample_weight=weights))
    assert ap == pytest.approx(average_precision_score(y, score, sample_weight=weights))


def test_subject_weights_give_the_mean_over_pairs_of_subjects():
    y, score, codes = _clustered(np.random.default_rng(2), mixed=False)
    weights = 1 / np.bincount(codes)[codes]
    area, _ = lm.auroc_by_subject(y, score, codes, n_subjects=12, weights=weights)
    pairs = [
        roc_auc_score(y[(codes == i) | (codes == j)], score[(codes == i) | (codes == j)])
        for i in range(1, 12, 2)
        for j in range(0, 12, 2)
    ]
    assert area == pytest.approx(np.mean(pairs))


def _obuchowski_by_the_book(y, score, codes):
    """Biometrics 53, equations 2 to 5, with every kernel written out."""
    up, down = score[y == 1], score[y == 0]
    kernel = (up[:, None] > down) + 0.5 * (up[:, None] == down)
    area, m, n = kernel.mean(), len(up), len(down)
    v10, v01 = kernel.mean(1), kernel.mean(0)
    c1, c0 = codes[y == 1], codes[y == 0]
    subjects = np.unique(codes)
    a = np.array([(v10[c1 == s] - area).sum() for s in subjects])
    b = np.array([(v01[c0 == s] - area).sum() for s in subjects])
    i10, i01, total = len(np.unique(c1)), len(np.unique(c0)), len(subjects)
    s10 = i10 / ((i10 - 1) * m) * (a**2).sum()
    s01 = i01 / ((i01 - 1) * n) * (b**2).sum()
    s11 = total / (total - 1) * (a * b).sum()
    return s10 / m + s01 / n + 2 * s11 / (m * n)


@pytest.mark.parametrize("mixed", [True, False])
def test_obuchowskis_variance(mixed):
    y, score, codes = _clustered(np.random.default_rng(3), mixed=mixed)
    variance = lm.obuchowski_variance(y, score, codes, n_subjects=12)
    assert variance == pytest.approx(_obuchowski_by_the_book(y, score, codes))


def test_with_single_cells_it_is_delongs_variance():
    rng = np.random.default_rng(4)
    y, score, _ = _clustered(rng, mixed=True)
    up, down = score[y == 1], score[y == 0]
    kernel = (up[:, None] > down) + 0.5 * (up[:, None] == down)
    delong = kernel.mean(1).var(ddof=1) / len(up) + kernel.mean(0).var(ddof=1) / len(down)
    ours = lm.obuchowski_variance(y, score, np.arange(len(y)), n_subjects=len(y))
    assert ours == pytest.approx(delong)


def test_a_missing_class_has_no_area():
    area, without = lm.auroc_by_subject([1, 1], [0.1, 0.2], [0, 1], n_subjects=2)
    assert np.isnan(area)
    assert np.isnan(without).all()
    area, without = lm.auroc_by_subject([1, 1, 0], [0.1, 0.2, 0.0], [0, 1, 2], n_subjects=3)
    assert area == 1
    np.testing.assert_array_equal(without, [1, 1, np.nan])
    assert np.isnan(lm.obuchowski_variance([1, 1, 0], [0.1, 0.2, 0.0], [0, 1, 2], n_subjects=3))
