import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from leukfeat.metrics import precision_recall_band, roc_band


def _cells(seed=0):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(30), rng.integers(5, 40, 30))
    y = codes % 2
    return y, np.round(y + 0.5 * rng.normal(size=30)[codes] + rng.normal(size=len(y)), 1), codes


def test_the_roc_passes_through_scikit_learns_points():
    y, score, _ = _cells()
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    band = roc_band(y, score, n_points=201)
    for x, value in zip(band.x, band.y, strict=True):
        assert value == tpr[fpr <= x + 1e-12].max()
    assert np.isnan(band.low).all()


def test_precision_is_scikit_learns_at_the_first_threshold_that_reaches_the_recall():
    y, score, _ = _cells()
    precision, recall, _ = precision_recall_curve(y, score)
    band = precision_recall_band(y, score, n_points=51)
    for x, value in zip(band.x[1:], band.y[1:], strict=True):
        assert value == precision[recall >= x - 1e-12][-1]


def test_the_band_holds_the_curve_and_rises():
    y, score, codes = _cells()
    for compute in (roc_band, precision_recall_band):
        band = compute(y, score, codes)
        known = np.isfinite(band.low)
        assert known.sum() > 90
        inside = (band.low <= band.y + 1e-9) & (band.y <= band.high + 1e-9)
        assert inside[known].all()
    roc = roc_band(y, score, codes)
    assert (np.diff(roc.low[np.isfinite(roc.low)]) >= 0).all()


def test_the_band_covers_the_true_curve_at_a_point():
    rng = np.random.default_rng(1)
    truth = None
    hits = 0
    for repeat in range(-1, 200):
        n = 4000 if repeat < 0 else 30
        codes = np.repeat(np.arange(n), 20)
        y = codes % 2
        score = 1.5 * y + 0.7 * rng.normal(size=n)[codes] + rng.normal(size=len(y))
        band = roc_band(y, score, None if repeat < 0 else codes, n_points=6)
        if repeat < 0:
            truth = band.y[1]
        else:
            hits += band.low[1] <= truth <= band.high[1]
    assert 0.9 <= hits / 200 <= 0.99
